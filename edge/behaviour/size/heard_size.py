"""How tall somebody is, as sound alone has found it: where the camera's height is unknown.

The image then guesses the scale from what people look like, and is wrong about the same person in
the same way everywhere: it takes a child for an adult. A soft echo moves that guess by little, so
that the mean of many poses with sound repeats it, and is ever surer of it. And walls return a
body's echo, later, often louder than the body itself: next to a wrong guess such an echo looks like
the right one.

So bursts are put together as likelihoods over sizes, not as means. Of each, what the image alone
says is taken out again, as one takes a prior out of a posterior: the lifter that is told the size
looks at the image itself. And an echo that was heard may be a late one, of somebody smaller. What
is heard again and again at one size wins against a wrong guess, and where places contradict each
other, the belief is wide.
"""

from collections import deque
from collections.abc import Iterable

import numpy as np

from edge.behaviour.places import Places
from edge.behaviour.size.size_belief import DOWN, SHAPE_SIGMA, is_upright
from edge.core.arrays import Array
from edge.core.pose import MID_HIP, LiftedPose
from edge.core.stature import BodySize, standing_height

# Log heights [m] that are told apart.
STEP = 0.02
LOG_HEIGHTS = np.arange(np.log(0.6), np.log(2.5), STEP)
# Of adults and children: log height, and its 1-sigma.
STATURE = BodySize(float(np.log(1.5)), 0.2)
# Of what one echo tells: where on the body it begins; of bodies that are not upright.
ECHO_SIGMA, FOLDED_SIGMA = 0.04, 0.08
# How often the echo that was heard is a later one, by way of a wall; or not the body's at all.
# These, STATURE and NEWEST were chosen on 14 simulated people of 11 evenings, a half of them
# children; how they are combined was not.
LATE, NOT_THEIRS = 0.1, 0.05
# Where only mean and 1-sigma of a pose are known: one that is hardly surer than the image alone has
# heard nothing.
LEAST_SURER = 0.7
# Poses in one place: who keeps still is heard in the mean of more and more bursts.
NEWEST = 5
# A belief that is hardly better than the usual height of people helps nobody.
MOST_SIGMA = 0.15
# The newest places are of somebody else where that is so many times as likely (logarithm).
SOMEBODY_ELSE = 5.0
_PRIOR = -0.5 * ((LOG_HEIGHTS - STATURE.log_height) / STATURE.sigma) ** 2
_PRIOR -= np.log(np.exp(_PRIOR).sum())


class HeardSize:
    """Of one track. Give it every pose that was lifted from a new burst, all of them without this
    belief, for a pose that already knows the size is no evidence.
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
        """Learn from a pose; one whose scale is not from sound teaches nothing."""
        height = standing_height(pose.joints, pose.confidence)
        if pose.scale_source != "sound" or not height > 0.0:
            return
        upright = is_upright(pose.joints, height, self._down)
        told = _log_likelihood(pose, height, ECHO_SIGMA if upright else FOLDED_SIGMA)
        if told is None:
            return
        self._places.at("upright" if upright else "folded", pose.joints[MID_HIP]).append(told)
        self._places.forget_somebody_else(_differ)
        posterior = np.exp(_PRIOR + _together(self._places))
        posterior /= posterior.sum()
        mean = float(posterior @ LOG_HEIGHTS)
        spread = float(np.sqrt(posterior @ (LOG_HEIGHTS - mean) ** 2))
        sigma = float(np.hypot(spread, SHAPE_SIGMA))
        self._belief = BodySize(mean, sigma) if sigma <= MOST_SIGMA else None


class _Place:
    """What was heard of somebody in one place. Errors repeat there: however often they are heard,
    it counts as once.
    """

    def __init__(self, kind: str, where: Array) -> None:
        self.kind, self.where = kind, where
        self._told: deque[Array] = deque(maxlen=NEWEST)

    def append(self, log_likelihood: Array) -> None:
        """Of each of LOG_HEIGHTS, of a body as it was seen."""
        self._told.append(log_likelihood)

    @property
    def periods(self) -> int:
        return len(self._told)

    @property
    def log_likelihood(self) -> Array:
        return np.asarray(np.mean(self._told, axis=0))


def _log_likelihood(pose: LiftedPose, height: float, echo_sigma: float) -> Array | None:
    """What sound alone says of each of LOG_HEIGHTS; None where it says nothing. height: of the pose
    [m]. echo_sigma: of a logarithm, where on the body its echo begins.
    """
    distances = LOG_HEIGHTS - np.log(height) + np.log(pose.mid_hip_distance_m)
    if pose.heard is not None:
        told = np.interp(distances, pose.heard.log_distance, pose.heard.log_p)
    else:
        own, seen = pose.relative_sigma, pose.image
        if seen is None or own > LEAST_SURER * seen.relative_sigma:
            return None
        told = -0.5 * ((distances - np.log(pose.mid_hip_distance_m)) / own) ** 2
        by_image = (distances - np.log(seen.distance_m)) / seen.relative_sigma
        told += 0.5 * by_image**2
    likelihood = _smeared(np.exp(told - told.max()), echo_sigma)
    or_smaller = np.maximum.accumulate(likelihood[::-1])[::-1]
    return np.asarray(np.log((1.0 - LATE) * likelihood + LATE * or_smaller + NOT_THEIRS))


def _differ(older: Iterable[_Place], newer: Iterable[_Place]) -> bool:
    before, now = _together(older), _together(newer)
    one = _log_sum(_PRIOR + before + now)
    return _log_sum(_PRIOR + before) + _log_sum(_PRIOR + now) - one > SOMEBODY_ELSE


def _together(places: Iterable[_Place]) -> Array:
    return np.asarray(np.sum([p.log_likelihood for p in places], axis=0))


def _smeared(likelihood: Array, sigma: float) -> Array:
    reach = int(np.ceil(3.0 * sigma / STEP))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * STEP / sigma) ** 2)
    padded = np.pad(likelihood, reach, mode="edge")
    return np.convolve(padded, kernel / kernel.sum(), "valid")


def _log_sum(x: Array) -> float:
    return float(np.log(np.exp(x - x.max()).sum()) + x.max())
