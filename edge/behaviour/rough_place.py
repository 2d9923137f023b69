"""Where a body is by its size in the image alone: before anything better is known of it."""

import numpy as np

from edge.core.arrays import Array
from edge.core.pose import N_JOINTS, Keypoints
from edge.core.rig import Camera, seen_rays
from edge.core.stature import BONE_RATIOS

USUAL_HEIGHT_M = 1.7
USUAL_DISTANCE_M = 3.0
# Distances between joints, in parts of the standing height, that hold where no limb is seen.
_WIDTHS = ((2, 5, 0.21), (9, 12, 0.12), (0, 1, 0.13))


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
