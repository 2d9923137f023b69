"""Who is in the room, from frames that may miss somebody for a moment."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from edge.core.pose import FrameEstimate, PersonEstimate

# Whoever was not seen for this long has left: detectors have shorter gaps, and so has whoever
# walks behind somebody.
ABSENT_S = 3.0
# Whoever was seen to walk out of the image has left sooner, for nothing there can hide them.
LEFT_S = 0.5
# Somebody may be in view, and nobody is sure, for this long: then the room is not empty, but
# unknown. Between two such sightings at most GAP_S pass.
UNSURE_S, GAP_S = 1.0, 0.5
UNSURE = "somebody may be in view, but too little of them or too far away to be sure"
# Another person is the nearest one when nearer by so much; else two would change places for ever.
NEARER_M = 0.3


@dataclass(frozen=True, slots=True)
class RoomState:
    """What is known of the room.

    people: those present. more: others in view who are counted, but not posed. nearest: of people,
    None where there is nobody. seen_only: how many are seen but not heard. fallen_since:
    when the newest of those fell who are not up again, a UTC time as in the messages; None: nobody.
    unknown_because: why nothing is known of people, None where it is.
    """

    people: tuple[PersonEstimate, ...] = ()
    more: int = 0
    nearest: PersonEstimate | None = None
    seen_only: int = 0
    fallen_since: str | None = None
    unknown_because: str | None = None


class Attendance:
    """Call `see` with each estimate and `leave` several times a second; times in seconds [s]."""

    def __init__(self, now_s: float) -> None:
        self.here: dict[int, PersonEstimate] = {}  # as last seen present
        self._begun_s = now_s
        self._present_s: dict[int, float] = {}
        self._only_s: dict[int, float] = {}  # when somebody was last seen, but not heard
        self._more: list[tuple[float, int]] = []
        self._unsure_s: tuple[float, float] | None = None  # first and last of these sightings
        self._nearest: int | None = None

    def see(self, estimate: FrameEstimate, now_s: float) -> list[int]:
        """Take one frame; the ids of those who were not here before."""
        entered = [p.id for p in estimate.present if p.id not in self.here]
        for person in estimate.people:
            self._only_s.pop(person.id, None)
            if person.presence == "present":
                self.here[person.id], self._present_s[person.id] = person, now_s
            elif person.presence == "seen_only":
                self._only_s[person.id] = now_s
        self._more = [(s, n) for s, n in self._more if now_s - s < ABSENT_S]
        self._more.append((now_s, estimate.more))
        if any(p.presence == "unsure" for p in estimate.people):
            first, last = self._unsure_s or (now_s, now_s)
            self._unsure_s = (first if now_s - last <= GAP_S else now_s), now_s
        return entered

    def leave(self, now_s: float, gone: Collection[int] = ()) -> list[PersonEstimate]:
        """Those not seen present for ABSENT_S, as they were last; they are here no more. gone:
        numbers of those who have walked out of the image, and leave sooner.
        """
        left = [
            i
            for i, seen_s in self._present_s.items()
            if now_s - seen_s >= (LEFT_S if i in gone else ABSENT_S)
        ]
        for i in left:
            del self._present_s[i]
        return [self.here.pop(i) for i in left]

    def hold(self, now_s: float) -> None:
        """Nobody can be seen now, so nobody leaves."""
        self._present_s = dict.fromkeys(self._present_s, now_s)

    def state(self, now_s: float, fallen_since: str | None = None) -> RoomState | None:
        """What is known of the room after `leave`; None while it is too early to say."""
        if self.here:
            more = max((n for s, n in self._more if now_s - s < ABSENT_S), default=0)
            return RoomState(
                tuple(self.here.values()), more, self._nearest_person(), self._seen_only(now_s),
                fallen_since,
            )  # fmt: skip
        self._nearest = None
        if self._unsure_s is not None and now_s - self._unsure_s[1] < ABSENT_S:
            first, last = self._unsure_s
            long = last - first >= UNSURE_S
            return RoomState(fallen_since=fallen_since, unknown_because=UNSURE) if long else None
        if now_s - self._begun_s < ABSENT_S:
            return None
        return RoomState(seen_only=self._seen_only(now_s), fallen_since=fallen_since)

    def _seen_only(self, now_s: float) -> int:
        self._only_s = {i: s for i, s in self._only_s.items() if now_s - s < ABSENT_S}
        return len(self._only_s.keys() - self.here.keys())

    def _nearest_person(self) -> PersonEstimate:
        def distance_m(person: PersonEstimate) -> float:
            return person.pose.mid_hip_distance_m

        nearest = min(self.here.values(), key=distance_m)
        before = None if self._nearest is None else self.here.get(self._nearest)
        if before is not None and distance_m(before) - distance_m(nearest) < NEARER_M:
            nearest = before
        self._nearest = nearest.id
        return nearest


def zone_counts(names: Sequence[str], people: Sequence[PersonEstimate]) -> dict[str, int]:
    """How many of the people are in each zone, for all names."""
    return {name: sum(name in p.activity.zones for p in people) for name in names}
