"""Everybody lifted as if alone, until lifters take several people."""

from collections.abc import Callable, Sequence

from edge.core.pose import Keypoints, LiftedPose
from edge.core.rig import Rig
from edge.lifting.lifter import Lifter
from edge.sound.pose_kernel import Kernels

JointLifter = Callable[[Sequence[Keypoints], Kernels | None, Rig], list[LiftedPose | None]]


def one_by_one(lift: Lifter) -> JointLifter:
    """Lifts each of several people on their own."""
    return lambda people, kernels, rig: [lift(k, kernels, rig) for k in people]
