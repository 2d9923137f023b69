"""Faults of the machine: a stopped process, a starved one, a clock that is set."""

import signal
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

from tests.faults.device import NOBODY_S, SOUND, device
from tests.faults.row import Row, RowSkippedError, last_telemetry, longest_pause_s, row

STOPPED_S = 5.0
STARVED_S = 10.0
STEP_S = 3 * 3600.0


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


def _clock_stepped(folder: Path, step_s: float) -> Row:
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not found:
        raise RowSkippedError("libfaketime is not installed")
    folder.mkdir(parents=True)
    offset = folder / "offset"
    offset.write_text("+0\n")
    env = {
        "LD_PRELOAD": str(found[0]),
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    with device(folder, env=env) as d:
        time.sleep(2.0)
        stepped = time.monotonic()
        (folder / "new").write_text(f"{step_s:+.0f}\n")
        (folder / "new").rename(offset)
        followed = d.wait_for("pose", stepped, lambda m: abs(_ahead_s(m) - step_s) < 60.0, 15.0)
        time.sleep(5.0)
        d.wait_for("event", followed, lambda m: True)
        now = time.monotonic()
        pause = longest_pause_s(d, stepped, now)
        assert pause < NOBODY_S + 1.0, f"no pose for {pause:.1f} s"
        for topic in ("pose", "event"):
            numbers = [m["sequence"] for _, m in d.messages(topic)]
            assert numbers == sorted(set(numbers)), f"{topic} sequence {numbers}"
        assert all(abs(_ahead_s(m) - step_s) < 60.0 for _, m in d.messages("pose", followed))
        assert {m["scale_source"] for _, m in d.messages("pose", followed)} >= {SOUND}
    return Row(f"clock set by {step_s / 3600:+.0f} h", "timestamps followed, numbers kept growing", "nothing", pause)


def _ahead_s(message: dict[str, str]) -> float:
    """How far a message's timestamp is ahead of our clock [s]."""
    return datetime.fromisoformat(message["timestamp"]).timestamp() - time.time()


@row
def clock_forward(folder: Path) -> Row:
    return _clock_stepped(folder, STEP_S)


@row
def clock_back(folder: Path) -> Row:
    return _clock_stepped(folder, -STEP_S)
