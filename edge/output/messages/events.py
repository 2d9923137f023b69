"""What happens in the room, as events: somebody comes, goes, enters a zone, falls, or is up."""

import threading
import time
from collections.abc import Callable

from edge.behaviour.fall import Fall, FallDetector
from edge.behaviour.posture import CHEST, HIPS
from edge.core.contracts import SourceKind
from edge.core.pose import PoseEstimate
from edge.output.messages.fields import Message
from edge.output.messages.payloads import event_message
from edge.output.messages.person_messages import EventKind
from edge.output.messages.summary import ABSENT_S


class EventKeeper:
    """Call `pose` with every pose and `tick` several times a second; it calls `emit` with each
    event. Thread-safe.

    emit fills in `sequence`. Entering and leaving come in pairs: a person who leaves has left every
    zone before.
    """

    def __init__(
        self,
        device_id: str,
        source: SourceKind,
        emit: Callable[[Message], object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._device_id = device_id
        self._source = source
        self._emit = emit
        self._clock = clock
        self._lock = threading.Lock()
        self._seen_s: float | None = None  # when last, None while nobody is in view
        self._last: PoseEstimate | None = None
        self._zones: tuple[str, ...] = ()
        self._falls = FallDetector()

    def pose(self, estimate: PoseEstimate) -> None:
        """Somebody is in view."""
        with self._lock:
            present, self._seen_s, self._last = self._seen_s is not None, self._clock(), estimate
            if not present:
                self._report("person_entered")
            self._move(estimate.activity.zones)
            happened = self._falls(estimate.activity, estimate.people, estimate.t_ns * 1e-9)
            if isinstance(happened, Fall):
                self._report("fall", fall=happened)
            elif happened == "cleared":
                self._report("fall_cleared")

    def tick(self, looking: bool = True) -> None:
        """Notice that nobody has been seen for a while. looking: whether the camera is read."""
        with self._lock:
            if self._seen_s is not None and not looking:
                self._seen_s = self._clock()
            if self._seen_s is None or self._clock() - self._seen_s < ABSENT_S:
                return
            self._seen_s = None
            self._move(())
            self._report("person_left")

    def _move(self, zones: tuple[str, ...]) -> None:
        for name in self._zones:
            if name not in zones:
                self._report("zone_left", zone=name)
        for name in zones:
            if name not in self._zones:
                self._report("zone_entered", zone=name)
        self._zones = zones

    def _report(self, kind: EventKind, zone: str | None = None, fall: Fall | None = None) -> None:
        estimate = self._last
        assert estimate is not None
        # A pose has its own time; that somebody has left is noticed now.
        t_ns = round(self._clock() * 1e9) if self._seen_s is None else estimate.t_ns
        self._emit(
            event_message(
                self._device_id,
                kind,
                source=self._source,
                utc_ns=estimate.utc_ns + t_ns - estimate.t_ns,
                monotonic_ns=t_ns,
                zone=zone,
                floor_m=estimate.activity.floor_m,
                confidence=float(estimate.pose.confidence[[*CHEST, *HIPS]].mean())
                * (fall.steadiness if fall else 1.0),
                fall=None if fall is None else (fall.drop_m, fall.duration_s),
            )
        )
