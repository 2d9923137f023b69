"""What happens in the room, as events: somebody comes, goes, enters a zone, falls, or is up."""

import threading
import time
from collections.abc import Callable, Collection

from edge.behaviour.fall import Fall, Falls
from edge.behaviour.posture import CHEST, HIPS
from edge.core.contracts import SourceKind
from edge.core.pose import FrameEstimate, PersonEstimate
from edge.output.messages.attendance import Attendance
from edge.output.messages.fields import Message, timestamp
from edge.output.messages.kept_falls import KeptFall, KeptFalls
from edge.output.messages.payloads import event_message
from edge.output.messages.room_messages import EventKind


class EventKeeper:
    """Call `pose` with every estimate and `tick` several times a second; it calls `emit` with each
    event. Thread-safe.

    emit fills in `sequence`. kept: falls of an earlier run that are not over. Entering and leaving
    come in pairs for each person: who leaves has left every zone before.
    """

    def __init__(
        self,
        device_id: str,
        source: SourceKind,
        emit: Callable[[Message], object],
        clock: Callable[[], float] = time.monotonic,
        kept: KeptFalls | None = None,
    ) -> None:
        self._device_id = device_id
        self._source = source
        self._emit = emit
        self._clock = clock
        self._lock = threading.Lock()
        self._attendance = Attendance(clock())
        self._newest: FrameEstimate | None = None
        self._zones: dict[int, tuple[str, ...]] = {}
        self._kept = kept or KeptFalls()
        # By the number under which `Falls` follows them.
        self._fallen = {-k: fall for k, fall in enumerate(self._kept.falls, 1)}
        self._falls = Falls([fall.floor_m for fall in self._kept.falls])

    @property
    def fallen_since(self) -> str | None:
        """When the newest of those fell who are not up again; None: nobody lies there."""
        return self._kept.newest

    def pose(self, estimate: FrameEstimate) -> None:
        """Take everybody in one image."""
        with self._lock:
            self._newest = estimate
            entered = self._attendance.see(estimate, self._clock())
            for person in estimate.present:
                if person.id in entered:
                    self._report("person_entered", person)
                self._move(person, person.activity.zones)
            here = [p for p in estimate.people if p.id in self._attendance.here]
            alone = len(estimate.people) + estimate.more == 1
            for person, happened in self._falls(here, alone, estimate.t_ns * 1e-9):
                if isinstance(happened, Fall):
                    place = person.activity.floor_m
                    self._fallen[person.id] = KeptFall(timestamp(estimate.utc_ns), place)
                    self._kept.keep(list(self._fallen.values()))
                    self._report("fall", person, fall=happened)
                else:
                    self._report("fall_cleared", person)
            self._forget_those_up()

    def tick(self, blind: str | None = None, gone: Collection[int] = ()) -> None:
        """Notice who has not been seen for a while. blind: why nobody can be seen now. gone: as
        in `Attendance.leave`.
        """
        with self._lock:
            now = self._clock()
            if blind is not None:
                self._attendance.hold(now)
                return
            for person in self._attendance.leave(now, gone):
                t_ns = round(now * 1e9)  # that somebody has left is noticed now
                self._move(person, (), t_ns)
                self._report("person_left", person, t_ns)
                del self._zones[person.id]

    def _forget_those_up(self) -> None:
        lying = {i: fall for i, fall in self._fallen.items() if i in self._falls.fallen}
        if len(lying) != len(self._fallen):
            self._fallen = lying
            self._kept.keep(list(lying.values()))

    def _move(
        self, person: PersonEstimate, zones: tuple[str, ...], t_ns: int | None = None
    ) -> None:
        before = self._zones.get(person.id, ())
        for name in before:
            if name not in zones:
                self._report("zone_left", person, t_ns, zone=name)
        for name in zones:
            if name not in before:
                self._report("zone_entered", person, t_ns, zone=name)
        self._zones[person.id] = zones

    def _report(
        self,
        kind: EventKind,
        person: PersonEstimate,
        t_ns: int | None = None,
        zone: str | None = None,
        fall: Fall | None = None,
    ) -> None:
        """t_ns: when it was noticed; None: at the time of the newest image."""
        newest = self._newest
        assert newest is not None
        t_ns = newest.t_ns if t_ns is None else t_ns
        self._emit(
            event_message(
                self._device_id,
                kind,
                person=person.id,
                source=self._source,
                utc_ns=newest.utc_ns + t_ns - newest.t_ns,
                monotonic_ns=t_ns,
                zone=zone,
                floor_m=person.activity.floor_m,
                confidence=float(person.pose.confidence[[*CHEST, *HIPS]].mean())
                * (fall.steadiness if fall else 1.0),
                fall=None if fall is None else (fall.drop_m, fall.duration_s),
            )
        )
