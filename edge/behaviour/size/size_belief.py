"""How tall somebody is, as sound and a floor below a camera of known height have found it so far.

Errors repeat as long as somebody stays in one place and posture: body shape, room and the place on
the body where the echo begins are the same. So what counts is the number of places, not of poses.
And some repeat everywhere, by where the size is from. Of 8 simulated people on 6 evenings, placed
at the right distance, the height of a body that is upright in the image is found with an error of
2.3 % that stays theirs, and one of 3.5 % from place to place; of one who sits or lies it is found
5 % too small, and 8 % one way or the other: limbs that point at the camera look short. By the floor
all distances in one room are off by the same 2.7 %, for the camera's height and tilt are.
"""

from collections import deque
from collections.abc import Sequence

import numpy as np

from edge.behaviour.places import Places
from edge.core.arrays import Array
from edge.core.pose import MID_HIP, LiftedPose
from edge.core.stature import BodySize, standing_height

# 1-sigma of log height: what repeats in one place, and what differs from period to period; at least
# as large as the pose itself says.
PLACE_SIGMA, PERIOD_SIGMA = 0.035, 0.05
# What repeats everywhere: of the body's shape; besides it, of each kind of evidence.
SHAPE_SIGMA = 0.02
COMMON_SIGMA = {"sound": 0.01, "folded": 0.08, "floor": 0.027}
FOLDED_BIAS = 0.05  # of log height, too small, of bodies that are not upright
# From the neck to the ankles down the image, in heights: of who stands or walks it is more, of who
# sits less.
UPRIGHT = 0.66
MOST_PERIODS = 15  # in each place
# A place that is so many 1-sigma off is wrong rather than far off (Huber's limit).
OUTLIER = 1.5
# The newest places contradict all before them by so many 1-sigma: this is somebody else.
CONTRADICTION = 3.0
# A belief that is no better than the usual height of people helps nobody.
MOST_SIGMA = 0.12
_NECK, _ANKLES = 1, [11, 14]
DOWN = np.array([0.0, 1.0, 0.0])  # in the image of a camera that is not turned


class SizeBelief:
    """Of one track. Give it every pose that was lifted from a new period of sound, and now and then
    one that was lifted without sound: all of them without this belief, for a pose that already
    knows the size is no evidence.
    """

    def __init__(self, down: Array = DOWN) -> None:
        """down: in the image, see `is_upright`."""
        self._down = down
        self._places = Places(_Place)
        self._belief: BodySize | None = None

    @property
    def belief(self) -> BodySize | None:
        """None while nothing better than the usual height of people is known."""
        return self._belief

    def update(self, pose: LiftedPose) -> None:
        """Learn from a pose; one whose scale is from neither sound nor floor teaches nothing, nor
        does one by the floor that is not upright.
        """
        height = standing_height(pose.joints, pose.confidence)
        if pose.scale_source not in ("sound", "floor") or not height > 0.0:
            return
        upright = is_upright(pose.joints, height, self._down)
        if not upright and pose.scale_source == "floor":
            return
        kind: str = pose.scale_source if upright else "folded"
        log_height = float(np.log(height)) + (0.0 if upright else FOLDED_BIAS)
        self._places.at(kind, pose.joints[MID_HIP]).add(log_height, pose.relative_sigma)
        self._places.forget_somebody_else(_contradict)
        belief = self._of_all_places()
        self._belief = belief if belief.sigma <= MOST_SIGMA else None

    def _of_all_places(self) -> BodySize:
        log_height, sigma = _mean(list(self._places), common=True)
        return BodySize(log_height, float(np.hypot(sigma, SHAPE_SIGMA)))


class _Place:
    """Log heights of somebody in one place, by one kind of evidence."""

    def __init__(self, kind: str, where: Array) -> None:
        self.kind, self.where = kind, where
        self._log_heights: deque[float] = deque(maxlen=MOST_PERIODS)
        self._own_sigmas: deque[float] = deque(maxlen=MOST_PERIODS)

    def add(self, log_height: float, sigma: float) -> None:
        self._log_heights.append(log_height)
        self._own_sigmas.append(sigma)

    @property
    def periods(self) -> int:
        return len(self._log_heights)

    @property
    def log_height(self) -> float:
        return float(np.median(self._log_heights))

    @property
    def sigma(self) -> float:
        modelled = np.hypot(PLACE_SIGMA, PERIOD_SIGMA / np.sqrt(self.periods))
        return float(max(modelled, np.median(self._own_sigmas)))


def is_upright(joints: Array, height: float, down: Array = DOWN) -> bool:
    """Whether a body (15, 3) [m] is stretched down the image, and not along its depth. down: unit
    vector (3,) in the image's plane.
    """
    ray = joints[MID_HIP] / np.linalg.norm(joints[MID_HIP])
    body = joints[_ANKLES].mean(axis=0) - joints[_NECK]
    return bool((body - (body @ ray) * ray) @ down >= UPRIGHT * height)


def _contradict(older: Sequence[_Place], newer: Sequence[_Place]) -> bool:
    same = {p.kind for p in older} == {p.kind for p in newer}
    (before, before_sigma), (now, now_sigma) = (
        _mean(part, common=not same) for part in (older, newer)
    )
    return abs(now - before) > CONTRADICTION * float(np.hypot(before_sigma, now_sigma))


def _mean(places: Sequence[_Place], *, common: bool) -> tuple[float, float]:
    """Log height over the places and its 1-sigma. common: with what repeats everywhere."""
    found = []
    for kind in sorted({p.kind for p in places}):
        mean, sigma = _robust_mean([p for p in places if p.kind == kind])
        found.append((mean, float(np.hypot(sigma, COMMON_SIGMA[kind] if common else 0.0))))
    x, sigma_of = np.array(found).T
    weight = sigma_of**-2
    return float(weight @ x / weight.sum()), float(weight.sum() ** -0.5)


def _robust_mean(places: list[_Place]) -> tuple[float, float]:
    """Huber's estimate of the log height over places of one kind and its 1-sigma, without what is
    common.

    It is found from the median on. Where places scatter by more than they should, so does it.
    """
    x = np.array([p.log_height for p in places])
    sigma = np.array([p.sigma for p in places])
    mean = float(np.median(x))
    weight = sigma**-2
    for _ in range(5):
        off = np.abs(x - mean) / sigma
        weight = sigma**-2 * np.minimum(1.0, OUTLIER / np.maximum(off, 1e-9))
        mean = float(np.sum(weight * x) / np.sum(weight))
    scatter = float(np.sum(weight * ((x - mean) / sigma) ** 2) / np.sum(weight))
    excess = max(1.0, scatter * len(x) / max(len(x) - 1, 1))
    return mean, float(np.sqrt(excess / np.sum(weight)))
