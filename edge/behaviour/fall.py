"""Falls: somebody who was up lies on the floor moments later; and when they are up again.

What counts is where the trunk is and how fast it came there, not how the body looks while it falls:
that moment is short and its poses are the worst. On a bed or a sofa the trunk is too high, kneeling
or bending it is too steep, and to a mat it goes too slowly. Evidence adds up: the faster the trunk
came down and the lower it lies, the sooner a fall is reported.

Everybody is watched alone, and a fall stays with whoever fell. Who lies behind furniture is lost
from sight and comes back under another number: the fall of somebody who is not followed any longer
ends when a person who came into view since then is up, the one who lay where the other had fallen,
else anybody who is alone in view.
"""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from edge.behaviour.activity import TYPICAL_HEIGHT_M
from edge.core.pose import Activity, PersonEstimate

# On the floor the trunk is lower than this [m], and than this part of the standing height.
FLOOR_M = 0.38
FLOOR_SHARE = 0.24
OFF_FLOOR_M = 0.1  # higher than that by this: no longer on the floor
# Weight of the trunk's higher end in its height: on the floor one end may be propped up, on a sofa
# neither is low.
UPPER_SHARE = 0.3
# Shoulders above the hips, in parts of the standing height: less is flat, more is not.
FLAT = 0.16
STEEP = 0.24
# Evidence for a fall is time on the floor, weighted with the share by which the trunk is below the
# limit. So much is enough:
ENOUGH_S = 0.2
# So much is given, in full or in part, for a trunk that came down by FAST_M in the last ARRIVE_S.
FAST_S = 0.15
FAST_M = 0.3
ARRIVE_S = 0.7
LEAST_S = 0.3  # on the floor for at least so long
JUDGE_S = 2.5  # later evidence is not of a fall
LEAST_DROP = 0.25  # of the trunk, in parts of the standing height; from a chair it is 0.3
# A slower way down is lying down. Moments in which the person is not seen do not count.
LONGEST_FALL_S = 2.5
# The fall begins where the trunk was last within this share of the drop from the top.
FELL_SHARE = 0.2
LONGEST_GAP_S = 10.0  # unseen for longer: earlier poses do not count
# The floor is reached within this distance from where the fall began; else it is somebody else.
FARTHEST_M = 2.5
# Both higher than this for so long: up again, on a seat at least.
UP_HIP_M = 0.40
UP_CHEST_M = 0.70
UP_S = 2.0
LOST_S = 3.0  # not seen for so long: comes back under another number
SAME_PLACE_M = 1.0  # who lies within this distance of the place is the one who fell there


@dataclass(frozen=True, slots=True)
class Fall:
    """drop_m: of the trunk. duration_s: of the drop. steadiness: share of the poses since that are
    on the floor, 0..1.
    """

    drop_m: float
    duration_s: float
    steadiness: float


@dataclass(frozen=True, slots=True)
class _Trunk:
    """height_m: of the trunk. place: on the floor [m]. t_s: runs only while the person is seen."""

    t_s: float
    height_m: float
    place: tuple[float, float]


class FallDetector:
    """Watches one person; reports each fall and its end once. A fall lasts until they are up."""

    def __init__(self) -> None:
        self.fallen = False
        self._t_s: float | None = None
        self._floor = 0
        self._seen_s = 0.0  # time in which the person was seen
        self._past: deque[_Trunk] = deque()
        self._down_s: float | None = None  # since when on the floor, in seen time
        self._poses = [0, 0]  # since then: on the floor, all
        self._evidence_s = 0.0
        self._up_s: float | None = None

    def __call__(self, activity: Activity, t_s: float) -> Fall | Literal["cleared"] | None:
        """Take the activity at t_s [s]; a Fall when one was just recognised, "cleared" when the
        fallen person is up again, else None.
        """
        hip, chest, place = activity.hip_height_m, activity.chest_height_m, activity.floor_m
        if hip is None or chest is None or place is None:
            return None
        if activity.floor != self._floor:
            self._floor = activity.floor
            self._forget()
        step_s = self._advance(t_s)
        low, high = min(hip, chest), max(hip, chest)
        trunk = _Trunk(self._seen_s, low + UPPER_SHARE * (high - low), place)
        self._past.append(trunk)
        while self._past[0].t_s < self._seen_s - LONGEST_FALL_S - JUDGE_S:
            self._past.popleft()
        if self.fallen and self._is_up_again(hip, chest):
            self._down_s, self.fallen = None, False
            return "cleared"
        standing_m = activity.standing_height_m or TYPICAL_HEIGHT_M
        return self._judge(trunk, step_s, chest - hip, standing_m)

    def _advance(self, t_s: float) -> float:
        """Time since the last activity [s], as far as the person was seen."""
        gap_s = 0.0 if self._t_s is None else t_s - self._t_s
        self._t_s = t_s
        if not 0.0 <= gap_s < LONGEST_GAP_S:
            self._forget()
        step_s = min(max(gap_s, 0.0), 0.5)
        self._seen_s += step_s
        return step_s

    def _forget(self) -> None:
        """Earlier poses tell nothing of later ones."""
        self._past.clear()
        self._down_s = self._up_s = None

    def _judge(
        self, trunk: _Trunk, step_s: float, slope_m: float, standing_m: float
    ) -> Fall | None:
        floor_m = min(FLOOR_M, FLOOR_SHARE * standing_m)
        on_floor = trunk.height_m < floor_m and slope_m < FLAT * standing_m
        if self._down_s is None:
            if not on_floor:
                return None
            self._down_s, self._poses = self._seen_s, [0, 0]
            self._evidence_s = FAST_S * min(self._came_down_m() / FAST_M, 1.0)
        elif trunk.height_m > floor_m + OFF_FLOOR_M or slope_m > STEEP * standing_m:
            self._down_s = None
            return None
        self._poses[0] += on_floor
        self._poses[1] += 1
        if on_floor:
            self._evidence_s += step_s * (1.0 - trunk.height_m / floor_m)
        in_time = LEAST_S <= self._seen_s - self._down_s <= JUDGE_S
        if self.fallen or self._evidence_s < ENOUGH_S or not in_time:
            return None
        fall = self._fall(trunk, self._down_s, LEAST_DROP * standing_m)
        self.fallen = fall is not None
        return fall

    def _came_down_m(self) -> float:
        """How far in the last ARRIVE_S."""
        now = self._past[-1]
        return max(t.height_m for t in self._past if t.t_s >= now.t_s - ARRIVE_S) - now.height_m

    def _fall(self, trunk: _Trunk, down_s: float, least_drop_m: float) -> Fall | None:
        before = [t for t in self._past if down_s - LONGEST_FALL_S <= t.t_s <= down_s]
        top = max(before, key=lambda t: t.height_m)
        drop = top.height_m - trunk.height_m
        if drop < least_drop_m:
            return None
        start = next(t for t in reversed(before) if t.height_m >= top.height_m - FELL_SHARE * drop)
        dx, dy = start.place[0] - trunk.place[0], start.place[1] - trunk.place[1]
        if (dx**2 + dy**2) ** 0.5 > FARTHEST_M:
            return None
        return Fall(drop, down_s - start.t_s, self._poses[0] / self._poses[1])

    def _is_up_again(self, hip: float, chest: float) -> bool:
        if not (hip > UP_HIP_M and chest > UP_CHEST_M):
            self._up_s = None
            return False
        if self._up_s is None:
            self._up_s = self._seen_s
        if self._seen_s - self._up_s < UP_S:
            return False
        self._up_s = None
        return True


@dataclass(slots=True)
class _Watched:
    """One person. newest: largest number given when last seen. heir: the number under which a
    fallen person has come back.
    """

    detector: FallDetector = field(default_factory=FallDetector)
    seen_s: float = -math.inf
    place: tuple[float, float] | None = None
    newest: int = 0
    heir: int | None = None


class Falls:
    """Call it with everybody in view; it reports each fall and its end once.

    earlier: where those lie who fell before a restart and were not up again, on the floor [m]. They
    have the numbers -1, -2 and so on; the end of such a fall is told under the new number.
    """

    def __init__(self, earlier: Sequence[tuple[float, float] | None] = ()) -> None:
        self._watched: dict[int, _Watched] = {}
        for k, place in enumerate(earlier, 1):
            self._watched[-k] = lost = _Watched(place=place)
            lost.detector.fallen = True
        self._newest = 0

    @property
    def fallen(self) -> tuple[int, ...]:
        """The numbers of those who fell and are not up again."""
        return tuple(i for i, w in list(self._watched.items()) if w.detector.fallen)

    def __call__(
        self, people: Sequence[PersonEstimate], alone: bool, t_s: float
    ) -> list[tuple[PersonEstimate, Fall | Literal["cleared"]]]:
        """What happened to whom, under the number with which they fell, at t_s [s]. alone: nobody
        else is in view than one of the people.
        """
        self._newest = max([self._newest, *(p.id for p in people)])
        happened: list[tuple[PersonEstimate, Fall | Literal["cleared"]]] = []
        for person in people:
            watched = self._watched.setdefault(person.id, _Watched())
            watched.seen_s, watched.newest = t_s, self._newest
            watched.place = person.activity.floor_m or watched.place
            found = watched.detector(person.activity, t_s)
            if found is not None:
                happened.append((person, found))
        for number, watched in self._watched.items():
            if not watched.detector.fallen or t_s - watched.seen_s < LOST_S:
                continue
            heir = _heir(watched, people, alone)
            if heir is not None and watched.detector(heir.activity, t_s) == "cleared":
                told = replace(heir, id=number) if number > 0 else heir
                happened.append((told, "cleared"))
        self._watched = {
            i: w
            for i, w in self._watched.items()
            if w.detector.fallen or t_s - w.seen_s < LONGEST_GAP_S
        }
        return happened


def _heir(lost: _Watched, people: Sequence[PersonEstimate], alone: bool) -> PersonEstimate | None:
    """Who in view is, as far as one can tell, the fallen person."""
    for person in people:
        if person.id == lost.heir:
            return person
    new = [person for person in people if person.id > lost.newest]
    for person in new:
        place, hip_m = person.activity.floor_m, person.activity.hip_height_m
        if place is None or hip_m is None or lost.place is None or hip_m > UP_HIP_M:
            continue
        if math.dist(place, lost.place) <= SAME_PLACE_M:
            lost.heir = person.id
            return person
    return new[0] if alone and new else None
