"""The person as the image shows it: the first input of every network.

All numbers are in the person's frame: z towards the middle of the person, y as far down as can be,
lengths in units of the person's apparent size. Training and device call the same functions, which
take any leading dimensions.
"""

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from edge.core.arrays import Array, BoolArray, FloatArray
from edge.core.pose import N_JOINTS, Keypoints
from edge.core.rig import Rig, seen_rays
from edge.core.stature import BodySize
from edge.lifting.mirror import FLIP, MIRROR, mirrored

ANKLES = (11, 14)
LEAST_SEEN = 4  # joints
ANKLE_M = 0.08  # of the ankle joint above the sole
# A person of size 1 (root mean square at unit depth) stands about exp(-0.75) m away.
SIZE_LOG = 0.75
UNKNOWN_BODY = np.array([np.nan, np.nan])
# Places; seen or not; depth of the floor at both ankles, and whether each is known; whether the
# camera's height is known, and its log; elevation; log size in the image; middle of the box;
# whether the body's size is known, the log of its height and that of its 1-sigma.
FEATURES = 2 * N_JOINTS + N_JOINTS + 4 + 2 + 1 + 1 + 2 + 3
# What a body's size is told against, so that people lie within about +/- 1.
BODY_M, BODY_SIGMA, BODY_SCALE = 1.6, 0.03, 3.0


@dataclass(frozen=True, eq=False)
class PersonView:
    """One person in one image, or a batch with leading dimensions (...).

    turn: (..., 3, 3) takes the person's frame to the camera frame. centre: (..., 2), size: (...,):
    middle and root mean square spread of the seen joints at unit depth. xy: (..., 15, 2) joints'
    rays at unit depth, less `centre`, over `size`; 0 where not seen. seen: (..., 15). on_floor:
    (..., 2), whether the floor's depth is known at right and left ankle. features: (..., FEATURES)
    float32, the vision network's input.
    """

    turn: Array
    centre: Array
    size: Array
    xy: Array
    seen: BoolArray
    on_floor: BoolArray
    features: FloatArray

    def one(self, index: int) -> "PersonView":
        """One person's view out of a batch (N, ...)."""
        return PersonView(*(getattr(self, f.name)[index] for f in fields(self)))

    def points(self, log_depth: npt.ArrayLike, xy: npt.ArrayLike) -> Array:
        """Normalised log depth (..., 15), place (..., 15, 2) -> camera frame (..., 15, 3) [m]."""
        z = np.exp(np.asarray(log_depth, np.float64)) / self.size[..., None]
        plane = self.centre[..., None, :] + np.asarray(xy, np.float64) * self.size[..., None, None]
        own = np.concatenate([plane * z[..., None], z[..., None]], axis=-1)
        return np.asarray(own @ np.swapaxes(self.turn, -1, -2))


def keypoint_view(
    keypoints: Keypoints, rig: Rig, size: BodySize | None = None, *, mirror: bool = False
) -> PersonView | None:
    """The view of one person, or None when fewer than LEAST_SEEN of the 15 joints are seen.

    size: of the body, None where it is not known. mirror: of the mirror image.
    """
    rays, seen = seen_rays(keypoints.pixels[:N_JOINTS], rig.camera)
    if seen.sum() < LEAST_SEEN:
        return None
    height = np.nan if rig.camera.height_m is None else rig.camera.height_m
    down = -rig.camera.room_rotation[2]
    body = UNKNOWN_BODY if size is None else np.array([size.log_height, size.sigma])
    if mirror:
        return make_view(mirrored(rays), seen[MIRROR], down * FLIP, height, body)
    return make_view(rays, seen, down, height, body)


def make_view(
    rays: Array,
    seen: BoolArray,
    down: Array,
    height_m: npt.ArrayLike,
    body: npt.ArrayLike = UNKNOWN_BODY,
) -> PersonView:
    """Camera-frame rays at z = 1 (..., 15, 3) of the `seen` joints (..., 15), LEAST_SEEN or more ->
    view.

    down: (..., 3) unit vector to the floor, camera frame (its y axis where the tilt is unknown).
    height_m: (...,) of the camera above the floor, NaN = unknown. body: (..., 2) as `BodySize`, NaN
    = unknown.
    """
    height = np.asarray(height_m, np.float64)
    turn = _turn(_middle(rays[..., :2], seen), down)
    turned = np.where(seen[..., None], rays, [0.0, 0.0, 1.0]) @ turn
    plane = turned[..., :2] / turned[..., 2:]
    count = seen.sum(axis=-1)[..., None]
    centre = np.where(seen[..., None], plane, 0.0).sum(axis=-2) / count
    xy = np.where(seen[..., None], plane - centre[..., None, :], 0.0)
    size = np.sqrt((xy**2).sum(axis=(-2, -1)) / count[..., 0]) + 1e-4
    xy = xy / size[..., None, None]
    floor_direction = (down[..., None, :] @ turn)[..., 0, :]
    floor, floor_known = _floor_depth(centre, size, xy, seen, floor_direction, height)
    height_known = np.isfinite(height)
    log_height = np.log(np.where(height_known, np.maximum(height, 0.1), 1.0))
    features = np.concatenate(
        [
            xy.reshape(*size.shape, -1),
            seen,
            floor,
            floor_known,
            height_known[..., None],
            np.where(height_known, log_height, 0.0)[..., None],
            floor_direction[..., 2:],
            np.log(size)[..., None] + 1.5,
            centre / size[..., None],
            _body_features(np.broadcast_to(np.asarray(body, np.float64), (*size.shape, 2))),
        ],
        axis=-1,
    )
    return PersonView(turn, centre, size, xy, seen, floor_known, features.astype(np.float32))


def _body_features(body: Array) -> Array:
    """Whether the size (..., 2) is known, and both of its numbers; (..., 3)."""
    known = np.isfinite(body).all(axis=-1)
    log_height = np.where(known, body[..., 0] - np.log(BODY_M), 0.0)
    log_sigma = np.log(np.where(known, np.maximum(body[..., 1], 0.003), BODY_SIGMA) / BODY_SIGMA)
    return np.stack([known, BODY_SCALE * log_height, log_sigma], axis=-1)


def _middle(xy: Array, seen: BoolArray) -> Array:
    """Direction (..., 3) to the middle of the seen joints' box."""
    low = np.where(seen[..., None], xy, np.inf).min(axis=-2)
    high = np.where(seen[..., None], xy, -np.inf).max(axis=-2)
    return np.concatenate([(low + high) / 2.0, np.ones((*low.shape[:-1], 1))], axis=-1)


def _turn(forward: Array, down: Array) -> Array:
    """Rotations (..., 3, 3) whose columns are the person's axes in the camera frame."""
    z = forward / np.linalg.norm(forward, axis=-1, keepdims=True)
    y = down - (down * z).sum(axis=-1, keepdims=True) * z
    y /= np.linalg.norm(y, axis=-1, keepdims=True)
    return np.stack([np.cross(y, z), y, z], axis=-1)


def _floor_depth(
    centre: Array, size: Array, xy: Array, seen: BoolArray, floor_direction: Array, height: Array
) -> tuple[Array, BoolArray]:
    """Log depth (..., 2) of each ankle's ray on the floor over SIZE_LOG's, and whether known."""
    ankles = list(ANKLES)
    plane = centre[..., None, :] + xy[..., ankles, :] * size[..., None, None]
    falls = (plane * floor_direction[..., None, :2]).sum(axis=-1) + floor_direction[..., None, 2]
    above = height[..., None] - ANKLE_M
    known = seen[..., ankles] & (falls > 0.02) & (np.nan_to_num(above) > 0.05)
    ratio = np.where(known, above, 1.0) / np.where(known, falls, 1.0) * size[..., None]
    return np.where(known, np.clip(np.log(ratio) + SIZE_LOG, -1.0, 1.0), 0.0), known
