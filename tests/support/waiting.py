"""Waiting for states instead of times."""

import time
from collections.abc import Callable

LIMIT_S = 180.0  # only a broken program takes so long, whatever else the machine does


def until(condition: Callable[[], object], timeout_s: float = LIMIT_S) -> bool:
    """Whether the condition came true within the limit."""
    deadline = time.monotonic() + timeout_s
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return bool(condition())
