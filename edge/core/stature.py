"""Standing height of a body from its limb lengths."""

import numpy as np
import numpy.typing as npt

from edge.core.arrays import Array
from edge.core.pose import N_JOINTS

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


def limb_heights(joints: Array) -> Array:
    """Standing height (9,) [m] that each of BONE_RATIOS tells, of a body with joints (15, 3) [m];
    NaN where one of its ends is.
    """
    return np.array([np.linalg.norm(joints[a] - joints[b]) / s for a, b, s in BONE_RATIOS])


def standing_height(joints: npt.ArrayLike, weight: npt.ArrayLike | None = None) -> float:
    """Standing height [m] of a body with joints (15, 3) [m], from limb lengths; NaN if unknown."""
    p = np.asarray(joints, np.float64)
    w = np.ones(N_JOINTS) if weight is None else np.asarray(weight, np.float64)
    heights = limb_heights(p)
    weights = np.array([min(w[a], w[b]) * ratio for a, b, ratio in BONE_RATIOS])
    ok = np.isfinite(heights) & (weights > 0)
    return _weighted_median(heights[ok], weights[ok]) if ok.any() else float("nan")


def _weighted_median(values: Array, weights: Array) -> float:
    order = np.argsort(values)
    cumulative = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(cumulative, cumulative[-1] / 2)])
