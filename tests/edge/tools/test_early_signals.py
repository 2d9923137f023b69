"""A signal while a program still loads ends it as quietly as one later."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edge.sources.session.reader import DEMO_SESSION
from tests.support.waiting import until

COMMANDS = [("replay", str(DEMO_SESSION), "--realtime"), ("replay", str(DEMO_SESSION), "--json")]


def catches(process: "subprocess.Popen[str]") -> bool:
    """Whether it handles SIGTERM by now."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    caught = int(next(s for s in status.splitlines() if s.startswith("SigCgt")).split()[1], 16)
    return bool(caught >> (signal.SIGTERM - 1) & 1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c[-1])
@pytest.mark.parametrize("later_s", [0.0, 0.3, 1.0])
def test_it_ends_without_a_traceback(
    command: tuple[str, ...], number: signal.Signals, later_s: float
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "edge", *command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ,
    )
    try:
        assert until(lambda: catches(process))
        time.sleep(later_s)  # wherever it is by then
        process.send_signal(number)
        _, said = process.communicate(timeout=60.0)
    finally:
        process.kill()
    assert process.returncode == 0, said
    assert "Traceback" not in said, said
