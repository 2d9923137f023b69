"""2D joints (and BlazePose's shape prior) -> the body's shape up to one scale factor.

One image gives every joint's ray, and the joints' relative depths for a body of a given size. The
lifter finds the scale.
"""

from dataclasses import dataclass

import numpy as np

from edge.core.arrays import Array, BoolArray
from edge.core.pose import MID_HIP, N_JOINTS, SEEN, Keypoints
from edge.core.rig import Camera
from edge.core.stature import BONE_RATIOS, standing_height


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


def make_shape(keypoints: Keypoints, camera: Camera) -> Shape | None:
    """Shape from what the camera sees; None when fewer than four joints are seen."""
    pixels = keypoints.pixels[:N_JOINTS]
    confidence = np.where(camera.near_image(pixels[:, :2]), pixels[:, 2], 0.0)
    seen = confidence >= SEEN
    if seen.sum() < 4:
        return None
    rays = np.full((N_JOINTS, 3), np.nan)
    rays[confidence > 0] = camera.rays(pixels[confidence > 0, :2])
    relative = keypoints.relative[:N_JOINTS]
    if np.isfinite(relative[seen]).all():
        return _from_relative(rays, confidence, seen, relative)
    return _flat(rays, confidence, seen)


def _from_relative(
    rays: Array, confidence: Array, seen: BoolArray, relative: Array
) -> Shape | None:
    """Project the hip-centred shape prior onto the joints, then move each joint onto its ray."""
    centre = np.average(rays[seen], axis=0, weights=confidence[seen])
    local = relative @ _rotation_to(centre).T
    # (x + tx) - u (z + tz) = 0 and the same for y, least squares in t.
    u, w = rays[seen, :2], np.sqrt(confidence[seen])
    rows = np.zeros((2 * len(u), 3))
    rows[0::2, 0] = rows[1::2, 1] = 1.0
    rows[:, 2] = -u.reshape(-1)
    rhs = (u * local[seen, 2:] - local[seen, :2]).reshape(-1)
    weight = np.repeat(w, 2)
    shift = np.linalg.lstsq(rows * weight[:, None], rhs * weight, rcond=None)[0]
    placed = local + shift
    if not (placed[:, 2] > 0.1).all():
        return None
    on_ray = seen & np.isfinite(rays[:, 0])
    placed[on_ray] = rays[on_ray] * placed[on_ray, 2:]
    height = standing_height(placed, confidence)
    return Shape(placed, confidence, height, 0.04) if np.isfinite(height) else None


def _flat(rays: Array, confidence: Array, seen: BoolArray) -> Shape | None:
    """Without a prior: all joints at one depth, from the least foreshortened limbs at 1.7 m."""
    height = 1.7
    bones = [(a, b, ratio) for a, b, ratio in BONE_RATIOS if seen[a] and seen[b]]
    depths = [height * ratio / np.linalg.norm(rays[a] - rays[b]) for a, b, ratio in bones]
    if len(depths) == 0:
        return None
    z = float(np.quantile(depths, 0.25))
    anchor = rays[MID_HIP] if seen[MID_HIP] else np.nanmean(rays[seen], axis=0)
    joints = np.where(np.isfinite(rays), rays, anchor) * z
    return Shape(joints, confidence, height, 0.08)


def _rotation_to(direction: Array) -> Array:
    """Smallest rotation (3, 3) from the optical axis (0, 0, 1) to `direction`."""
    d = direction / np.linalg.norm(direction)
    v = np.array([-d[1], d[0], 0.0])
    cross = np.array([[0.0, -v[2], v[1]], [v[2], 0.0, -v[0]], [-v[1], v[0], 0.0]])
    return np.asarray(np.eye(3) + cross + cross @ cross / (1.0 + d[2]))
