"""Faults of the machine: stopped, starved, a stepped clock, no memory, a sudden end."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from tests.system.faults.clock import SteppedClock
from tests.system.faults.device import NOBODY_S, SOUND, Device, device, scale_of
from tests.system.faults.row import (
    FAULT_S,
    Row,
    RowSkippedError,
    last_telemetry,
    longest_pause_s,
    lost_events,
    row,
)

STOPPED_S = 5.0
STARVED_S = 10.0
STEP_S = 3 * 3600
RESTART_S = 5.0  # RestartSec of the unit that deploy/ installs


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
        assert not [m for _, m in d.messages("event") if m["kind"] == "fall"], (
            "a fall that nobody had"
        )
        assert not [line for line in d.log.splitlines() if line.startswith("ERROR")], d.log
        faulty = told["periods_faulty"] - before["periods_faulty"]
        xruns = told["xruns"] - before["xruns"]
    return Row(
        "process stopped for 5 s",
        f"{xruns} xruns, {faulty} faulty periods, counted",
        "the 5 s",
        back - go,
    )


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
    return Row(
        "8 busy processes for 10 s",
        f"{len(during) / STARVED_S:.0f} poses/s",
        f"{dropped} frames, counted",
        back - over,
    )


def _clock_error_s(d: Device, since: float) -> float:
    """How far the timestamps of the sensor's messages are from our clock, median [s]."""
    apart = sorted(
        datetime.fromisoformat(m["timestamp"]).timestamp() - (time.time() - time.monotonic() + t)
        for t, m in d.messages("pose", since)
    )
    return apart[len(apart) // 2]


def _stepped(folder: Path, step_s: int, fault: str) -> Row:
    clock = SteppedClock(folder)
    with device(folder, env=clock.env) as d:
        assert abs(_clock_error_s(d, 0.0)) < 60.0
        said, began = len(d.log), time.monotonic()
        clock.step(step_s)
        back = d.wait_pose(began, SOUND)
        time.sleep(2 * FAULT_S)
        assert abs(_clock_error_s(d, began + 0.5) - step_s) < 60.0, (
            "the step did not reach the sensor"
        )
        there = time.monotonic()
        clock.step(0)
        d.wait_pose(there, SOUND)
        d.wait_for("event", there, lambda m: True)
        d.wait_for("telemetry", there + 1.0, lambda m: True)
        over = time.monotonic()
        assert longest_pause_s(d, began, over) < NOBODY_S + 1.0
        by_sound = [scale_of(m) == SOUND for _, m in d.messages("pose", began)]
        assert sum(by_sound) > 0.9 * len(by_sound), (
            f"{sum(by_sound)} of {len(by_sound)} poses by sound"
        )
        assert lost_events(d) == 0
        complaints = [
            line for line in d.log[said:].splitlines() if line.startswith(("ERROR", "WARNING"))
        ]
        assert not [line for line in complaints if "xrun" not in line], (
            complaints
        )  # of a machine that many share
        told = last_telemetry(d)
        assert told["connections"] == 1
        assert 0.0 < told["uptime_s"] < over - began + 120.0
    return Row(
        fault, "went on; timestamps follow the clock, nothing else does", "nothing", back - began
    )


@row
def clock_forward(folder: Path) -> Row:
    return _stepped(folder, STEP_S, "clock 3 h forward, then back")


@row
def clock_backward(folder: Path) -> Row:
    return _stepped(folder, -STEP_S, "clock 3 h backward, then forward")


@contextmanager
def _memory_group() -> Iterator[tuple[Path, Path]]:
    """A control group and its limit's file. Raises RowSkippedError without one."""
    for root, limit in (
        ("/sys/fs/cgroup", "memory.max"),
        ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
    ):
        group = Path(root) / f"posekernel-fault-{os.getpid()}"
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            if (group / limit).exists():
                yield group, group / limit
                return
        finally:
            _remove(group)
    raise RowSkippedError("no memory control group may be made here")


def _remove(group: Path) -> None:
    for _ in range(50):  # until the kernel has buried the process
        try:
            group.rmdir()
        except OSError:
            time.sleep(0.1)
        else:
            return


def _restarted(d: Device) -> tuple[float, float]:
    """The dead sensor is started again; when it died, and when a pose by sound came."""
    died = time.monotonic()
    time.sleep(RESTART_S)
    again = time.monotonic()
    d.start()
    back = d.wait_pose(again, SOUND)
    d.wait_for("event", again, lambda m: True)
    assert "damaged" not in d.log
    assert "cannot be used" not in d.log
    return died, back


@row
def memory_exhausted(folder: Path) -> Row:
    with _memory_group() as (group, limit), device(folder) as d:
        (group / "cgroup.procs").write_text(str(d.process.pid))
        limit.write_text("16M")  # what it takes from now on
        d.client.publish("posekernel/hall/cmd/reload", "{}", qos=1)
        code = d.process.wait(30.0)
        assert code == -signal.SIGKILL, f"it ended with {code}"
        died, back = _restarted(d)
        missing = lost_events(d)
        assert missing == 0
    return Row(
        "out of memory, killed by the kernel",
        "restarted by its supervisor after 5 s",
        "poses of that time; 0 events",
        back - died,
    )


@row
def killed(folder: Path) -> Row:
    with device(folder) as d:
        assert d.command("mute", '{"on": false}')["ok"]  # writes the control file
        d.wait_for("event", time.monotonic(), lambda m: True)
        d.send(signal.SIGKILL)
        d.process.wait(10.0)
        died, back = _restarted(d)
        assert lost_events(d) == 0
    return Row(
        "`kill -9` of the sensor",
        "restarted by its supervisor after 5 s",
        "poses of that time; 0 events",
        back - died,
    )
