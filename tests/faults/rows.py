"""The faults, one function each: it injects the fault, asserts what the device must do, and returns the row of the table."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.faults.device import Device, device

FAULT_S = 4.0


@dataclass(frozen=True)
class Row:
    """fault, what the device did, what was lost; back_s: poses came back so long after the fault ended [s]."""

    fault: str
    did: str
    lost: str
    back_s: float


ROWS: dict[str, Callable[[Path], Row]] = {}


def _row(run: Callable[[Path], Row]) -> Callable[[Path], Row]:
    ROWS[run.__name__] = run
    return run


def _lost_events(d: Device) -> int:
    """Gaps in the numbers of the events that arrived; none may arrive out of order."""
    numbers = [m["sequence"] for _, m in d.messages("event")]
    assert numbers == sorted(numbers)
    return (max(numbers) - min(numbers) + 1 - len(set(numbers))) if numbers else 0


@_row
def broker_killed(folder: Path) -> Row:
    with device(folder) as d:
        d.broker.kill()
        time.sleep(FAULT_S)
        d.broker.start()
        up = time.monotonic()
        back = d.wait_pose(up)
        d.wait_for("event", up, lambda m: True)
        lost = _lost_events(d)
        dropped = d.messages("telemetry", d.wait_for("telemetry", up, lambda m: m["stream_dropped"] > 0))[0][1]["stream_dropped"]
        assert lost == 0
    return Row(
        "broker gone for 4 s", "kept its events, connected again", f"{dropped} stream messages, counted; 0 events", back - up
    )


@_row
def broker_frozen(folder: Path) -> Row:
    with device(folder) as d:
        d.broker.freeze()
        time.sleep(FAULT_S)
        d.broker.thaw()
        up = time.monotonic()
        back = d.wait_pose(up)
        d.wait_for("event", up, lambda m: True)
        lost = _lost_events(d)
        assert lost == 0
    return Row("broker answers nothing for 4 s", "went on", "0 events", back - up)


@_row
def control_file_corrupted(folder: Path) -> Row:
    (folder / "state").mkdir(parents=True)
    kept = folder / "state" / "hall.control.json"
    kept.write_bytes(b'{"sensing": tr\x00')
    with device(folder, start=False) as d:
        d.wait_for("control", 0.0, lambda m: m["sensing"] is False)
        d.wait_for("telemetry", 0.0, lambda m: m["frames"] == 0 and m["uptime_s"] > 2.0)
        assert "cannot be used" in d.log
        assert kept.read_bytes() == b'{"sensing": tr\x00', "overwritten without a word"
        assert not d.messages("pose")
    return Row("control file damaged", "sensing stays off, as it may have been; said so, kept the file", "nothing", float("nan"))
