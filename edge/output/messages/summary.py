"""When the retained summary of the room changes: dead-bands, a rate limit, and noticing that nobody
is left.
"""

import math
import threading
import time
from collections.abc import Callable
from typing import Any

from edge.core.contracts import SourceKind
from edge.core.pose import PoseEstimate
from edge.output.messages.fields import Message
from edge.output.messages.payloads import summary_message

ABSENT_S = 3.0  # unseen for so long: the room counts as empty; shorter gaps are the detector's
# said again unchanged, so that a reader can tell a quiet room from a sensor that no longer looks
REFRESH_S = 60.0
_SPACING_S = 1.0
_BANDS = {"mid_hip_distance_m": 0.10, "height_m": 0.03, "confidence": 0.10, "floor_m": 0.20}


class SummaryKeeper:
    """Feed it every pose and, regularly, `tick`; it calls `publish` with each new summary.

    Occupancy and zones are told at once, anything else at most once a second and only beyond its
    dead-band. While nobody looks, the room is told as unknown, not as empty. Thread-safe.
    """

    def __init__(
        self,
        device_id: str,
        source: SourceKind,
        publish: Callable[[Message], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._device_id = device_id
        self._source = source
        self._publish = publish
        self._clock = clock
        self._lock = threading.Lock()
        self._seen_s = clock()
        self._told: Message | None = None
        self._told_s = 0.0

    def pose(self, estimate: PoseEstimate) -> None:
        """Somebody is in view."""
        with self._lock:
            self._seen_s = self._clock()
            self._consider(estimate)

    def tick(self, looking: bool = True) -> None:
        """Time passes. Notices that nobody has been seen for a while. looking: whether the camera
        is read.
        """
        with self._lock:
            if not looking:
                self._seen_s = (
                    self._clock()
                )  # so that looking again takes its time to find the room empty
                self._consider(None, looking=False)
            elif self._clock() - self._seen_s >= ABSENT_S:
                self._consider(None)

    def _consider(self, estimate: PoseEstimate | None, *, looking: bool = True) -> None:
        now = self._clock()
        new = summary_message(
            self._device_id, estimate, source=self._source, utc_ns=time.time_ns(), looking=looking
        )
        if self._told is not None and not _due(self._told, new, now - self._told_s):
            return
        self._told, self._told_s = new, now
        self._publish(new)


def _due(told: Message, new: Message, elapsed_s: float) -> bool:
    if any(new[key] != told[key] for key in ("occupancy", "zones")) or elapsed_s >= REFRESH_S:
        return True
    keys = ("people", "scale_source", "posture", *_BANDS)
    return elapsed_s >= _SPACING_S and any(_differs(key, told[key], new[key]) for key in keys)


def _differs(key: str, old: Any, new: Any) -> bool:
    if key in _BANDS and old is not None and new is not None:
        return math.dist(*(x if isinstance(x, list) else [x] for x in (old, new))) >= _BANDS[key]
    return bool(old != new)
