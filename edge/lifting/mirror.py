"""The mirror image of person and rig: left is right, and times of arrival stay the same."""

from dataclasses import replace
from functools import lru_cache

import numpy as np

from edge.core import pose
from edge.core.arrays import Array
from edge.core.rig import Rig

FLIP = np.array([-1.0, 1.0, 1.0])
MIRROR = np.array(pose.MIRROR[: pose.N_JOINTS])


def mirrored(points: Array) -> Array:
    """Joints or rays (..., 15, 3), camera frame, of the mirror image."""
    return np.asarray(points[..., MIRROR, :] * FLIP)


@lru_cache(maxsize=4)
def mirrored_rig(rig: Rig) -> Rig:
    """The rig of the mirror image, one and the same each time. Of its camera only the mounting is
    valid.
    """
    return replace(
        rig,
        speakers=rig.speakers * FLIP,
        mics=rig.mics * FLIP,
        camera=replace(rig.camera, roll_deg=-rig.camera.roll_deg),
    )
