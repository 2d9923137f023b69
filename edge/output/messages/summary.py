"""When the retained summary of the room changes: dead-bands, rate limit, nobody left."""

import math
import threading
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any

from edge.core.contracts import SourceKind
from edge.core.pose import FrameEstimate
from edge.output.messages.attendance import Attendance, RoomState
from edge.output.messages.fields import Message
from edge.output.messages.payloads import summary_message

# Sent again unchanged, so that a reader can tell a quiet room from a dead sensor.
REFRESH_S = 60.0
_SPACING_S = 1.0
_AT_ONCE = ("occupancy", "people", "fallen_since", "unknown_because")
# Home Assistant's recorder keeps each change for days: two people who walk about are to be at most
# 60 a minute.
_DETAILS_SPACING_S = 4.0
_BANDS = {"mid_hip_distance_m": 0.30, "height_m": 0.03, "confidence": 0.10, "floor_m": 0.30}


class SummaryKeeper:
    """Call `pose` with every estimate and `tick` several times a second; it calls `publish` with
    each new summary. Thread-safe.

    zones: names of all zones. A change of the people, or somebody in a zone that was empty, is sent
    at once, any other at most every four seconds and only beyond its dead-band. While nobody can
    be seen the room is unknown, not empty.
    """

    def __init__(
        self,
        device_id: str,
        source: SourceKind,
        zones: Sequence[str],
        publish: Callable[[Message], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._device_id, self._source, self._zones = device_id, source, tuple(zones)
        self._publish = publish
        self._clock = clock
        self._lock = threading.Lock()
        self._attendance = Attendance(clock())
        self._sent: Message | None = None
        self._sent_s = 0.0

    def set_zones(self, names: Sequence[str]) -> None:
        """From the next call on these are all zones."""
        with self._lock:
            self._zones = tuple(names)

    def pose(self, estimate: FrameEstimate, fallen_since: str | None = None) -> None:
        """Take everybody in one image. fallen_since: as in RoomState."""
        with self._lock:
            now = self._clock()
            self._attendance.see(estimate, now)
            self._consider(self._attendance.state(now, fallen_since), now)

    def tick(
        self, blind: str | None = None, fallen_since: str | None = None, gone: Collection[int] = ()
    ) -> None:
        """Notice who has not been seen for a while. blind: why nobody can be seen now. gone: as
        in `Attendance.leave`.
        """
        with self._lock:
            now = self._clock()
            if blind is not None:
                # When it can see again, it takes a while until the room counts as empty.
                self._attendance = Attendance(now)
                self._consider(RoomState(fallen_since=fallen_since, unknown_because=blind), now)
                return
            self._attendance.leave(now, gone)
            self._consider(self._attendance.state(now, fallen_since), now)

    def _consider(self, state: RoomState | None, now: float) -> None:
        if state is None:
            return
        new = summary_message(
            self._device_id, state, self._zones, source=self._source, utc_ns=time.time_ns()
        )
        if self._sent is not None and not _due(self._sent, new, now - self._sent_s):
            return
        self._sent, self._sent_s = new, now
        self._publish(new)


def _due(sent: Message, new: Message, elapsed_s: float) -> bool:
    if (sent["unknown_because"] is None) != (new["unknown_because"] is None):
        return elapsed_s >= _SPACING_S  # in twilight it may change with every image
    if any(new[key] != sent[key] for key in _AT_ONCE) or elapsed_s >= REFRESH_S:
        return True
    if _zone_names(sent) != _zone_names(new) or _occupied(new) - _occupied(sent):
        return True  # lights wait for it; that somebody left a zone is told soon enough
    if elapsed_s < _DETAILS_SPACING_S:
        return False
    return (
        sent["zones"] != new["zones"]
        or sent["seen_only"] != new["seen_only"]
        or _changed(sent["nearest"] or {}, new["nearest"] or {})
        or any(
            _changed(old, now)
            for old, now in zip(sent["positions"] or [], new["positions"] or [], strict=False)
        )
    )


def _zone_names(summary: Message) -> list[str]:
    return [zone["name"] for zone in summary["zones"] or []]


def _occupied(summary: Message) -> set[str]:
    return {zone["name"] for zone in summary["zones"] or [] if zone["people"]}


def _changed(old: Message, new: Message) -> bool:
    return any(_differs(key, old.get(key), new.get(key)) for key in old.keys() | new.keys())


def _differs(key: str, old: Any, new: Any) -> bool:
    if key in _BANDS and old is not None and new is not None:
        return math.dist(*(x if isinstance(x, list) else [x] for x in (old, new))) >= _BANDS[key]
    return bool(old != new)
