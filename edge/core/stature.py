"""Standing height of a body: from its limb lengths, and as far as it is remembered."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.core.arrays import Array

# Bone: (joint a, joint b, length / standing height). Segment lengths of Drillis and Contini (1966),
# as in Winter, Biomechanics and Motor Control of Human Movement, fig. 4.1; the trunk is mid-hip to
# the middle of the shoulders.
BONE_RATIOS = (
    (9, 10, 0.245),
    (12, 13, 0.245),
    (10, 11, 0.246),
    (13, 14, 0.246),
    (8, 1, 0.288),
    (2, 3, 0.186),
    (5, 6, 0.186),
    (3, 4, 0.146),
    (6, 7, 0.146),
)

_FROM, _TO, _RATIOS = (np.array(column) for column in zip(*BONE_RATIOS, strict=True))


@dataclass(frozen=True, slots=True)
class BodySize:
    """What one pose tells the next of somebody's size. log_height: natural logarithm of the
    standing height in metres (`standing_height`). sigma: its 1-sigma, so 0.03 means 3 %.
    """

    log_height: float
    sigma: float


@dataclass(frozen=True, eq=False, slots=True)
class DepthProfile:
    """How likely each distance of somebody's mid-hip is. log_distance: (B,) natural logarithms of
    metres, rising. log_p: (B,) log probability, up to a constant.
    """

    log_distance: Array
    log_p: Array

    def without(self, prior: "DepthProfile") -> "DepthProfile":
        """What this profile says more than another one at the same distances."""
        return DepthProfile(self.log_distance, self.log_p - prior.log_p)


def limb_heights(joints: Array) -> Array:
    """Standing height (..., 9) [m] that each of BONE_RATIOS tells, of bodies with joints (..., 15,
    3) [m]; NaN where one of its ends is.
    """
    bones = joints[..., _FROM, :] - joints[..., _TO, :]
    return np.asarray(np.linalg.norm(bones, axis=-1) / _RATIOS)


def standing_height(joints: npt.ArrayLike, weight: npt.ArrayLike | None = None) -> float:
    """Standing height [m] of a body with joints (15, 3) [m], from limb lengths; NaN if unknown."""
    return float(standing_heights(joints, weight))


def standing_heights(joints: npt.ArrayLike, weight: npt.ArrayLike | None = None) -> Array:
    """As `standing_height`, of many bodies at once: (..., 15, 3) and (..., 15) -> (...,)."""
    p = np.asarray(joints, np.float64)
    w = np.ones(p.shape[:-1]) if weight is None else np.asarray(weight, np.float64)
    heights = limb_heights(p)
    weights = np.minimum(w[..., _FROM], w[..., _TO]) * _RATIOS
    weights = np.where(np.isfinite(heights), weights, 0.0)
    # The weighted median; what has no weight comes last.
    order = np.argsort(np.where(weights > 0.0, heights, np.inf), axis=-1)
    heights, weights = (np.take_along_axis(x, order, axis=-1) for x in (heights, weights))
    cumulative = np.cumsum(weights, axis=-1)
    total = cumulative[..., -1:]
    middle = np.argmax(cumulative >= 0.5 * total, axis=-1)[..., None]
    found = np.take_along_axis(heights, middle, axis=-1)
    return np.asarray(np.where(total > 0.0, found, np.nan)[..., 0])
