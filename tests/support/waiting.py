"""Waiting for states, not for times, and for programs to end."""

import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

LIMIT_S = 180.0  # only a broken program takes so long, whatever else the machine does


def until(condition: Callable[[], object], timeout_s: float = LIMIT_S) -> bool:
    """Whether the condition came true within the limit."""
    deadline = time.monotonic() + timeout_s
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return bool(condition())


def finished(
    command: Sequence[str | Path], *, timeout: float = 900.0, **options: Any
) -> subprocess.CompletedProcess[str]:
    """The program's exit code and what it said, as text. options: of subprocess.run."""
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, **options)
