"""The posture in one pose: causal geometry in the room frame, without training.

Heights and distances are compared in parts of the standing height.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from edge.core.arrays import Array
from edge.core.pose import MID_HIP, SEEN, Posture

CHEST, HIPS, KNEES, ANKLES = (1, 2, 5), (8, 9, 12), (10, 13), (11, 14)
RIGHT, LEFT = (2, 9), (5, 12)  # shoulder and hip

# Parts of the standing height.
LOW_HIP = 0.43  # hips below this: not on straight legs
LEVEL_THIGH = 0.1  # hips less than this above the knees: sitting, however high the seat
FLOOR_HIP = 0.15  # hips below this, trunk upright: sitting on the floor
FLAT_TRUNK = 0.16  # shoulders less than this above the hips: the trunk lies (a trunk is 0.29 long)
FLAT_LEGS = 0.12  # hips less than this above the ankles: the legs lie, too
KNEELING = 0.13  # knees lower than this, ...
KNEELING_HIP = 0.12  # ... and hips higher above them than this: kneeling
# Ankles farther ahead of the hips than this, in the knees' direction: sitting; else crouching.
FEET_AHEAD = 0.12

LEAN_COSINE = 0.77  # of 40 degrees: leaning farther than this on straight legs is bending
HUNCH_COSINE = 0.64  # of 50 degrees: as far as somebody on a seat leans


class Measures(NamedTuple):
    """Of one pose, NaN where joints are not seen.

    hip, chest, ankle, knee, foot: heights [m], ankle and knee of the middle, foot of the lower
    ankle. ahead: ankles ahead of the hips in the knees' direction [m]. upright: cosine of the
    trunk's lean.
    """

    hip: float
    chest: float
    ankle: float
    knee: float
    ahead: float
    upright: float
    foot: float


IS_HEIGHT = np.array([1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 1.0])  # of Measures


@dataclass(frozen=True, slots=True)
class MeasuredPose:
    """place: (2,) of the hips on the floor [m]. facing: (2,) unit vector on the floor, or NaN."""

    t_s: float
    place: Array
    facing: Array
    measures: Measures


def measure(room: Array, confidence: Array, t_s: float) -> MeasuredPose:
    """Joints (15, 3) in the room frame [m] and their confidence (15,) at the time t_s [s]."""
    joints = np.where((confidence >= SEEN)[:, None], room, np.nan)
    hips, chest, knees, ankles = (
        _middle(joints[list(group)]) for group in (HIPS, CHEST, KNEES, ANKLES)
    )
    if np.isnan(joints[MID_HIP]).all() and np.isnan(joints[list(HIPS[1:])]).any():
        hips = np.full(3, np.nan)  # one hip alone is not the middle
    trunk = chest - hips
    upright = float(trunk[2] / np.linalg.norm(trunk))
    thigh = (knees - hips)[:2]
    ahead = float((ankles - hips)[:2] @ thigh / max(float(np.hypot(*thigh)), 1e-6))
    across = (joints[list(LEFT)] - joints[list(RIGHT)]).sum(axis=0)
    facing = np.array([across[1], -across[0]])  # from right to left: across x up
    foot = np.fmin(*joints[list(ANKLES), 2])
    measures = Measures(hips[2], chest[2], ankles[2], knees[2], ahead, upright, foot)
    return MeasuredPose(t_s, hips[:2], facing / max(float(np.hypot(*facing)), 1e-6), measures)


def classify(measures: Measures, standing_m: float, flatness: float = 1.0) -> Posture:
    """The posture of a body of standing height `standing_m` [m]; "standing" may still be walking.

    flatness: factor on the limits below which trunk and legs are flat.
    """
    hip, chest, ankle, knee, ahead = np.array(measures[:5]) / standing_m
    if np.isnan(hip) or np.isnan(chest):
        return "unknown"
    legs_known = not np.isnan(ankle)
    flat_trunk = chest - hip < FLAT_TRUNK * flatness
    flat_legs = not legs_known or hip - ankle < FLAT_LEGS * flatness
    if hip < LOW_HIP and flat_trunk and flat_legs:
        return "lying"
    if hip >= LOW_HIP and not hip - knee < LEVEL_THIGH:
        return "bending" if measures.upright < LEAN_COSINE else "standing"
    if hip < FLOOR_HIP:
        return "sitting"
    kneeling = not np.isnan(knee) and knee < KNEELING and hip - knee > KNEELING_HIP
    crouching = legs_known and ahead < FEET_AHEAD
    hunched = legs_known and measures.upright < HUNCH_COSINE
    return "bending" if kneeling or crouching or hunched else "sitting"


def _middle(joints: Array) -> Array:
    """Mean (3,) of the joints that are seen."""
    seen = joints[np.isfinite(joints).all(axis=1)]
    return seen.mean(axis=0) if len(seen) else np.full(3, np.nan)
