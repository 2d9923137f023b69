"""What the person does, from the tracked joints: posture, heading, speed, heights, and the zones
they are in.

Causal geometry in the room frame, without training. Each quantity is the median over the newest
half second, so that a few wrong poses change nothing, and a new posture must hold for a moment.
Heights are above the floor that feet have shown (edge/behaviour/floor.py), and compared in parts of
the standing height.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge.behaviour.floor import FloorLevel
from edge.behaviour.zones import ZoneOccupancy
from edge.core.arrays import Array
from edge.core.config import ZoneConfig
from edge.core.pose import MID_HIP, SEEN, Activity, LiftedPose, Posture
from edge.core.stature import standing_height

CHEST, HIPS, KNEES, ANKLES = (1, 2, 5), (8, 9, 12), (10, 13), (11, 14)
RIGHT, LEFT = (2, 9), (5, 12)  # shoulder and hip
IS_HEIGHT = np.array([1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 1.0])  # of a look's values
VISIT_S = 3.0  # unseen for so long: a new visit, perhaps somebody else
WINDOW_S = 0.5
SPEED_WINDOW_S = 0.8
HOLD_S = 0.3  # a new posture must be seen for so long
HEADING_S = 0.5  # time constant
WALK_M_S, STAND_M_S = 0.4, 0.22  # faster than this is walking, slower is standing again
HEIGHTS = (
    101  # the median of so many heard poses: a body's height does not change, its estimate does
)
HEIGHTS_TO_JUDGE, SIZES, ODD_SIZE = (
    15,
    5,
    0.15,
)  # while so many bodies are larger or smaller by this share, poses are left out
TYPICAL_HEIGHT_M = 1.7
# Parts of the standing height.
LOW_HIP = 0.43  # below: not on straight legs
LEVEL_THIGH = 0.1  # hips less than this above the knees: sitting, however high the seat
FLOOR_HIP = 0.15  # below, upright: sitting on the floor
FLAT_TRUNK = 0.16  # shoulders less than this above the hips: the trunk lies (a trunk is 0.29 long)
FLAT_LEGS = 0.12  # hips less than this above the ankles: the legs lie, too
STILL_FLAT = 1.5  # somebody who lies may look this much less flat before they no longer do
KNEELING, KNEELING_HIP = 0.13, 0.12  # knees lower than this, and hips higher than they by this
FEET_AHEAD = (
    0.12  # ankles this far ahead of the hips, in the knees' direction: sitting; else crouching
)
LEAN_COSINE = 0.77  # of 40 degrees: leaning farther than this on straight legs is bending
HUNCH_COSINE = 0.64  # of 50 degrees: as far as somebody on a seat leans


@dataclass(frozen=True, slots=True)
class _Look:
    """One pose in numbers, NaN where joints are not seen. place: (2,) [m]. values: see _measure.
    facing: (2,) of length 1.
    """

    t_s: float
    place: Array
    values: Array
    facing: Array


class ActivityTracker:
    """Follows one person; starts anew after a gap or a time step backwards. What it learned of the
    floor it keeps.
    """

    def __init__(self, zones: Sequence[ZoneConfig] = ()) -> None:
        self._zone_configs = tuple(zones)
        self._t_s = -np.inf
        self._zones = ZoneOccupancy(zones)
        self._floor = FloorLevel()
        self._restart()

    def __call__(self, pose: LiftedPose, room: Array | None, t_ns: int) -> Activity:
        """What the person does at CLOCK_MONOTONIC t_ns. room: the pose's joints (15, 3) in the room
        frame, None without one.
        """
        t_s = t_ns * 1e-9
        if not 0.0 < t_s - self._t_s < VISIT_S:
            self._restart()
        dt_s, self._t_s = min(t_s - self._t_s, VISIT_S), t_s
        height_m, odd = self._height(pose)
        if room is None:
            return Activity(standing_height_m=height_m)
        standing_m = height_m or TYPICAL_HEIGHT_M
        if not odd:
            look = _measure(room, pose.confidence, t_s)
            self._looks.append(look)
            self._floor(look.values[0], look.values[6], look.values[5], standing_m, t_s)
        while self._looks and self._looks[0].t_s < t_s - SPEED_WINDOW_S:
            self._looks.popleft()
        recent = [look for look in self._looks if look.t_s >= t_s - WINDOW_S]
        if not recent:
            return Activity(standing_height_m=height_m, zones=self._zones.names)
        hip, chest, ankle, knee, ahead, upright, _ = _medians(
            np.array([look.values for look in recent]) - self._floor.offset_m * IS_HEIGHT
        )
        place = _medians(np.array([look.place for look in recent]))
        velocity = _velocity(self._looks)
        speed = None if velocity is None else float(np.hypot(*velocity))
        floor = None if np.isnan(place).any() else (float(place[0]), float(place[1]))
        parts = np.array([hip, chest, ankle, knee, ahead]) / standing_m
        posture = self._settle(
            _classify(parts, upright, STILL_FLAT if self._posture == "lying" else 1.0), t_s
        )
        return Activity(
            posture=self._gait(posture, speed),
            floor_m=floor,
            heading_deg=self._heading(recent[-1].facing, velocity, posture, dt_s),
            speed_m_s=speed,
            hip_height_m=_known(hip),
            chest_height_m=_known(chest),
            standing_height_m=height_m,
            zones=self._zones.names if floor is None else self._zones(floor, t_s),
        )

    def _restart(self) -> None:
        self._looks: deque[_Look] = deque()
        self._heights: deque[float] = deque(maxlen=HEIGHTS)
        self._sizes: deque[float] = deque(
            maxlen=SIZES
        )  # log of the newest bodies' over the usual height
        self._facing = np.zeros(2)
        self._posture: Posture = "unknown"
        self._next: tuple[Posture, float] = ("unknown", 0.0)  # what it may become, and since when
        self._walking = False
        self._zones = ZoneOccupancy(self._zone_configs)

    def _height(self, pose: LiftedPose) -> tuple[float | None, bool]:
        """The standing height as sound measured it so far, and whether the newest are far from it:
        their scale is wrong then.
        """
        height = standing_height(pose.joints, pose.confidence)
        if pose.scale_source == "sound" and np.isfinite(height):
            self._heights.append(height)
        if not self._heights:
            return None, False
        usual = float(np.median(self._heights))
        self._sizes.append(float(np.log(height / usual)) if np.isfinite(height) else 0.0)
        odd = abs(float(np.median(self._sizes))) > ODD_SIZE
        return usual, odd and len(self._heights) >= HEIGHTS_TO_JUDGE

    def _settle(self, seen: Posture, t_s: float) -> Posture:
        if self._next[0] != seen:
            self._next = (seen, t_s)
        if self._posture == "unknown" or t_s - self._next[1] >= HOLD_S:
            self._posture = seen
        return self._posture

    def _gait(self, posture: Posture, speed: float | None) -> Posture:
        """Standing on the move is walking."""
        self._walking = (
            posture == "standing"
            and speed is not None
            and speed > (STAND_M_S if self._walking else WALK_M_S)
        )
        return "walking" if self._walking else posture

    def _heading(
        self, facing: Array, velocity: Array | None, posture: Posture, dt_s: float
    ) -> float | None:
        """Smoothed; None for somebody who lies. People walk forwards: that settles what a chest
        alone may leave open.
        """
        if np.isfinite(facing).all():
            seen = facing if velocity is None else facing + velocity / WALK_M_S
            self._facing = self._facing + (1.0 - np.exp(-dt_s / HEADING_S)) * (
                seen / max(np.hypot(*seen), 1e-6) - self._facing
            )
        if posture == "lying" or np.hypot(*self._facing) < 0.2:
            return None
        return float(np.degrees(np.arctan2(-self._facing[0], self._facing[1])))


def _measure(room: Array, confidence: Array, t_s: float) -> _Look:
    """values: heights of hips, chest, ankles and knees [m], how far the ankles are ahead of the
    hips in the knees' direction [m], the cosine of the trunk's lean, and the height of the lower
    ankle [m].
    """
    joints = np.where((confidence >= SEEN)[:, None], room, np.nan)
    hips, chest, knees, ankles = (
        _middle(joints[list(group)]) for group in (HIPS, CHEST, KNEES, ANKLES)
    )
    if np.isnan(joints[MID_HIP]).all() and np.isnan(joints[list(HIPS[1:])]).any():
        hips = np.full(3, np.nan)  # one hip alone is not the middle
    trunk = chest - hips
    upright = float(trunk[2] / np.linalg.norm(trunk))
    thigh = (knees - hips)[:2]
    ahead = float((ankles - hips)[:2] @ thigh / max(float(np.hypot(*thigh)), 1e-6))
    across = (joints[list(LEFT)] - joints[list(RIGHT)]).sum(axis=0)
    facing = np.array([across[1], -across[0]])  # left to the left: across x up
    foot = np.fmin(*joints[list(ANKLES), 2])
    values = np.array([hips[2], chest[2], ankles[2], knees[2], ahead, upright, foot])
    return _Look(t_s, hips[:2], values, facing / max(float(np.hypot(*facing)), 1e-6))


def _classify(parts: Array, upright: float, patience: float) -> Posture:
    """One posture from heights and distances in parts of the standing height; standing may still be
    walking.

    patience: factor on what counts as flat.
    """
    hip, chest, ankle, knee, ahead = parts
    if np.isnan(hip) or np.isnan(chest):
        return "unknown"
    legs_known = not np.isnan(ankle)
    if (
        hip < LOW_HIP
        and chest - hip < FLAT_TRUNK * patience
        and (not legs_known or hip - ankle < FLAT_LEGS * patience)
    ):
        return "lying"
    if hip >= LOW_HIP and not hip - knee < LEVEL_THIGH:
        return "bending" if upright < LEAN_COSINE else "standing"
    if hip < FLOOR_HIP:
        return "sitting"
    kneeling = not np.isnan(knee) and knee < KNEELING and hip - knee > KNEELING_HIP
    crouching = legs_known and ahead < FEET_AHEAD
    return (
        "bending" if kneeling or crouching or (legs_known and upright < HUNCH_COSINE) else "sitting"
    )


def _velocity(looks: Sequence[_Look]) -> Array | None:
    """Velocity (2,) [m/s] over the floor by least squares; None where the newest poses span too
    little time.
    """
    seen = [look for look in looks if np.isfinite(look.place).all()]
    if len(seen) < 3 or seen[-1].t_s - seen[0].t_s < 0.3 * SPEED_WINDOW_S:
        return None
    t = np.array([look.t_s for look in seen])
    t -= t.mean()
    return np.asarray(t @ np.array([look.place for look in seen]) / (t @ t))


def _middle(joints: Array) -> Array:
    """Mean (3,) of the joints that are seen."""
    seen = joints[np.isfinite(joints).all(axis=1)]
    return seen.mean(axis=0) if len(seen) else np.full(3, np.nan)


def _medians(rows: Array) -> Array:
    """Median of each column over the rows where it is known; NaN where it is known in less than
    half of them.
    """
    known = np.isfinite(rows).sum(axis=0) >= 0.5 * len(rows)
    out = np.full(rows.shape[1], np.nan)
    out[known] = np.nanmedian(rows[:, known], axis=0)
    return out


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
