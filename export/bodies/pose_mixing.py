"""More poses to train on than were recorded: one person's legs under another's upper body, all
limbs a little elsewhere.

The motion clips of the training split are twelve, half of their frames of one climb: a network that
knows only these takes other people's arms for theirs.
"""

from dataclasses import replace

import numpy as np

from edge.core.arrays import Array, Rng
from export.bodies.skeleton import Pose, axis_rotation, unit

# Standard deviations of the turns [degrees].
SPINE_DEG, HEAD_DEG = 6.0, 6.0
LIMB_DEG = np.array([9.0, 9.0, 5.0, 5.0, 0.0])  # upper arm, forearm, thigh, shank, foot


def with_upper_body(pose: Pose, other: Pose) -> Pose:
    """This pose with the other's chest, arms and head, which keep their place relative to the
    pelvis.
    """
    carry = pose.pelvis @ other.pelvis.T
    segments = pose.segments.copy()
    segments[:, :2] = other.segments[:, :2] @ carry.T
    return replace(pose, chest=carry @ other.chest, head=carry @ other.head, segments=segments)


def loosened(pose: Pose, rng: Rng) -> Pose:
    """The pose with its spine, its head and each limb turned a little."""
    bent = _turn(rng, SPINE_DEG)
    segments = pose.segments.copy()
    segments[:, :2] = segments[:, :2] @ bent.T
    for side in range(2):
        for k, degrees in enumerate(LIMB_DEG):
            if degrees > 0.0:
                segments[side, k] = _turn(rng, degrees) @ segments[side, k]
    return replace(
        pose,
        chest=bent @ pose.chest,
        head=_turn(rng, HEAD_DEG) @ bent @ pose.head,
        segments=segments,
    )


def _turn(rng: Rng, degrees: float) -> Array:
    """A rotation (3, 3) about any axis."""
    return axis_rotation(unit(rng.normal(size=3)), float(np.radians(rng.normal(0.0, degrees))))
