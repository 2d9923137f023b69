"""Trunk, arms and head of a pose, as rotations and directions: the part above `legs`.

Poses face -y. Angles are in degrees.
"""

import numpy as np

from edge.core.arrays import Array, Rng
from export.bodies.legs import SIGN
from export.bodies.skeleton import axis_rotation

X, Y, Z = np.eye(3)
ARM_STYLES = ("hang", "hang", "hang", "akimbo", "folded", "phone", "face", "behind")


def turned(pitch_deg: float, roll_deg: float, yaw_deg: float) -> Array:
    """Rotation (3, 3): forward pitch, then roll to the left, then yaw to the left."""
    pitch, roll, yaw = np.radians([pitch_deg, roll_deg, yaw_deg])
    return np.asarray(axis_rotation(Z, yaw) @ axis_rotation(Y, roll) @ axis_rotation(X, pitch))


def arm_direction(sign: float, raised_deg: float, around_deg: float) -> Array:
    """Direction (3,) raised from hanging; angle: ahead (0), outwards (90), behind (180)."""
    e, a = np.radians(raised_deg), np.radians(around_deg)
    return np.array([sign * np.sin(e) * np.sin(a), -np.sin(e) * np.cos(a), -np.cos(e)])


def idle_arms(rng: Rng, chest: Array) -> Array:
    """Upper arms and forearms (2, 2, 3) in one of ARM_STYLES, often the same on both sides."""
    style = str(rng.choice(ARM_STYLES))
    out = np.empty((2, 2, 3))
    for side, sign in enumerate(SIGN):
        if style in ("phone", "face") and rng.random() < 0.6:
            out[side] = _idle_arm(rng, "hang", sign)
        else:
            out[side] = _idle_arm(rng, style, sign)
    return np.asarray(out @ chest.T)


def _idle_arm(rng: Rng, style: str, sign: float) -> Array:
    u = rng.uniform
    upper, fore = {
        "hang": ((u(6, 16), u(60, 110)), (u(10, 38), u(-10, 40))),
        "akimbo": ((u(35, 50), u(95, 130)), (u(55, 75), u(-110, -80))),
        "folded": ((u(22, 38), u(10, 45)), (u(82, 98), u(-80, -60))),
        "phone": ((u(12, 35), u(0, 40)), (u(95, 128), u(-40, -10))),
        "face": ((u(45, 80), u(10, 60)), (u(150, 172), u(-80, -40))),
        "behind": ((u(18, 30), u(130, 160)), (u(28, 50), u(-150, -125))),
    }[style]
    return np.stack([arm_direction(sign, *upper), arm_direction(sign, *fore)])


def head_above(rng: Rng, chest: Array) -> Array:
    """A head that faces roughly as the chest does, but is more upright than the back."""
    forward, up = -chest[:, 1], chest[:, 2]
    lean = float(np.degrees(np.arctan2(np.hypot(up[0], up[1]), up[2])))
    lateral = chest[:, 0]
    recover = axis_rotation(lateral, np.radians(-0.45 * lean if forward[2] < 0.2 else 0.3 * lean))
    look = turned(rng.normal(4, 8), rng.normal(0, 4), np.clip(rng.normal(0, 22), -60, 60))
    return np.asarray(recover @ chest @ look)
