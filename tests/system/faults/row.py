"""A row of the fault table, and what every row may ask of what arrived."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.system.faults.device import Device

FAULT_S = 4.0


class RowSkippedError(RuntimeError):
    """This machine does not let the fault be injected; the message says why."""


@dataclass(frozen=True)
class Row:
    """The fault, what happened, what was lost; back_s: poses came so long after [s]."""

    fault: str
    did: str
    lost: str
    back_s: float


ROWS: dict[str, Callable[[Path], Row]] = {}


def row(run: Callable[[Path], Row]) -> Callable[[Path], Row]:
    """Register a fault, which asserts what the device must do and returns its row."""
    ROWS[run.__name__] = run
    return run


def lost_events(d: Device) -> int:
    """Gaps in the numbers of the events that arrived; none may arrive out of order."""
    numbers = [m["sequence"] for _, m in d.messages("event")]
    assert numbers == sorted(numbers)
    return (max(numbers) - min(numbers) + 1 - len(set(numbers))) if numbers else 0


def longest_pause_s(d: Device, since_s: float, until_s: float) -> float:
    """Longest time without a pose between two moments [monotonic s]."""
    times = [since_s, *(t for t, _ in d.messages("pose", since_s) if t < until_s), until_s]
    return max(b - a for a, b in pairwise(times))


def last_telemetry(d: Device) -> dict[str, Any]:
    """The newest telemetry that arrived."""
    return d.messages("telemetry")[-1][1]
