"""Falls: somebody who was up lies on the floor moments later; and when they are up again.

It asks where the trunk is and how fast it came there, not how the body looks while it falls: that moment is short and its poses
are the worst. A bed or a sofa is too high, a knee or a bending back too steep, and a mat is reached too slowly.
"""

from collections import deque
from dataclasses import dataclass
from typing import Literal

from edge.pose import Activity

FLOOR_HIP_M, FLOOR_CHEST_M = 0.36, 0.40  # lower than both: on the floor
OFF_HIP_M, OFF_CHEST_M = 0.45, 0.55  # higher than either: no longer
CONFIRM_S = 0.6  # on the floor for so long
LEAST_DROP_M = 0.4  # of the trunk's middle; a chair's is 0.55, a bed's 0.4
LONGEST_FALL_S = 3.5  # a slower way down is lying down
FELL_SHARE = 0.2  # the fall begins where the trunk was last within this share of the drop from the top
LOOK_BACK_S = 5.0  # of time in which the person was seen
LONGEST_GAP_S = 10.0  # unseen for longer: what was before does not count
FARTHEST_M = 2.5  # the floor is reached within this from where the fall began; else it is somebody else
UP_HIP_M, UP_CHEST_M = 0.40, 0.70  # higher than both: up again, on a seat at least
UP_S = 2.0


@dataclass(frozen=True, slots=True)
class Fall:
    """How somebody fell: the trunk's drop [m], the time it took [s]; steadiness: share of the poses since that are down, 0..1."""

    drop_m: float
    duration_s: float
    steadiness: float


@dataclass(frozen=True, slots=True)
class _Trunk:
    """Height of the trunk's middle [m] and the place on the floor. t_s runs only while the person is seen."""

    t_s: float
    height_m: float
    place: tuple[float, float]


class FallDetector:
    """Fed with each activity, it tells a fall and its end once each. A fall lasts until somebody, alone, is seen up again."""

    def __init__(self) -> None:
        self.fallen = False
        self._t_s: float | None = None
        self._seen_s = 0.0  # time in which the person was seen
        self._past: deque[_Trunk] = deque()
        self._down_s: float | None = None  # since when on the floor, by the clock of seen time
        self._judged = False
        self._looks = [0, 0]  # since then: on the floor, all
        self._up_s: float | None = None

    def __call__(self, activity: Activity, people: int, t_s: float) -> Fall | Literal["cleared"] | None:
        """The newest activity at t_s [s]; a Fall when one was just recognised, "cleared" when the fallen is up again."""
        hip, chest, place = activity.hip_height_m, activity.chest_height_m, activity.floor_m
        if hip is None or chest is None or place is None:
            return None
        self._advance(t_s)
        trunk = _Trunk(self._seen_s, (hip + chest) / 2.0, place)
        self._past.append(trunk)
        while self._past[0].t_s < self._seen_s - LOOK_BACK_S - CONFIRM_S:
            self._past.popleft()
        if self.fallen and self._is_up_again(hip, chest, people):
            self._down_s, self.fallen = None, False
            return "cleared"
        return self._judge(trunk, hip, chest)

    def _advance(self, t_s: float) -> None:
        gap_s = 0.0 if self._t_s is None else t_s - self._t_s
        self._t_s = t_s
        if not 0.0 <= gap_s < LONGEST_GAP_S:
            self._past.clear()
            self._down_s = None
            self._up_s = None
        self._seen_s += min(max(gap_s, 0.0), 0.5)

    def _judge(self, trunk: _Trunk, hip: float, chest: float) -> Fall | None:
        on_floor = hip < FLOOR_HIP_M and chest < FLOOR_CHEST_M
        if self._down_s is None:
            if on_floor:
                self._down_s, self._judged, self._looks = self._seen_s, False, [0, 0]
            else:
                return None
        elif hip > OFF_HIP_M or chest > OFF_CHEST_M:
            self._down_s = None
            return None
        self._looks[0] += on_floor
        self._looks[1] += 1
        if self._judged or self.fallen or self._seen_s - self._down_s < CONFIRM_S:
            return None
        self._judged = True
        fall = self._fall(trunk, self._down_s)
        self.fallen = fall is not None
        return fall

    def _fall(self, trunk: _Trunk, down_s: float) -> Fall | None:
        before = [t for t in self._past if down_s - LOOK_BACK_S <= t.t_s <= down_s]
        top = max(before, key=lambda t: t.height_m)
        drop = top.height_m - trunk.height_m
        if drop < LEAST_DROP_M:
            return None
        start = next(t for t in reversed(before) if t.height_m >= top.height_m - FELL_SHARE * drop)
        duration = down_s - start.t_s
        apart = ((start.place[0] - trunk.place[0]) ** 2 + (start.place[1] - trunk.place[1]) ** 2) ** 0.5
        if duration > LONGEST_FALL_S or apart > FARTHEST_M:
            return None
        return Fall(drop, duration, self._looks[0] / self._looks[1])

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
