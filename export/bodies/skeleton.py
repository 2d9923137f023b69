"""The bones that carry the body mesh, and how a pose (where limbs point) becomes a rotation of
every bone.

Room axes: x right, y forward, z up, metres. At rest a body stands upright with its arms half raised
and faces -y, so its left side is at +x. A pose holds directions in the room, not rotations of one
body's bones, so it fits every body.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from edge.core.arrays import Array

SIDES = ("R", "L")
BONES = (
    "pelvis", "spine05", "spine04", "spine03", "spine02", "spine01",
    "neck01", "neck02", "neck03", "head",
    "clavicle.R", "upperarm01.R", "upperarm02.R", "lowerarm01.R", "lowerarm02.R", "hand.R",
    "clavicle.L", "upperarm01.L", "upperarm02.L", "lowerarm01.L", "lowerarm02.L", "hand.L",
    "upperleg01.R", "upperleg02.R", "lowerleg01.R", "lowerleg02.R", "foot.R", "toes.R",
    "upperleg01.L", "upperleg02.L", "lowerleg01.L", "lowerleg02.L", "foot.L", "toes.L",
)  # fmt: skip
PARENTS = (
    -1, 0, 1, 2, 3, 4, 5, 6, 7, 8,
    5, 10, 11, 12, 13, 14,
    5, 16, 17, 18, 19, 20,
    0, 22, 23, 24, 25, 26,
    0, 28, 29, 30, 31, 32,
)  # fmt: skip
ARM = {"R": 10, "L": 16}
LEG = {"R": 22, "L": 28}
CHEST, HEAD = 5, 9
# Share of the rotation from pelvis to chest, and from chest to head, that each bone has.
SPINE_SHARE = (0.2, 0.45, 0.7, 0.9, 1.0)
NECK_SHARE = (0.35, 0.6, 0.85, 1.0)

SEGMENTS = ("upper_arm", "forearm", "thigh", "shank", "foot")
UPPER_ARM, FOREARM, THIGH, SHANK, FOOT = range(5)
# Pitch [rad] of the line from ankle to toe joints of a flat foot.
FLAT_FOOT_PITCH = -0.349


@dataclass(frozen=True, eq=False)
class Pose:
    """Where a person's segments point, for any body.

    kind: label ("stand", ..., or "mocap"). clip, frame: the motion capture it came from, or "" and
    -1. pelvis, chest, head: (3, 3) rotations from upright facing -y. segments: (2, 5, 3) unit
    vectors, sides in SIDES order, segments in SEGMENTS order, each from the proximal to the distal
    joint. pronation: (2,) forearm twist [rad], thumb inwards positive. root_height: height of the
    hip joints above the floor in leg lengths, for poses that may leave the floor; NaN puts the
    lowest point on the floor. level_feet: turn soles that are nearly flat parallel to the floor.
    """

    kind: str
    pelvis: Array
    chest: Array
    head: Array
    segments: Array
    clip: str = ""
    frame: int = -1
    pronation: tuple[float, float] = (0.0, 0.0)
    root_height: float = float("nan")
    level_feet: bool = True

    def turned(self, yaw_rad: float) -> "Pose":
        """The same pose turned about the vertical, counter-clockwise from above."""
        r = axis_rotation(np.array([0.0, 0.0, 1.0]), yaw_rad)
        return replace(
            self,
            pelvis=r @ self.pelvis,
            chest=r @ self.chest,
            head=r @ self.head,
            segments=self.segments @ r.T,
        )

    def mirrored(self) -> "Pose":
        """The pose seen in a mirror (x flipped, sides exchanged)."""
        flip = np.array([-1.0, 1.0, 1.0])
        m = np.outer(flip, flip)
        segments = np.asarray(self.segments[::-1] * flip)
        right, left = self.pronation
        return replace(
            self,
            pelvis=self.pelvis * m,
            chest=self.chest * m,
            head=self.head * m,
            segments=segments,
            pronation=(left, right),
        )


def unit(v: Array) -> Array:
    """Vectors (..., 3) scaled to length one; zero vectors stay zero."""
    n = np.sqrt((v * v).sum(-1, keepdims=True))
    return np.asarray(v / np.maximum(n, 1e-12))


def cross(a: Array, b: Array) -> Array:
    """Cross product of two vectors (3,); numpy's takes ten times as long for single vectors."""
    ax, ay, az = a.tolist()
    bx, by, bz = b.tolist()
    return np.array([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx])


def axis_rotation(axis: Array, angle_rad: float) -> Array:
    """Rotation (3, 3) by an angle about a unit axis (3,)."""
    x, y, z = axis.tolist()
    c, s = math.cos(angle_rad), math.sin(angle_rad)
    k = 1.0 - c
    return np.array(
        [
            [c + x * x * k, x * y * k - z * s, x * z * k + y * s],
            [y * x * k + z * s, c + y * y * k, y * z * k - x * s],
            [z * x * k - y * s, z * y * k + x * s, c + z * z * k],
        ]
    )


def swing(a: Array, b: Array) -> Array:
    """Smallest rotation (3, 3) that takes unit vector a (3,) to unit vector b (3,)."""
    n = cross(a, b)
    s, c = math.sqrt(n @ n), float(a @ b)
    if s < 1e-9:
        if c > 0:
            return np.eye(3)
        n = unit(
            cross(a, np.array([1.0, 0.0, 0.0]) if abs(a[0]) < 0.9 else np.array([0.0, 1.0, 0.0]))
        )
        return axis_rotation(n, np.pi)
    return axis_rotation(n / s, math.atan2(s, c))


def partial_rotation(r: Array, share: float) -> Array:
    """The rotation (3, 3) about the same axis by a share of its angle."""
    w = np.array([r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1]])
    s = math.sqrt(w @ w) / 2
    c = (float(np.trace(r)) - 1) / 2
    if s < 1e-6:
        if c > 0:
            return np.eye(3)
        k = int(np.argmax(np.diag(r)))  # half a turn: the axis is a column of r + 1
        return axis_rotation(unit(r[:, k] + np.eye(3)[k]), share * np.pi)
    return axis_rotation(w / (2 * s), share * math.atan2(s, c))


def frame_from(lateral: Array, up: Array) -> Array:
    """Rotation (3, 3) that takes x at rest to `lateral` (towards the left side) and z near `up`."""
    x = unit(lateral)
    y = unit(cross(up, x))
    return np.stack([x, y, cross(x, y)], axis=1)


def twist_angle(a: Array, b: Array, axis: Array) -> float:
    """Angle [rad] about a unit axis from a to b, both projected across the axis."""
    return math.atan2(axis @ cross(a, b), a @ b - (a @ axis) * (b @ axis))


def angle_deg(a: Array, b: Array) -> float:
    """Angle [deg] between two unit vectors (3,)."""
    return math.degrees(math.acos(min(max(float(a @ b), -1.0), 1.0)))


def smooth_step(x: float, lo: float, hi: float) -> float:
    """0 below lo, 1 above hi, smooth between."""
    t = min(max((x - lo) / (hi - lo), 0.0), 1.0)
    return t * t * (3 - 2 * t)


def bone_rotations(rest: Array, toe: Array, pose: Pose) -> Array:
    """Rotations (B, 3, 3) from rest to the room of every bone.

    rest: (B, 3) joint centres at rest [m]. toe: (2, 3) the big toes at rest [m], sides in SIDES
    order.
    """
    g = np.empty((len(BONES), 3, 3))
    g[0] = pose.pelvis
    bend = pose.pelvis.T @ pose.chest
    nod = pose.chest.T @ pose.head
    for i, share in enumerate(SPINE_SHARE):
        g[1 + i] = pose.pelvis @ partial_rotation(bend, share)
    for i, share in enumerate(NECK_SHARE):
        g[6 + i] = pose.chest @ partial_rotation(nod, share)
    for side, name in enumerate(SIDES):
        a, k = ARM[name], LEG[name]
        g[a : a + 6] = _arm(
            rest[a : a + 6],
            pose.chest,
            pose.segments[side],
            pose.pronation[side] * (1.0 if side else -1.0),
        )
        g[k : k + 6] = _leg(
            rest[k : k + 6], toe[side], pose.pelvis, pose.segments[side], pose.level_feet
        )
    return g


def _arm(rest: Array, chest: Array, segments: Array, pronation: float) -> Array:
    upper, fore = segments[UPPER_ARM], segments[FOREARM]
    clavicle0 = unit(rest[1] - rest[0])
    upper0 = unit(rest[3] - rest[1])
    fore0 = unit(rest[5] - rest[3])
    # The clavicle follows the arm: by a quarter of its elevation above the rest pose, by a tenth
    # below it.
    raised = angle_deg(upper, -chest[:, 2]) - 50.0
    follow = np.radians(0.25 * max(raised, 0.0) + 0.1 * max(-raised, 0.0))
    towards = cross(chest @ clavicle0, upper)
    clavicle = axis_rotation(unit(towards), follow) @ chest if towards @ towards > 1e-6 else chest
    plain = swing(chest @ upper0, upper) @ chest
    # A bent elbow gives the twist of the upper arm.
    bent = angle_deg(upper, fore)
    twist = np.clip(
        twist_angle(plain @ cross(upper0, fore0), cross(upper, fore), upper), -1.75, 1.75
    )
    twist *= smooth_step(bent, 12.0, 35.0)
    upper_distal = axis_rotation(upper, twist) @ plain
    lower = swing(upper_distal @ fore0, fore) @ upper_distal
    half, full = axis_rotation(fore, 0.5 * pronation), axis_rotation(fore, pronation)
    return np.stack(
        [
            clavicle,
            axis_rotation(upper, 0.4 * twist) @ plain,
            upper_distal,
            lower,
            half @ lower,
            full @ lower,
        ]
    )


def _leg(rest: Array, toe: Array, pelvis: Array, segments: Array, level: bool) -> Array:
    thigh, shank, foot = segments[THIGH], segments[SHANK], segments[FOOT]
    thigh0, shank0 = unit(rest[2] - rest[0]), unit(rest[4] - rest[2])
    # The foot's axis is that of a flat sole: ankles differ in height.
    ahead = unit(np.array([toe[0] - rest[4, 0], toe[1] - rest[4, 1], 0.0]))
    foot0 = np.array(
        [
            ahead[0] * np.cos(FLAT_FOOT_PITCH),
            ahead[1] * np.cos(FLAT_FOOT_PITCH),
            np.sin(FLAT_FOOT_PITCH),
        ]
    )
    plain = swing(pelvis @ thigh0, thigh) @ pelvis
    # Knee axis: from the bent knee; from the foot's heading when the leg is straight.
    bent = smooth_step(angle_deg(thigh, shank), 10.0, 35.0)
    axis = bent * unit(cross(thigh, shank)) + (1 - bent) * unit(cross(foot, shank))
    twist = float(np.clip(twist_angle(plain @ np.array([1.0, 0.0, 0.0]), axis, thigh), -1.0, 1.0))
    upper_distal = axis_rotation(thigh, twist) @ plain
    upper = axis_rotation(thigh, 0.4 * twist) @ plain
    lower = swing(upper_distal @ shank0, shank) @ upper_distal
    turn = float(np.clip(twist_angle(lower @ foot0, foot, shank), -0.8, 0.8))
    half = axis_rotation(shank, 0.5 * turn) @ lower
    ankle = axis_rotation(shank, turn) @ lower
    ankle = swing(ankle @ foot0, foot) @ ankle
    toes = ankle
    if level:
        ankle = _levelled(ankle, foot)
        # Toes stay on the floor when the heel rises.
        rise = float(np.clip(FLAT_FOOT_PITCH - _pitch(foot), 0.0, 0.9))
        toes = axis_rotation(ankle[:, 0], -0.8 * rise) @ ankle
    return np.stack([upper, upper_distal, lower, half, ankle, toes])


def _levelled(ankle: Array, foot: Array) -> Array:
    """Roll a foot about its axis towards a horizontal lateral axis, as far as an ankle allows."""
    lateral = unit(cross(np.array([0.0, 0.0, 1.0]), foot))
    lateral = -lateral if lateral @ ankle[:, 0] < 0 else lateral
    roll = twist_angle(ankle[:, 0], lateral, foot)
    flat = 1 - smooth_step(abs(_pitch(foot) - FLAT_FOOT_PITCH), 0.5, 1.0)
    near = 1 - smooth_step(abs(roll), 0.5, 0.9)
    return axis_rotation(foot, roll * flat * near) @ ankle


def _pitch(foot: Array) -> float:
    return math.asin(min(max(float(foot[2]), -1.0), 1.0))
