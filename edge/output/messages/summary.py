"""When the retained summary of the room changes: dead-bands, rate limit, nobody left."""

import math
import threading
import time
from collections.abc import Callable
from typing import Any

from edge.core.contracts import SourceKind
from edge.core.pose import PoseEstimate
from edge.output.messages.fields import Message
from edge.output.messages.payloads import summary_message

ABSENT_S = 3.0  # with nobody seen for this long the room is empty; the detector has shorter gaps
# Sent again unchanged, so that a reader can tell a quiet room from a dead sensor.
REFRESH_S = 60.0
_SPACING_S = 1.0
_BANDS = {"mid_hip_distance_m": 0.10, "height_m": 0.03, "confidence": 0.10, "floor_m": 0.20}


class SummaryKeeper:
    """Call `pose` with every pose and `tick` several times a second; it calls `publish` with each
    new summary. Thread-safe.

    A change of occupancy or zones is sent at once, any other at most once a second and only beyond
    its dead-band. While the camera is not read, the room is unknown, not empty.
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
        self._sent: Message | None = None
        self._sent_s = 0.0

    def pose(self, estimate: PoseEstimate) -> None:
        """Somebody is in view."""
        with self._lock:
            self._seen_s = self._clock()
            self._consider(estimate)

    def tick(self, looking: bool = True) -> None:
        """Notice that nobody has been seen for a while. looking: whether the camera is read."""
        with self._lock:
            if not looking:
                # When the camera is read again, it takes a while until the room counts as empty.
                self._seen_s = self._clock()
                self._consider(None, looking=False)
            elif self._clock() - self._seen_s >= ABSENT_S:
                self._consider(None)

    def _consider(self, estimate: PoseEstimate | None, *, looking: bool = True) -> None:
        now = self._clock()
        new = summary_message(
            self._device_id, estimate, source=self._source, utc_ns=time.time_ns(), looking=looking
        )
        if self._sent is not None and not _due(self._sent, new, now - self._sent_s):
            return
        self._sent, self._sent_s = new, now
        self._publish(new)


def _due(sent: Message, new: Message, elapsed_s: float) -> bool:
    if any(new[key] != sent[key] for key in ("occupancy", "zones")) or elapsed_s >= REFRESH_S:
        return True
    keys = ("people", "scale_source", "posture", *_BANDS)
    return elapsed_s >= _SPACING_S and any(_differs(key, sent[key], new[key]) for key in keys)


def _differs(key: str, old: Any, new: Any) -> bool:
    if key in _BANDS and old is not None and new is not None:
        return math.dist(*(x if isinstance(x, list) else [x] for x in (old, new))) >= _BANDS[key]
    return bool(old != new)
