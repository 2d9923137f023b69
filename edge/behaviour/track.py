"""What is known of one track: its newest body, and where that will be."""

from collections import deque

import numpy as np

from edge.core.arrays import Array, BoolArray
from edge.core.pose import MID_HIP, N_JOINTS, Keypoints
from edge.core.rig import Camera, seen_rays
from edge.core.stature import BONE_RATIOS

STRIDE_S = 0.8  # velocity is measured over so long ...
COAST_S = 2.0  # ... and fades with this time constant while nothing is seen
FASTEST_M_S = 2.5
MOVED_S = 1.0
_MEDIAN_S = 0.45  # of the image's joints: they jitter, and jump for a frame or two
_IS_TORSO = np.isin(np.arange(N_JOINTS), (1, 2, 5, 8, 9, 12))
USUAL_HEIGHT_M = 1.7
USUAL_DISTANCE_M = 3.0
# Distances between joints, in parts of the standing height, that hold where no limb is seen.
_WIDTHS = ((2, 5, 0.21), (9, 12, 0.12), (0, 1, 0.13))


class Track:
    """One person over time.

    id: 0 until it is known to be a person. joints: (15, 3) newest body, camera frame [m], NaN where
    unknown. began_s, seen_s: first and last sight. images: that showed the person.
    """

    def __init__(self, id: int, joints: Array, t_s: float) -> None:
        self.id, self.joints = id, joints
        self.began_s = self.seen_s = t_s
        self.images = 0
        self._places: deque[tuple[float, Array]] = deque()
        self._rays: deque[tuple[float, Array]] = deque()  # (15, 2) at unit depth
        self._newest_rays: Array | None = None  # these two: found once an image
        self._moved: tuple[float, float] | None = None
        self._beside_since_s: dict[int, float] = {}

    @property
    def confirmed(self) -> bool:
        """Whether this is a person with a number."""
        return self.id > 0

    @property
    def place(self) -> Array:
        """Of the body (3,) [m]: the mid-hip, or the middle of the joints that are known."""
        known = self.joints[np.isfinite(self.joints).all(axis=1)]
        if np.isfinite(self.joints[MID_HIP]).all():
            return np.asarray(self.joints[MID_HIP])
        return known.mean(axis=0) if len(known) else np.full(3, np.nan)

    def predicted(self, t_s: float) -> Array:
        """Where the joints (15, 3) [m] are at t_s: the body goes on as it went, and slows down."""
        fading_s = COAST_S * (1.0 - np.exp(-(t_s - self.seen_s) / COAST_S))
        return np.asarray(self.joints + self._velocity() * fading_s)

    def see(self, joints: Array, t_s: float) -> None:
        """The body was seen here at t_s."""
        self.joints, self.seen_s = joints, t_s
        self.images += 1
        self._places.append((t_s, self.place))
        while self._places[0][0] < t_s - STRIDE_S:
            self._places.popleft()
        self._rays.append((t_s, joints[:, :2] / joints[:, 2:]))
        while self._rays[0][0] < t_s - MOVED_S - _MEDIAN_S:
            self._rays.popleft()
        self._newest_rays = self._moved = None

    @property
    def moved_m(self) -> float:
        """How far the body has moved in the last MOVED_S [m]; 0 if it was not seen for so long."""
        if self._moved is None:
            old = [r for t_s, r in self._rays if self.seen_s - t_s >= MOVED_S - 1e-3]
            self._moved = self._change_since(np.median(old, axis=0)) if old else (0.0, 0.0)
        depth = float(self.place[2])
        return float(np.hypot(depth * self._moved[0], depth * self._moved[1]))

    @property
    def rays(self) -> Array:
        """The joints (15, 2) at unit depth in the newest images, NaN where unknown."""
        if self._newest_rays is None:
            new = [r for t_s, r in self._rays if self.seen_s - t_s <= _MEDIAN_S]
            unknown = np.full((N_JOINTS, 2), np.nan)
            self._newest_rays = np.asarray(np.median(new, axis=0)) if new else unknown
        return self._newest_rays

    def moved_across_and_along(self, before: Array) -> tuple[float, float]:
        """How far the body has moved [m] since its `rays` were these, by the image alone: the
        middle of its joints sideways, and its size and its trunk's, where both have grown or
        shrunk, in depth. Joints that are found wrong say little of the first, and much of the
        second. 0 where too little of it was seen.
        """
        across, grown = self._change_since(before)
        depth = float(self.place[2])
        return depth * across, depth * grown

    def correct(self, joints: Array) -> None:
        """What was just seen is really here."""
        self.joints = joints
        self._places[-1] = (self.seen_s, self.place)

    def beside_for_s(self, other: "Track", beside: bool, t_s: float) -> float:
        """For how long [s] both have been one body, if they are (`beside`) at t_s."""
        if not beside:
            self._beside_since_s.pop(other.id, None)
            return 0.0
        return t_s - self._beside_since_s.setdefault(other.id, t_s)

    def _change_since(self, before: Array) -> tuple[float, float]:
        """As `moved_across_and_along`, in parts of the depth."""
        now = self.rays
        known: BoolArray = np.asarray(np.isfinite(before + now).all(axis=1))
        if known.sum() < 4:
            return 0.0, 0.0
        across = float(np.hypot(*np.median((now - before)[known], axis=0)))
        trunk: BoolArray = known & _IS_TORSO
        grown = _growth(before, now, known)
        if trunk.sum() >= 3:
            trunks = _growth(before, now, trunk)
            grown = min(abs(grown), abs(trunks)) if grown * trunks > 0.0 else 0.0
        return across, abs(grown)

    def _velocity(self) -> Array:
        """Of the body (3,) [m/s], by least squares; 0 where it was not seen for long enough."""
        if len(self._places) < 3 or self._places[-1][0] - self._places[0][0] < 0.3 * STRIDE_S:
            return np.zeros(3)
        t = np.array([s for s, _ in self._places])
        t -= t.mean()
        velocity = np.asarray(t @ np.array([p for _, p in self._places]) / (t @ t))
        return velocity * min(1.0, FASTEST_M_S / max(float(np.linalg.norm(velocity)), 1e-6))


def _growth(before: Array, now: Array, which: BoolArray) -> float:
    """Logarithm of the ratio of sizes, from joints (15, 2) at unit depth."""
    spread = [float(np.std(rays[which], axis=0).sum()) for rays in (before, now)]
    return float(np.log(max(spread[1], 1e-6) / max(spread[0], 1e-6)))


def rough_joints(keypoints: Keypoints, camera: Camera) -> Array:
    """Joints (15, 3) [m], camera frame, all at the depth of a body of USUAL_HEIGHT_M with these
    limbs; NaN where a joint is not seen.
    """
    rays, _ = seen_rays(keypoints.pixels[:N_JOINTS], camera)
    depths = _depths(rays, BONE_RATIOS) or _depths(rays, _WIDTHS)
    # The limbs that are least foreshortened tell the size.
    depth = float(np.quantile(depths, 0.25)) if depths else USUAL_DISTANCE_M
    return rays * depth


def _depths(rays: Array, lengths: tuple[tuple[int, int, float], ...]) -> list[float]:
    apart = [(float(np.linalg.norm(rays[a] - rays[b])), share) for a, b, share in lengths]
    return [USUAL_HEIGHT_M * share / seen for seen, share in apart if seen > 1e-3]
