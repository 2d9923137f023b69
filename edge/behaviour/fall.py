"""Falls: somebody who was up lies on the floor moments later; and when they are up again.

It asks where the trunk is and how fast it came there, not how the body looks while it falls: that
moment is short and its poses are the worst. A bed or a sofa is too high, a knee or a bending back
too steep, and a mat is reached too slowly. Evidence adds up: the faster the trunk came down and the
lower it lies, the sooner a fall is told.
"""

from collections import deque
from dataclasses import dataclass
from typing import Literal

from edge.behaviour.posture import TYPICAL_HEIGHT_M
from edge.core.pose import Activity

FLOOR_M, FLOOR_SHARE = (
    0.38,
    0.24,
)  # on the floor the trunk is lower than this, and than this part of the standing height
OFF_FLOOR_M = 0.1  # higher than that by this: no longer on the floor
# of the trunk's higher end in its height: on the floor one end may be propped up, on a sofa none is
# low
UPPER_SHARE = 0.3
FLAT, STEEP = (
    0.16,
    0.24,
)  # shoulders above the hips, in parts of the standing height: less is flat, more is not
# of evidence: time on the floor, each moment times the share by which the trunk is below the limit
ENOUGH_S = 0.2
FAST_S, FAST_M, ARRIVE_S = (
    0.15,
    0.3,
    0.7,
)  # so much evidence, in full or in part, for coming down so far in the last moment
LEAST_S, JUDGE_S = (
    0.3,
    2.5,
)  # on the floor for so long at least; and at most, what comes later was no fall
LEAST_DROP = 0.25  # of the trunk, in parts of the standing height; from a chair it is 0.3
LONGEST_FALL_S = (
    2.5  # a slower way down is lying down; moments in which the person is not seen do not count
)
FELL_SHARE = (
    0.2  # the fall begins where the trunk was last within this share of the drop from the top
)
LONGEST_GAP_S = 10.0  # unseen for longer: what was before does not count
FARTHEST_M = (
    2.5  # the floor is reached within this from where the fall began; else it is somebody else
)
UP_HIP_M, UP_CHEST_M = 0.40, 0.70  # higher than both: up again, on a seat at least
UP_S = 2.0


@dataclass(frozen=True, slots=True)
class Fall:
    """How somebody fell: the trunk's drop [m], the time it took [s]; steadiness: share of the poses
    since that are down, 0..1.
    """

    drop_m: float
    duration_s: float
    steadiness: float


@dataclass(frozen=True, slots=True)
class _Trunk:
    """Height of the trunk [m] and the place on the floor. t_s runs only while the person is seen."""

    t_s: float
    height_m: float
    place: tuple[float, float]


class FallDetector:
    """Fed with each activity, it tells a fall and its end once each. A fall lasts until somebody,
    alone, is seen up again.
    """

    def __init__(self) -> None:
        self.fallen = False
        self._t_s: float | None = None
        self._seen_s = 0.0  # time in which the person was seen
        self._past: deque[_Trunk] = deque()
        self._down_s: float | None = None  # since when on the floor, by the clock of seen time
        self._looks = [0, 0]  # since then: on the floor, all
        self._evidence_s = 0.0
        self._up_s: float | None = None

    def __call__(
        self, activity: Activity, people: int, t_s: float
    ) -> Fall | Literal["cleared"] | None:
        """The newest activity at t_s [s]; a Fall when one was just recognised, "cleared" when the
        fallen is up again.
        """
        hip, chest, place = activity.hip_height_m, activity.chest_height_m, activity.floor_m
        if hip is None or chest is None or place is None:
            return None
        step_s = self._advance(t_s)
        low, high = min(hip, chest), max(hip, chest)
        trunk = _Trunk(self._seen_s, low + UPPER_SHARE * (high - low), place)
        self._past.append(trunk)
        while self._past[0].t_s < self._seen_s - LONGEST_FALL_S - JUDGE_S:
            self._past.popleft()
        if self.fallen and self._is_up_again(hip, chest, people):
            self._down_s, self.fallen = None, False
            return "cleared"
        return self._judge(
            trunk, step_s, chest - hip, activity.standing_height_m or TYPICAL_HEIGHT_M
        )

    def _advance(self, t_s: float) -> float:
        """The time [s] since the last activity, as far as the person was seen in it."""
        gap_s = 0.0 if self._t_s is None else t_s - self._t_s
        self._t_s = t_s
        if not 0.0 <= gap_s < LONGEST_GAP_S:
            self._past.clear()
            self._down_s = None
            self._up_s = None
        step_s = min(max(gap_s, 0.0), 0.5)
        self._seen_s += step_s
        return step_s

    def _judge(
        self, trunk: _Trunk, step_s: float, slope_m: float, standing_m: float
    ) -> Fall | None:
        floor_m = min(FLOOR_M, FLOOR_SHARE * standing_m)
        on_floor = trunk.height_m < floor_m and slope_m < FLAT * standing_m
        if self._down_s is None:
            if on_floor:
                self._down_s, self._looks = self._seen_s, [0, 0]
                self._evidence_s = FAST_S * min(self._came_down_m() / FAST_M, 1.0)
            else:
                return None
        elif trunk.height_m > floor_m + OFF_FLOOR_M or slope_m > STEEP * standing_m:
            self._down_s = None
            return None
        self._looks[0] += on_floor
        self._looks[1] += 1
        if on_floor:
            self._evidence_s += step_s * (1.0 - trunk.height_m / floor_m)
        if (
            self.fallen
            or self._evidence_s < ENOUGH_S
            or not LEAST_S <= self._seen_s - self._down_s <= JUDGE_S
        ):
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
        apart = (
            (start.place[0] - trunk.place[0]) ** 2 + (start.place[1] - trunk.place[1]) ** 2
        ) ** 0.5
        if apart > FARTHEST_M:
            return None
        return Fall(drop, down_s - start.t_s, self._looks[0] / self._looks[1])

    def _is_up_again(self, hip: float, chest: float, people: int) -> bool:
        """Of two people in view the one who is posed may be a helper."""
        if not (hip > UP_HIP_M and chest > UP_CHEST_M and people == 1):
            self._up_s = None
            return False
        if self._up_s is None:
            self._up_s = self._seen_s
        if self._seen_s - self._up_s < UP_S:
            return False
        self._up_s = None
        return True
