"""Builders of everyday poses with random variation, for one given body.

Poses face -y. Feet are placed by two-bone inverse kinematics below the body's centre of mass.
Angles are in degrees.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from edge.core.arrays import Array, Rng
from export.bodies.body import Body
from export.bodies.legs import (
    SIGN,
    Foot,
    centre_of_mass,
    foot_direction,
    leg_lengths,
    place_legs,
    two_bone,
)
from export.bodies.skeleton import LEG, Pose
from export.bodies.upper_body import Y, Z, arm_direction, head_above, idle_arms, turned

SEAT_M = (0.38, 0.5)


def _stand(rng: Rng, body: Body) -> Pose:
    feet = _feet(rng, rng.uniform(-0.05, 0.12) * body.leg_m, rng.normal(0, 0.05) * body.leg_m)
    pelvis = turned(rng.normal(2, 4), rng.normal(0, 3), rng.normal(0, 5))
    chest = turned(rng.normal(4, 6), rng.normal(0, 4), rng.normal(0, 8))
    return _balanced(
        rng, body, "stand", pelvis, chest, idle_arms(rng, chest), feet, rng.uniform(0.97, 1.0)
    )


def _turn_away(rng: Rng, body: Body) -> Pose:
    pose = _stand(rng, body) if rng.random() < 0.6 else _walk(rng, body)
    side = rng.choice([-1.0, 1.0])
    twist, look = turned(0, 0, side * rng.uniform(5, 40)), turned(0, 0, side * rng.uniform(0, 70))
    arms = pose.segments.copy()
    arms[:, :2] = arms[:, :2] @ twist.T
    return replace(pose, chest=twist @ pose.chest, head=look @ pose.head, segments=arms)


def _walk(rng: Rng, body: Body) -> Pose:
    leg = body.leg_m
    stride, phase = rng.uniform(0.16, 0.36) * leg, rng.uniform(0, 1)
    width = rng.uniform(-0.06, 0.0) * leg
    feet = tuple(_step((phase + 0.5 * side) % 1.0, stride, leg, width) for side in (0, 1))
    swing = np.sin(2 * np.pi * (phase - 0.05)) * rng.uniform(8, 32)
    lean = rng.uniform(0, 8)
    pelvis = turned(lean, rng.normal(0, 2), 0.15 * swing)
    chest = turned(lean + rng.uniform(0, 4), rng.normal(0, 2), -0.25 * swing)
    arms = np.empty((2, 2, 3))
    elbow = rng.uniform(5, 45)
    for side, sign in enumerate(SIGN):
        flexion = -sign * swing
        hang = rng.uniform(6, 12)
        arms[side, 0] = chest @ turned(-flexion, 0, 0) @ arm_direction(sign, hang, 90)
        arms[side, 1] = (
            chest
            @ turned(-flexion - elbow - max(flexion, 0) * 0.5, 0, 0)
            @ arm_direction(sign, hang * 0.5, 90)
        )
    if rng.random() < 0.25:  # carrying or looking at something
        arms = idle_arms(rng, chest)
    legs, _ = place_legs(body, pelvis, (feet[0], feet[1]), rng.uniform(0.975, 0.995), np.zeros(2))
    return Pose("walk", pelvis, chest, head_above(rng, chest), np.concatenate([arms, legs], axis=1))


def _step(phase: float, stride: float, leg: float, out: float) -> Foot:
    """A foot in the walking cycle: 0 heel strike, 0.6 toe off, then swing."""
    if phase < 0.6:
        heel = 35 * max(phase - 0.38, 0) / 0.22 - 12 * max(0.08 - phase, 0) / 0.08
        return Foot(out, stride * (2 * phase / 0.6 - 1), 6, heel, 0.0)
    t = (phase - 0.6) / 0.4
    heel = 35 * (1 - t) ** 2 - 12 * t**2
    return Foot(
        out, stride * np.cos(np.pi * t), 6, heel, 0.11 * leg * np.sin(np.pi * t) * (1 - 0.4 * t)
    )


def _sit(rng: Rng, body: Body) -> Pose:
    hip, thigh, shank = leg_lengths(body)
    seat = rng.uniform(*SEAT_M)
    if rng.random() < 0.85:  # most people sit where their feet reach the floor
        seat = min(seat, body.joints[LEG["L"] + 2][2] - 0.03 * body.height_m)
    height = seat + 0.05 * body.height_m
    pelvis = turned(rng.uniform(-22, 4), rng.normal(0, 3), rng.normal(0, 4))
    chest = turned(rng.uniform(-20, 28), rng.normal(0, 5), rng.normal(0, 8))
    style = rng.choice(["lap", "table", "any"], p=[0.4, 0.3, 0.3])
    arms = np.empty((2, 2, 3))
    for side, sign in enumerate(SIGN):
        if style == "lap":
            arms[side] = (
                arm_direction(sign, rng.uniform(12, 30), rng.uniform(10, 60)),
                arm_direction(sign, rng.uniform(60, 80), rng.uniform(-30, 5)),
            )
        else:
            arms[side] = (
                arm_direction(sign, rng.uniform(25, 50), rng.uniform(0, 45)),
                arm_direction(sign, rng.uniform(80, 98), rng.uniform(-45, 5)),
            )
    arms = idle_arms(rng, chest) if style == "any" else arms
    segments = np.empty((2, 5, 3))
    segments[:, :2] = arms
    apart, forward = rng.uniform(0.0, 0.16) * body.leg_m, rng.uniform(-0.18, 0.28) * body.leg_m
    ankle_z = body.joints[LEG["R"] + 4][2]
    for side, sign in enumerate(SIGN):
        start = pelvis @ (hip * np.array([sign, 1, 1]))
        # Feet reach the floor, or hang when the seat is too high for these legs.
        low = max(ankle_z - height, start[2] - shank + 0.01)
        knee_rise = np.clip(shank * 0.98 + low - start[2], -0.3 * thigh, 0.5 * thigh)
        reach = np.sqrt(thigh**2 - knee_rise**2) + forward + rng.normal(0, 0.03)
        foot = Foot(apart + rng.normal(0, 0.02), yaw_deg=rng.uniform(0, 15))
        ankle = np.array([start[0] + sign * foot.out, start[1] - reach, low])
        segments[side, 2:4] = two_bone(
            start, ankle, thigh, shank, np.array([sign * 0.25, -0.6, 1.0])
        )
        segments[side, 4] = foot_direction(sign, foot)
    return Pose(
        "sit", pelvis, chest, head_above(rng, chest), segments, root_height=height / body.leg_m
    )


def _lie(rng: Rng, body: Body) -> Pose:
    posture = rng.choice(["back", "front", "side"], p=[0.45, 0.2, 0.35])
    base = {"back": turned(-90, 0, 0), "front": turned(90, 0, 0), "side": turned(0, 90, 0)}[posture]
    loose = 0.4 if posture != "side" else 1.0
    pelvis = base @ turned(loose * rng.uniform(-8, 25), rng.normal(0, 4), loose * rng.normal(0, 8))
    chest = base @ turned(loose * rng.uniform(-5, 30), rng.normal(0, 4), loose * rng.normal(0, 10))
    look = rng.uniform(55, 80) * rng.choice([-1, 1]) if posture == "front" else rng.normal(0, 20)
    head = chest @ turned(rng.uniform(-5, 15) * loose, 0, look)
    segments = np.empty((2, 5, 3))
    curled = rng.random() < 0.4
    for side, sign in enumerate(SIGN):
        if posture == "side":
            hip, knee = (
                (rng.uniform(30, 90), rng.uniform(40, 110))
                if curled
                else (rng.uniform(0, 30), rng.uniform(5, 40))
            )
            arms = (
                arm_direction(sign, rng.uniform(60, 110), rng.uniform(-10, 10)),
                arm_direction(sign, rng.uniform(80, 150), rng.uniform(-15, 5)),
            )
            foot, spread = (
                turned(rng.uniform(20, 45), 0, 0) @ -Y,
                (-9.0, 0.0)[side],
            )  # the upper leg sinks onto the lower
        elif posture == "back":
            hip, knee = (
                (rng.uniform(40, 60), rng.uniform(85, 110))
                if curled
                else (rng.uniform(0, 6), rng.uniform(0, 8))
            )
            arms = (
                arm_direction(sign, rng.uniform(10, 70), 95),
                arm_direction(sign, rng.uniform(10, 60), 80),
            )
            if rng.random() < 0.35:  # hand on the belly
                arms = (
                    arm_direction(sign, rng.uniform(15, 30), 100),
                    arm_direction(sign, rng.uniform(60, 85), rng.uniform(-70, -45)),
                )
            foot = turned(rng.uniform(25, 45), 0, sign * rng.uniform(5, 35)) @ -Y
            spread = rng.uniform(2, 14)
        else:
            hip, knee, spread = rng.uniform(-4, 2), rng.uniform(0, 10), rng.uniform(2, 14)
            arms = (
                arm_direction(sign, rng.uniform(10, 40), 95),
                arm_direction(sign, rng.uniform(10, 40), 85),
            )
            if rng.random() < 0.5:  # hands beside the head
                arms = (
                    arm_direction(sign, rng.uniform(85, 120), 92),
                    arm_direction(sign, rng.uniform(160, 178), 90),
                )
            foot = turned(rng.uniform(65, 85), 0, 0) @ -Y
        thigh = turned(-hip, 0, 0) @ turned(0, -sign * spread, 0) @ -Z
        shank = turned(knee - hip, 0, 0) @ turned(0, -sign * spread, 0) @ -Z
        segments[side] = np.stack(
            [
                *(chest @ a for a in arms),
                base @ thigh,
                base @ shank,
                base @ turned(knee - hip, 0, 0) @ foot,
            ]
        )
    return Pose("lie", pelvis, chest, head, segments, level_feet=False)


def _bend(rng: Rng, body: Body) -> Pose:
    hips = rng.uniform(15, 65)
    back = hips + rng.uniform(10, 40)
    pelvis = turned(hips, rng.normal(0, 4), rng.normal(0, 6))
    chest = turned(back, rng.normal(0, 6), rng.normal(0, 12))
    arms = np.empty((2, 2, 3))
    rest_on_leg = rng.integers(-1, 2)
    for side, sign in enumerate(SIGN):
        reach = rng.uniform(-5, 40)
        upper = turned(-reach, 0, 0) @ arm_direction(sign, rng.uniform(3, 15), 90)
        fore = turned(-reach - rng.uniform(0, 20), 0, 0) @ arm_direction(
            sign, rng.uniform(0, 8), 90
        )
        if side == rest_on_leg:
            upper = arm_direction(sign, rng.uniform(10, 30), 100)
            fore = arm_direction(sign, rng.uniform(5, 25), 10)
        arms[side] = upper, fore
    feet = _feet(rng, rng.uniform(0, 0.15) * body.leg_m, rng.normal(0, 0.06) * body.leg_m)
    return _balanced(rng, body, "bend", pelvis, chest, arms, feet, rng.uniform(0.82, 0.99))


def _reach(rng: Rng, body: Body) -> Pose:
    lean = rng.uniform(-4, 22)
    pelvis = turned(0.5 * lean, rng.normal(0, 4), rng.normal(0, 8))
    chest = turned(lean, rng.normal(0, 7), rng.normal(0, 14))
    arms = idle_arms(rng, chest)
    both = rng.random() < 0.35
    for side, sign in enumerate(SIGN):
        if side == 0 or both:
            raised, around = rng.uniform(65, 172), rng.uniform(-15, 100)
            arms[side, 0] = chest @ arm_direction(sign, raised, around)
            arms[side, 1] = chest @ arm_direction(
                sign, min(raised + rng.uniform(0, 40), 178), around + rng.uniform(-25, 0)
            )
    heel = rng.uniform(0, 30) if rng.random() < 0.2 else 0.0
    feet = _feet(rng, rng.uniform(-0.03, 0.12) * body.leg_m, rng.normal(0, 0.1) * body.leg_m, heel)
    return _balanced(rng, body, "reach", pelvis, chest, arms, feet, rng.uniform(0.96, 1.0))


def _crouch(rng: Rng, body: Body) -> Pose:
    share = rng.uniform(0.4, 0.72)
    lean = rng.uniform(5, 35) + 25 * (0.72 - share) / 0.32
    pelvis = turned(0.4 * lean, rng.normal(0, 3), rng.normal(0, 6))
    chest = turned(lean, rng.normal(0, 5), rng.normal(0, 10))
    arms = np.empty((2, 2, 3))
    for side, sign in enumerate(SIGN):
        upper = arm_direction(sign, rng.uniform(35, 75), rng.uniform(5, 50))
        arms[side] = upper, arm_direction(sign, rng.uniform(50, 100), rng.uniform(-50, 10))
    heel = rng.uniform(0, 40) * (0.8 - share) / 0.4
    feet = _feet(rng, rng.uniform(0.03, 0.16) * body.leg_m, rng.normal(0, 0.08) * body.leg_m, heel)
    return _balanced(rng, body, "crouch", pelvis, chest, arms, feet, share)


BUILDERS: dict[str, Callable[[Rng, Body], Pose]] = {
    "stand": _stand, "walk": _walk, "sit": _sit, "lie": _lie, "bend": _bend, "reach": _reach,
    "crouch": _crouch, "turn_away": _turn_away,
}  # fmt: skip


def _balanced(
    rng: Rng,
    body: Body,
    kind: str,
    pelvis: Array,
    chest: Array,
    arms: Array,
    feet: tuple[Foot, Foot],
    share: float,
) -> Pose:
    """Stand on both feet with the centre of mass above. share: of the greatest hip height."""
    under = rng.normal(0, 0.015, 2) * body.height_m
    place = np.zeros(2)
    for _ in range(3):
        legs, ankles = place_legs(body, pelvis, feet, share, place)
        segments = np.concatenate([arms, legs], axis=1)
        soles = ankles.mean(0)[:2] + np.array([0.0, -0.06 * body.height_m * 0.5])
        place = place + centre_of_mass(body, pelvis, chest, segments)[:2] + under - soles
    return Pose(kind, pelvis, chest, head_above(rng, chest), segments)


def _feet(rng: Rng, out: float, stagger: float, heel_deg: float = 0.0) -> tuple[Foot, Foot]:
    yaw = rng.uniform(0, 18)
    right, left = (Foot(out, k * stagger, yaw + rng.normal(0, 4), heel_deg) for k in (-1, 1))
    return right, left
