"""Somebody who walks about below a camera that hangs at 1.5 m, whatever height was told of it."""

import numpy as np

from edge.core.arrays import Array
from edge.core.pose import LiftedPose, ScaleSource
from edge.core.rig import Camera
from tests.support.bodies import figure

TRUE_M = 1.5
WALK = [figure(place=(x, y)) for y in (2.0, 3.0, 4.0) for x in (-1.0, 0.0, 1.0)]


def camera(height_m: float | None) -> Camera:
    return Camera(640, 480, 520.0, 520.0, 320.0, 240.0, height_m=height_m, tilt_deg=10.0)


def lifted(
    room: Array, source: ScaleSource = "sound", jitter_m: float = 0.0, seed: int = 0
) -> LiftedPose:
    """A pose as the camera really sees it. room: joints (15, 3) above the real floor [m]."""
    real = camera(TRUE_M)
    joints = (room - [0.0, 0.0, TRUE_M]) @ real.room_rotation
    joints += np.random.default_rng(seed).normal(0.0, jitter_m, 3)
    return LiftedPose(joints, np.full(15, 0.1), np.full(15, 0.9), source, 10.0, 2.0, 0.95)


WALK_POSES = [lifted(p) for p in WALK]
