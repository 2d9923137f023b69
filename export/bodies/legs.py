"""Legs that put the feet on the floor, and the centre of mass. Bodies face -y."""

from dataclasses import dataclass

import numpy as np

from edge.core.arrays import Array
from export.bodies.body import Body
from export.bodies.skeleton import ARM, FLAT_FOOT_PITCH, LEG, unit

SIGN = (-1.0, 1.0)  # x of the right and the left side
# Shares of the body's mass (Winter, Biomechanics, table 4.1); per side upper arm, forearm and hand,
# thigh, shank and foot.
HEAD_MASS, TRUNK_MASS, SEGMENT_MASS = 0.081, 0.497, np.array([0.028, 0.022, 0.1, 0.061])


@dataclass(frozen=True)
class Foot:
    """Place of a foot. out: of the ankle, outwards from its hip [m]. y: forward is negative [m].
    yaw_deg: outwards. heel_deg: lift of the heel. lift_m: of the whole foot.
    """

    out: float = 0.0
    y: float = 0.0
    yaw_deg: float = 8.0
    heel_deg: float = 0.0
    lift_m: float = 0.0


def place_legs(
    body: Body, pelvis: Array, feet: tuple[Foot, Foot], share: float, place: Array
) -> tuple[Array, Array]:
    """Thigh, shank and foot directions (2, 3, 3) and ankles (2, 3) relative to the mid-hip. share:
    hip height over the greatest possible. place: (2,) around which the feet stand [m].
    """
    hip, thigh, shank = leg_lengths(body)
    ankle0 = body.joints[LEG["R"] + 4][2]
    starts = np.stack([pelvis @ (hip * np.array([sign, 1, 1])) for sign in SIGN])
    ankles = np.empty((2, 3))
    for side, (sign, foot) in enumerate(zip(SIGN, feet, strict=True)):
        heel = np.radians(foot.heel_deg)
        forward = 0.6 * ankle0 / np.tan(-FLAT_FOOT_PITCH)
        rise = ankle0 * (np.cos(heel) - 1) + (
            forward * np.sin(heel) if heel > 0 else 0.25 * forward * np.sin(-heel)
        )
        ankles[side] = (
            sign * (hip[0] + foot.out) + place[0],
            foot.y + place[1],
            ankle0 + rise + foot.lift_m,
        )
    # The lower of the heights at which each straight leg still reaches its foot.
    apart = np.linalg.norm(ankles[:, :2] - starts[:, :2], axis=1)
    straight = (
        np.sqrt(np.maximum((0.9985 * (thigh + shank)) ** 2 - apart**2, (0.3 * thigh) ** 2))
        + ankles[:, 2]
        - starts[:, 2]
    )
    ankles[:, 2] -= share * float(straight.min())
    legs = np.empty((2, 3, 3))
    for side, (sign, foot) in enumerate(zip(SIGN, feet, strict=True)):
        yaw = np.radians(foot.yaw_deg)
        pole = np.array([sign * (np.sin(yaw) + 0.05), -np.cos(yaw), 0.3])
        legs[side, :2] = two_bone(starts[side], ankles[side], thigh, shank, pole)
        legs[side, 2] = foot_direction(sign, foot)
    return legs, ankles


def two_bone(start: Array, end: Array, first: float, second: float, pole: Array) -> Array:
    """Directions (2, 3) of two bones of given lengths from start to end (3,), the middle joint bent
    towards the pole (3,).
    """
    line = end - start
    distance = float(
        np.clip(np.sqrt(line @ line), abs(first - second) + 1e-6, 0.9995 * (first + second))
    )
    along = unit(line)
    side = unit(pole - (pole @ along) * along)
    cosine = (first**2 + distance**2 - second**2) / (2 * first * distance)
    middle = first * (cosine * along + np.sqrt(max(1 - cosine**2, 0.0)) * side)
    return np.stack([middle / first, (distance * along - middle) / second])


def foot_direction(sign: float, foot: Foot) -> Array:
    """Direction (3,) from ankle to toes; sign: -1 right, 1 left."""
    pitch, yaw = FLAT_FOOT_PITCH - np.radians(foot.heel_deg), np.radians(foot.yaw_deg)
    return np.array(
        [sign * np.sin(yaw) * np.cos(pitch), -np.cos(yaw) * np.cos(pitch), np.sin(pitch)]
    )


def leg_lengths(body: Body) -> tuple[Array, float, float]:
    """Left hip joint relative to the mid-hip (3,), thigh and shank length [m]."""
    hip, knee, ankle = (body.joints[LEG["L"] + k] for k in (0, 2, 4))
    return (
        np.array([hip[0], 0.0, 0.0]),
        float(np.linalg.norm(knee - hip)),
        float(np.linalg.norm(ankle - knee)),
    )


def centre_of_mass(body: Body, pelvis: Array, chest: Array, segments: Array) -> Array:
    """Centre of mass (3,) [m] relative to the mid-hip, from table masses and straight segments."""
    hip, thigh, shank = leg_lengths(body)
    shoulder, elbow, wrist = (body.joints[ARM["L"] + k] for k in (1, 3, 5))
    mid = np.array([0.0, *(body.joints[LEG["L"]])[1:]])
    trunk = shoulder[2] - mid[2]
    waist = 0.4 * trunk * pelvis[:, 2]
    neck = waist + 0.6 * trunk * chest[:, 2]
    total = TRUNK_MASS * (0.5 * waist + 0.5 * neck) + HEAD_MASS * (
        neck + 0.11 * body.height_m * chest[:, 2]
    )
    upper, fore = np.linalg.norm(elbow - shoulder), np.linalg.norm(wrist - elbow)
    for side, sign in enumerate(SIGN):
        s = segments[side]
        arm = neck + chest @ np.array([sign * shoulder[0], 0.0, 0.0])
        leg = pelvis @ (hip * np.array([sign, 1, 1]))
        centres = np.stack([
            arm + 0.44 * upper * s[0], arm + upper * s[0] + 0.7 * fore * s[1],
            leg + 0.43 * thigh * s[2], leg + thigh * s[2] + 0.6 * shank * s[3],
        ])  # fmt: skip
        total = total + SEGMENT_MASS @ centres
    return np.asarray(total / (TRUNK_MASS + HEAD_MASS + 2 * SEGMENT_MASS.sum()))
