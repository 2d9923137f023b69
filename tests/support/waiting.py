"""Waiting for states, not for times, and for programs to end."""

import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

LIMIT_S = 180.0  # only a broken program takes so long, whatever else the machine does
PROGRAM_S = 900.0  # likewise, from a program's start to its end


def until(condition: Callable[[], object], timeout_s: float = LIMIT_S) -> bool:
    """Whether the condition came true within the limit."""
    deadline = time.monotonic() + timeout_s
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return bool(condition())


def _status(pid: int, field: str) -> str:
    """A field of a process's status, proc(5), that has not been waited for."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(s for s in lines if s.startswith(f"{field}:")).split()[1]


def catches(pid: int, number: signal.Signals = signal.SIGTERM) -> bool:
    """Whether a process handles this signal now."""
    return bool(int(_status(pid, "SigCgt"), 16) >> (number - 1) & 1)


def state_of(pid: int) -> str:
    """R: runs, S or D: waits, T: is stopped, Z: has ended, and was not waited for."""
    return _status(pid, "State")


def finished(
    command: Sequence[str | Path], *, timeout: float = PROGRAM_S, **options: Any
) -> subprocess.CompletedProcess[str]:
    """The program's exit code and what it said, as text. options: of subprocess.run."""
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, **options)


def end(process: subprocess.Popen[Any], how: signal.Signals = signal.SIGTERM) -> None:
    """Ask a program to end and wait for it; one that does not end is killed and fails the test."""
    process.send_signal(how)
    try:
        process.wait(LIMIT_S)
    finally:
        process.kill()
