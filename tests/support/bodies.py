"""A plain standing person with limb lengths of known standing height, for tests that need a body
but no simulator.
"""

import numpy as np
import numpy.typing as npt

from edge.core.pose import Keypoints
from edge.core.rig import Camera, Rig

CAMERA = Camera(640, 480, 520.0, 520.0, 320.0, 240.0, height_m=1.2)


def standing(
    height_m: float = 1.7, position: tuple[float, float] = (0.0, 3.0), lean: float = 0.0
) -> npt.NDArray[np.float64]:
    """BODY_25 joints (25, 3), camera frame of CAMERA, of somebody standing at floor position
    (right, forward) [m].
    """
    h = height_m
    hip, shoulder = 0.491 * h, 0.779 * h  # heights of the joints: shank + thigh, + trunk
    side = {"shoulder": 0.11 * h, "hip": 0.055 * h}
    room = np.full((25, 3), np.nan)
    room[0] = [0.0, -0.1, 0.92 * h]
    room[1], room[8] = [0, 0, shoulder], [0, 0, hip]
    for sign, first in ((-1, 2), (1, 5)):
        x = sign * side["shoulder"]
        room[first : first + 3] = [
            [x, 0, shoulder],
            [x, 0, shoulder - 0.186 * h],
            [x, -0.02, shoulder - 0.331 * h],
        ]
    for sign, first in ((-1, 9), (1, 12)):
        x = sign * side["hip"]
        room[first : first + 3] = [[x, 0, hip], [x, 0, 0.246 * h], [x, 0, 0.0]]
    room[:, 1] += lean * room[:, 2]
    return CAMERA.from_room(room + np.array([position[0], position[1], 0.0]))


def seen(
    joints: npt.NDArray[np.float64],
    camera: Camera = CAMERA,
    noise_px: float = 0.0,
    with_shape: bool = True,
) -> Keypoints:
    """What a perfect (or noisy) detector and shape prior give for these joints; the shape prior is
    20 % too small.
    """
    known = np.isfinite(joints[:, 0])
    pixels = np.zeros((25, 3))
    pixels[:, :2] = np.nan
    pixels[known, :2] = camera.project(joints[known]) + np.random.default_rng(0).normal(
        0, noise_px, (known.sum(), 2)
    )
    pixels[known, 2] = 1.0
    relative = np.full((25, 3), np.nan)
    if with_shape:
        axis = joints[8] / np.linalg.norm(joints[8])
        right = np.cross([0.0, 1.0, 0.0], axis)
        right /= np.linalg.norm(right)
        relative = 0.8 * (joints - joints[8]) @ np.stack([right, np.cross(axis, right), axis]).T
    return Keypoints(pixels, relative, 1, 1.0)


def compact_rig(camera: Camera = CAMERA) -> Rig:
    """One speaker 10 cm beside a six-microphone ring of 46 mm radius."""
    a = np.arange(6) * np.pi / 3
    mics = np.stack([0.0463 * np.cos(a), 0.0463 * np.sin(a) + 0.06, 0.0 * a], axis=1)
    return Rig(
        np.array([[0.1, 0.06, 0.0]]), mics, np.array([[0, m] for m in range(6)]), camera, 343.4
    )
