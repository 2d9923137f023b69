"""Training poses beyond the recorded ones: the upper body of another pose, and limbs turned a
little.

The training split has twelve motion clips, and half of their frames are of one climb. A network
trained on these alone does worse on other people's arms.
"""

from dataclasses import replace

import numpy as np

from edge.core.arrays import Array, Rng
from export.bodies.skeleton import Pose, axis_rotation, unit

# Standard deviations of the turns [degrees].
SPINE_DEG, HEAD_DEG = 6.0, 6.0
LIMB_DEG = np.array([9.0, 9.0, 5.0, 5.0, 0.0])  # upper arm, forearm, thigh, shank, foot


def with_upper_body(pose: Pose, other: Pose) -> Pose:
    """This pose with the other's chest, arms and head, unchanged relative to the pelvis."""
    carry = pose.pelvis @ other.pelvis.T
    segments = pose.segments.copy()
    segments[:, :2] = other.segments[:, :2] @ carry.T
    return replace(pose, chest=carry @ other.chest, head=carry @ other.head, segments=segments)


def loosened(pose: Pose, rng: Rng) -> Pose:
    """The pose with spine, head and each limb turned by a few random degrees."""
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
    """A rotation (3, 3) about a random axis."""
    return axis_rotation(unit(rng.normal(size=3)), float(np.radians(rng.normal(0.0, degrees))))
