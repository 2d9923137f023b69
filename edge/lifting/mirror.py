"""The world's mirror image: left is right, and every time of arrival stays."""

from dataclasses import replace

import numpy as np

from edge.core import pose
from edge.core.arrays import Array
from edge.core.rig import Rig

FLIP = np.array([-1.0, 1.0, 1.0])
MIRROR = np.array(pose.MIRROR[: pose.N_JOINTS])


def mirrored(points: Array) -> Array:
    """Joints or rays (..., 15, 3), camera frame, of the mirror image."""
    return np.asarray(points[..., MIRROR, :] * FLIP)


def mirrored_rig(rig: Rig) -> Rig:
    """The rig of the mirror image; its camera is told by its mounting only."""
    return replace(
        rig,
        speakers=rig.speakers * FLIP,
        mics=rig.mics * FLIP,
        camera=replace(rig.camera, roll_deg=-rig.camera.roll_deg),
    )
