"""Message files of people who move, and what an avatar program hears."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edge.core.arrays import Array
from edge.core.pose import FrameEstimate, LiftedPose, PersonEstimate, Presence
from edge.output.messages.payloads import encode, pose_message
from tests.support.bodies import CAMERA, figure
from tests.support.messages import an_estimate


def somebody(
    number: int, room: Array, presence: Presence = "present", *, height_known: bool = True
) -> PersonEstimate:
    """A person whose joints (15, 3) are these in the room frame [m], before CAMERA."""
    pose = LiftedPose(
        CAMERA.from_room(room), np.full(15, 0.041), np.full(15, 0.8), "sound", 10.0
    )  # fmt: skip
    return PersonEstimate(number, pose, room if height_known else None, presence)


def frame(k: int, t_s: float, *people: PersonEstimate) -> FrameEstimate:
    """Image k at this time."""
    t_ns = round(t_s * 1e9)
    return an_estimate(
        *people, sequence=k + 1, frame=k, t_ns=10**9 + t_ns, utc_ns=1_800_000_000 * 10**9 + t_ns
    )


def messages(frames: Sequence[FrameEstimate], device: str = "hall") -> list[dict[str, Any]]:
    """The pose message of each."""
    return [pose_message(estimate, device) for estimate in frames]


def write(path: Path, lines: Sequence[dict[str, Any]]) -> Path:
    """One message a line."""
    path.write_bytes(b"".join(encode(line) + b"\n" for line in lines))
    return path


def walk(k: int, start: tuple[float, float] = (0.0, 3.0)) -> Array:
    """Somebody of one size on a curve, who leans, lifts the thighs and bends the knees."""
    s = 0.2 * k
    return figure(
        1.75,
        (start[0] + np.sin(s), start[1] + 0.1 * k),
        heading_deg=20.0 * k,
        lean_deg=15.0 * np.sin(s),
        thigh_deg=40.0 * np.sin(2.0 * s),
        shank_deg=-30.0 * np.cos(s),
    )
