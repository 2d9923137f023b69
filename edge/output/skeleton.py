"""A person's joints as a skeleton of bones, as animation programs take it: turns and lengths.

Axes: x to the left of whoever faces the camera upright, y up, z towards the camera (right-handed),
metres. At rest the body stands in a T, faces z, and no bone is turned.

Only what joints show is turned. A limb turns by the smallest rotation that brings it into its
direction: nothing tells its twist about itself. Of the head one point is known, the nose.

One pose at a time and in plain numbers: a live sensor has one, and arrays of three cost more.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge.core.arrays import Array

Vector = Sequence[float]  # x, y, z
Quaternion = tuple[float, float, float, float]  # x, y, z, w, of length 1

# The nose stands that far forward of the trunk's line through the middle of the shoulders, in the
# mean of the upright bodies of export/bodies/data.
_NOSE = math.radians(37.0)
_LEFT, _RIGHT = (1.0, 0.0, 0.0), (-1.0, 0.0, 0.0)
_UP, _DOWN = (0.0, 1.0, 0.0), (0.0, -1.0, 0.0)
# Of each bone: name, the bone it hangs on, its joint (BODY_25), the joint at its end, and where
# that is seen from the first at rest. The trunk's two are turned by two directions each.
_BONES = (
    ("Hips", -1, 8, 1, _UP), ("Spine", 0, 8, 1, _UP),
    ("Neck", 1, 1, 0, (0.0, math.cos(_NOSE), math.sin(_NOSE))),
    ("LeftShoulder", 1, 1, 5, _LEFT), ("LeftArm", 3, 5, 6, _LEFT), ("LeftForeArm", 4, 6, 7, _LEFT),
    ("RightShoulder", 1, 1, 2, _RIGHT), ("RightArm", 6, 2, 3, _RIGHT),
    ("RightForeArm", 7, 3, 4, _RIGHT),
    ("LeftUpLeg", 0, 12, 13, _DOWN), ("LeftLeg", 9, 13, 14, _DOWN),
    ("RightUpLeg", 0, 9, 10, _DOWN), ("RightLeg", 11, 10, 11, _DOWN),
)  # fmt: skip
_ENDS = (("Nose", 2), ("LeftHand", 5), ("RightHand", 8), ("LeftFoot", 10), ("RightFoot", 12))
N_BONES = len(_BONES)
# Nodes are the bones and, behind them, the ends of those that carry no other.
NAMES = (*(bone[0] for bone in _BONES), *(name for name, _ in _ENDS))
PARENTS = (*(bone[1] for bone in _BONES), *(bone for _, bone in _ENDS))
JOINT_OF_NODE = (*(bone[2] for bone in _BONES), *(_BONES[bone][3] for _, bone in _ENDS))
_HERE: Quaternion = (0.0, 0.0, 0.0, 1.0)
_TINY = 1e-12


@dataclass(frozen=True, slots=True)
class SkeletonPose:
    """One pose.

    root: place of the mid-hip [m]. turns: of each bone (13), in the axes of the bone it hangs on.
    offsets: place of each node (18), in the axes of the bone it hangs on [m]; the first is zero.
    """

    root: Vector
    turns: list[Quaternion]
    offsets: list[Vector]


def upright(joints: Array, *, room: bool) -> Array:
    """Joints (..., 3) in the axes of this module. room: of the room frame, else the camera's, whose
    origin they then keep.
    """
    order, signs = ([0, 2, 1], (1.0, 1.0, -1.0)) if room else ([0, 1, 2], (1.0, -1.0, -1.0))
    return np.asarray(joints[..., order] * signs)


def fit(joints: Sequence[Vector], offsets: Sequence[Vector] | None = None) -> SkeletonPose:
    """The skeleton of 15 finite joints [m].

    offsets: None: the lengths that this pose has, so that following turns and offsets from the root
    gives the joints again. Given: of a body whose lengths do not change; each bone then points from
    where it begins to the joint at its end.
    """
    trunk = _minus(joints[1], joints[8])
    hips = _axes_along_x(_minus(joints[12], joints[9]), trunk)
    chest = _axes_along_y(trunk, _minus(joints[5], joints[2]))
    world, turns = [hips, chest], [hips, _times(_back(hips), chest)]
    places: list[Vector] = [joints[8], joints[8]]
    for bone in range(2, N_BONES):
        _, parent, begin, end, rest = _BONES[bone]
        place = joints[begin]
        if offsets is not None:
            place = _plus(places[parent], _turned(world[parent], offsets[bone]))
        places.append(place)
        turn = _swing(rest, _turned(_back(world[parent]), _minus(joints[end], place)))
        turns.append(turn)
        world.append(_times(world[parent], turn))
    if offsets is not None:
        return SkeletonPose(joints[8], turns, list(offsets))
    own: list[Vector] = [(0.0, 0.0, 0.0)]
    for node in range(1, len(NAMES)):
        parent = PARENTS[node]
        apart = _minus(joints[JOINT_OF_NODE[node]], joints[JOINT_OF_NODE[parent]])
        own.append(_turned(_back(world[parent]), apart))
    return SkeletonPose(joints[8], turns, own)


def _axes_along_x(x: Vector, near_y: Vector) -> Quaternion:
    """Axes with x in this direction and y as near as can be to the other."""
    turn = _swing(_LEFT, x)
    _, b, c = _turned(_back(turn), near_y)
    half = 0.5 * math.atan2(c, b)
    return _times(turn, (math.sin(half), 0.0, 0.0, math.cos(half)))


def _axes_along_y(y: Vector, near_x: Vector) -> Quaternion:
    turn = _swing(_UP, y)
    a, _, c = _turned(_back(turn), near_x)
    half = 0.5 * math.atan2(-c, a)
    return _times(turn, (0.0, math.sin(half), 0.0, math.cos(half)))


def _swing(rest: Vector, ahead: Vector) -> Quaternion:
    """The smallest rotation from the unit vector `rest` to the direction `ahead`."""
    length = math.hypot(*ahead)
    if length < _TINY:
        return _HERE
    x, y, z = (v / length for v in ahead)
    a, b, c = rest
    w = 1.0 + a * x + b * y + c * z
    if w < _TINY:  # half a turn, about x or, where that is the bone itself, about z
        return (0.0, 0.0, 1.0, 0.0) if abs(a) > 0.5 else (1.0, 0.0, 0.0, 0.0)
    scale = 1.0 / math.sqrt(2.0 * w)
    return (
        (b * z - c * y) * scale, (c * x - a * z) * scale, (a * y - b * x) * scale, w * scale
    )  # fmt: skip


def _minus(a: Vector, b: Vector) -> Vector:
    return a[0] - b[0], a[1] - b[1], a[2] - b[2]


def _plus(a: Vector, b: Vector) -> Vector:
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]


def _back(q: Quaternion) -> Quaternion:
    return -q[0], -q[1], -q[2], q[3]


def _times(p: Quaternion, q: Quaternion) -> Quaternion:
    """The rotation q, then p."""
    a, b, c, d = p
    x, y, z, w = q
    return (
        d * x + a * w + b * z - c * y,
        d * y - a * z + b * w + c * x,
        d * z + a * y - b * x + c * w,
        d * w - a * x - b * y - c * z,
    )


def _turned(q: Quaternion, v: Vector) -> Vector:
    x, y, z, w = q
    a, b, c = v
    s, t, u = 2.0 * (y * c - z * b), 2.0 * (z * a - x * c), 2.0 * (x * b - y * a)
    return a + w * s + y * u - z * t, b + w * t + z * s - x * u, c + w * u + x * t - y * s
