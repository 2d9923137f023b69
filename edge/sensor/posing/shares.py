"""Who is lifted together, and with which sound."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from edge.behaviour.people import Sight
from edge.core.pose import LiftedPose
from edge.core.rig import Rig
from edge.core.stature import BodySize
from edge.lifting.lifter import Lifter
from edge.sound.pose_kernel import Kernels


@dataclass(frozen=True, slots=True)
class Share:
    """Those of the people posed (indices) who are lifted with these kernels, None for no sound.
    bursts: that the kernels are the mean of.
    """

    people: tuple[int, ...]
    kernels: Kernels | None = None
    rig: Rig | None = None
    bursts: int = 0


def everybody(posed: Sequence[Sight], kernels: Kernels | None, rig: Rig | None) -> list[Share]:
    """All of them with the same kernels, of the rig's pairs; without sound where either is None."""
    known = kernels is not None and rig is not None
    who = tuple(range(len(posed)))
    return [Share(who, kernels, rig, 1) if known else Share(who)] if posed else []


def without_floor(shares: Sequence[Share]) -> list[Share]:
    """The same, lifted without the camera's height."""
    return [replace(s, rig=None if s.rig is None else s.rig.without_floor) for s in shares]


def lift_shares(
    lift: Lifter,
    posed: Sequence[Sight],
    sizes: Sequence[BodySize | None],
    shares: Sequence[Share],
    rig: Rig,
) -> list[LiftedPose | None]:
    """The pose of each of them. sizes: as of `Lifter`. rig: of those without sound."""
    keypoints = [k for _, k in posed]
    lifted: list[LiftedPose | None] = [None] * len(posed)
    for share in shares:
        if share.kernels is None or share.rig is None:
            own = [sizes[k] for k in share.people] if sizes else ()
            found = lift([keypoints[k] for k in share.people], None, rig, own)
        else:  # everybody's echoes are in these kernels
            everyone = lift(keypoints, share.kernels, share.rig, sizes)
            found = [everyone[k] for k in share.people]
        for k, pose in zip(share.people, found, strict=True):
            lifted[k] = pose
    return lifted
