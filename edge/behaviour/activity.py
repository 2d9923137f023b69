"""What the person does, from the tracked joints: posture, heading, speed, heights and zones.

Each quantity is the median over the newest half second, so that a few wrong poses change nothing,
and a new posture must hold for a moment. Heights are above the floor that the feet have shown
(floor.py).
"""

from collections import deque
from collections.abc import Sequence

import numpy as np

from edge.behaviour.floor import Feet, FloorLevel
from edge.behaviour.posture import IS_HEIGHT, MeasuredPose, Measures, classify, measure
from edge.behaviour.zones import ZoneOccupancy
from edge.core.arrays import Array
from edge.core.config import ZoneConfig
from edge.core.pose import Activity, LiftedPose, Posture
from edge.core.stature import standing_height

VISIT_S = 3.0  # unseen for so long: a new visit, perhaps somebody else
WINDOW_S = 0.5  # of the medians
SPEED_WINDOW_S = 0.8
HOLD_S = 0.3  # a new posture must be seen for so long
STILL_FLAT = 1.5  # somebody who lies may look less flat by this factor before they no longer do
HEADING_S = 0.5  # time constant
WALK_M_S = 0.4  # faster than this is walking, ...
STAND_M_S = 0.22  # ... and slower than this is standing again
TYPICAL_HEIGHT_M = 1.7
# The standing height is the median of so many heard poses: a body's height does not change, its
# estimate does.
HEIGHTS = 101
# While the median of so many newest sizes is off by this share, poses are outliers and left out ...
SIZES, OUTLIER_SIZE = 5, 0.15
HEIGHTS_TO_JUDGE = 15  # ... once so many heights are known


class ActivityTracker:
    """Follows one person; starts anew after a gap or a step back in time, but keeps the floor."""

    def __init__(self, zones: Sequence[ZoneConfig] = (), floor: FloorLevel | None = None) -> None:
        """floor: the one that all people of a camera show together; None: this person's own."""
        self._zone_configs = tuple(zones)
        self._zones = ZoneOccupancy(self._zone_configs)
        self._t_s = -np.inf
        self._first_ns: int | None = None
        self._floor = floor or FloorLevel()
        self._floor_number = self._floor.number
        self._feet = Feet(self._floor)
        self._restart()

    def set_zones(self, zones: Sequence[ZoneConfig]) -> None:
        """Go on with these zones, where they are others than before."""
        if zones is not self._zone_configs:
            self._zone_configs = tuple(zones)
            self._zones = self._zones.changed(self._zone_configs)

    def __call__(self, pose: LiftedPose, room: Array | None, t_ns: int) -> Activity:
        """What the person does at CLOCK_MONOTONIC t_ns. room: the pose's joints (15, 3) in the room
        frame, None without one.
        """
        # Counted from the first pose: of the clock itself, rounding would decide which pose is the
        # last within a window, and a replay would differ from run to run.
        self._first_ns = t_ns if self._first_ns is None else self._first_ns
        t_s = (t_ns - self._first_ns) * 1e-9
        if not 0.0 < t_s - self._t_s < VISIT_S:
            self._restart()
        dt_s, self._t_s = min(t_s - self._t_s, VISIT_S), t_s
        height_m, outlier = self._height(pose)
        if room is None:
            return Activity(standing_height_m=height_m)
        standing_m = height_m or TYPICAL_HEIGHT_M
        if self._floor.number != self._floor_number:
            self._floor_number = self._floor.number
            self._poses.clear()
        if not outlier:
            new = measure(room, pose.confidence, t_s)
            self._poses.append(new)
            m = new.measures
            self._feet(m.hip, m.foot, m.upright, standing_m, t_s)
        while self._poses and self._poses[0].t_s < t_s - SPEED_WINDOW_S:
            self._poses.popleft()
        recent = [p for p in self._poses if p.t_s >= t_s - WINDOW_S]
        if not recent:
            return Activity(standing_height_m=height_m, zones=self._zones.names)
        above_floor = np.array([p.measures for p in recent]) - self._floor.offset_m * IS_HEIGHT
        measures = Measures(*_medians(above_floor))
        place = _medians(np.array([p.place for p in recent]))
        velocity = _velocity(self._poses)
        speed = None if velocity is None else float(np.hypot(*velocity))
        floor = None if np.isnan(place).any() else (float(place[0]), float(place[1]))
        posture = self._posture(measures, standing_m, t_s)
        return Activity(
            posture=self._gait(posture, speed),
            floor_m=floor,
            heading_deg=self._heading(recent[-1].facing, velocity, posture, dt_s),
            speed_m_s=speed,
            hip_height_m=_known(measures.hip),
            chest_height_m=_known(measures.chest),
            standing_height_m=height_m,
            zones=self._zones.names if floor is None else self._zones(floor, t_s),
            floor=self._floor_number,
        )

    def _restart(self) -> None:
        self._poses: deque[MeasuredPose] = deque()
        self._height = _StandingHeight()
        self._posture = _HeldPosture()
        self._gait = _Gait()
        self._heading = _Heading()
        self._zones = ZoneOccupancy(self._zone_configs)


class _StandingHeight:
    """The standing height as sound has measured it so far."""

    def __init__(self) -> None:
        self._heights: deque[float] = deque(maxlen=HEIGHTS)
        self._log_sizes: deque[float] = deque(maxlen=SIZES)  # newest bodies over the usual height

    def __call__(self, pose: LiftedPose) -> tuple[float | None, bool]:
        """The height [m], and whether the newest poses are outliers: their scale is wrong then."""
        height = standing_height(pose.joints, pose.confidence)
        if pose.scale_source == "sound" and np.isfinite(height):
            self._heights.append(height)
        if not self._heights:
            return None, False
        usual = float(np.median(self._heights))
        self._log_sizes.append(float(np.log(height / usual)) if np.isfinite(height) else 0.0)
        off = abs(float(np.median(self._log_sizes))) > OUTLIER_SIZE
        return usual, off and len(self._heights) >= HEIGHTS_TO_JUDGE


class _HeldPosture:
    """The posture, which changes only when a new one has been seen for HOLD_S."""

    def __init__(self) -> None:
        self._current: Posture = "unknown"
        self._pending: tuple[Posture, float] = ("unknown", 0.0)  # and since when [s]

    def __call__(self, measures: Measures, standing_m: float, t_s: float) -> Posture:
        flatness = STILL_FLAT if self._current == "lying" else 1.0
        seen = classify(measures, standing_m, flatness)
        if self._pending[0] != seen:
            self._pending = (seen, t_s)
        if self._current == "unknown" or t_s - self._pending[1] >= HOLD_S:
            self._current = seen
        return self._current


class _Gait:
    """Standing on the move is walking."""

    def __init__(self) -> None:
        self._walking = False

    def __call__(self, posture: Posture, speed: float | None) -> Posture:
        limit = STAND_M_S if self._walking else WALK_M_S
        self._walking = posture == "standing" and speed is not None and speed > limit
        return "walking" if self._walking else posture


class _Heading:
    """Smoothed. People walk forwards, which decides where the chest alone is ambiguous."""

    def __init__(self) -> None:
        self._facing = np.zeros(2)

    def __call__(
        self, facing: Array, velocity: Array | None, posture: Posture, dt_s: float
    ) -> float | None:
        """Heading [deg], see `Activity`; None for somebody who lies."""
        if np.isfinite(facing).all():
            seen = facing if velocity is None else facing + velocity / WALK_M_S
            unit = seen / max(np.hypot(*seen), 1e-6)
            self._facing = self._facing + (1.0 - np.exp(-dt_s / HEADING_S)) * (unit - self._facing)
        if posture == "lying" or np.hypot(*self._facing) < 0.2:
            return None
        return float(np.degrees(np.arctan2(-self._facing[0], self._facing[1])))


def _velocity(poses: Sequence[MeasuredPose]) -> Array | None:
    """Velocity (2,) over the floor [m/s] by least squares; None for too short a time."""
    seen = [p for p in poses if np.isfinite(p.place).all()]
    if len(seen) < 3 or seen[-1].t_s - seen[0].t_s < 0.3 * SPEED_WINDOW_S:
        return None
    t = np.array([p.t_s for p in seen])
    t -= t.mean()
    return np.asarray(t @ np.array([p.place for p in seen]) / (t @ t))


def _medians(rows: Array) -> Array:
    """Median of each column where it is known; NaN where most rows lack it."""
    known = np.isfinite(rows).sum(axis=0) >= 0.5 * len(rows)
    out = np.full(rows.shape[1], np.nan)
    # np.nanmedian takes ten times as long for so few. What is not known comes last.
    columns = np.sort(rows[:, known], axis=0)
    middle = np.isfinite(columns).sum(axis=0) - 1
    at = np.arange(columns.shape[1])
    out[known] = 0.5 * (columns[middle // 2, at] + columns[(middle + 1) // 2, at])
    return out


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
