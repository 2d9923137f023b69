"""2D joints -> the body's shape up to one scale factor.

One image gives every joint's ray, and the joints' relative depths for a body of a given size. The
lifter finds the scale.
"""

from dataclasses import dataclass

import numpy as np

from edge.core.arrays import Array, BoolArray
from edge.core.pose import MID_HIP, N_JOINTS, Keypoints
from edge.core.rig import Rig, seen_rays
from edge.core.stature import BONE_RATIOS, BodySize, standing_height
from edge.lifting.person_view import LEAST_SEEN, keypoint_view
from edge.lifting.vision_model import VisionModel


@dataclass(frozen=True, slots=True)
class Shape:
    """A body of standing height `height_m` that projects onto the seen joints; so does every body
    s * joints.

    joints: (15, 3) camera frame [m]. confidence: (15,) 0..1. relative_sigma: 1-sigma of relative
    depths, as a share of the body's height.
    """

    joints: Array
    confidence: Array
    height_m: float
    relative_sigma: float


def make_shape(
    keypoints: Keypoints, rig: Rig, vision: VisionModel | None = None, size: BodySize | None = None
) -> Shape | None:
    """Shape from what the camera sees; None when fewer than four joints are seen.

    vision: gives the relative depths; without it all joints lie at one depth. size: of the body,
    None where it is not known.
    """
    pixels = keypoints.pixels[:N_JOINTS]
    if vision is None:
        rays, seen = seen_rays(pixels, rig.camera)
        confidence = np.where(seen, pixels[:, 2], 0.0)
        return None if seen.sum() < LEAST_SEEN else _flat(rays, confidence, seen)
    view = keypoint_view(keypoints, rig, size)
    if view is None:
        return None
    confidence = np.where(view.seen, pixels[:, 2], 0.0)
    joints = view.points(*vision(view))
    height = standing_height(joints, confidence)
    return Shape(joints, confidence, height, 0.04) if np.isfinite(height) else None


def _flat(rays: Array, confidence: Array, seen: BoolArray) -> Shape | None:
    """All joints at one depth, from the least foreshortened limbs at 1.7 m."""
    height = 1.7
    bones = [(a, b, ratio) for a, b, ratio in BONE_RATIOS if seen[a] and seen[b]]
    depths = [height * ratio / np.linalg.norm(rays[a] - rays[b]) for a, b, ratio in bones]
    if len(depths) == 0:
        return None
    z = float(np.quantile(depths, 0.25))
    anchor = rays[MID_HIP] if seen[MID_HIP] else np.nanmean(rays[seen], axis=0)
    joints = np.where(np.isfinite(rays), rays, anchor) * z
    return Shape(joints, confidence, height, 0.08)
