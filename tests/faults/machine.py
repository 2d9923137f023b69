"""Faults of the machine: a stopped process, a starved one."""

import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.faults.device import SOUND, device
from tests.faults.row import Row, last_telemetry, row

STOPPED_S = 5.0
STARVED_S = 10.0


@row
def process_stopped(folder: Path) -> Row:
    with device(folder) as d:
        d.wait_for("telemetry", time.monotonic(), lambda m: True)
        before = last_telemetry(d)
        d.send(signal.SIGSTOP)
        time.sleep(STOPPED_S)
        d.send(signal.SIGCONT)
        go = time.monotonic()
        back = d.wait_pose(go, SOUND)
        d.wait_for("telemetry", back, lambda m: m["xruns"] > before["xruns"])
        d.wait_for("telemetry", time.monotonic() + 1.0, lambda m: True)
        told = last_telemetry(d)
        assert not [m for _, m in d.messages("event") if m["kind"] == "fall"], "a fall that nobody had"
        assert not [line for line in d.log.splitlines() if line.startswith("ERROR")], d.log
        faulty = told["periods_faulty"] - before["periods_faulty"]
        xruns = told["xruns"] - before["xruns"]
    return Row("process stopped for 5 s", f"{xruns} xruns, {faulty} faulty periods, counted", "the 5 s", back - go)


@row
def cpu_starved(folder: Path) -> Row:
    with device(folder) as d:
        d.wait_for("telemetry", time.monotonic(), lambda m: True)
        before, began = last_telemetry(d), time.monotonic()
        busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(8)]
        try:
            time.sleep(STARVED_S)
        finally:
            for process in busy:
                process.kill()
                process.wait()
        over = time.monotonic()
        during = [m for t, m in d.messages("pose", began) if t < over]
        assert during, "not one pose came"
        back = d.wait_pose(over, SOUND)
        d.wait_for("telemetry", over + 1.0, lambda m: True)
        dropped = last_telemetry(d)["frames_dropped"] - before["frames_dropped"]
        missed = during[-1]["frame"] - during[0]["frame"] + 1 - len(during)
        assert dropped > 0, f"{missed} frames without a pose, but none counted as dropped"
    return Row("8 busy processes for 10 s", f"{len(during) / STARVED_S:.0f} poses/s", f"{dropped} frames, counted", back - over)
