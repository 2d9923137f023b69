"""Training poses in which every joint takes any angle within its limits, and no part of the body
passes through another.

The limits are those of a healthy adult, rounded (American Academy of Orthopaedic Surgeons, Joint
Motion, 1965), a little narrower where several are reached at once.
"""

import numpy as np

from edge.core.arrays import Array, Rng
from export.bodies.body import Body
from export.bodies.legs import SIGN, leg_lengths
from export.bodies.skeleton import ARM, FLAT_FOOT_PITCH, Pose, axis_rotation, frame_from, unit

# Degrees; forwards and outwards are positive.
SPINE = ((-20.0, 60.0), (-25.0, 25.0), (-35.0, 35.0))  # forwards, aside, twisted
HEAD = ((-40.0, 40.0), (-25.0, 25.0), (-60.0, 60.0))
ARM_RAISED, ARM_AROUND = (0.0, 160.0), (-35.0, 125.0)  # from hanging; ahead 0, outwards 90
ARM_TWIST, ELBOW = (-60.0, 80.0), (0.0, 145.0)
HIP_FORWARD, HIP_OUTWARD, HIP_TWIST = (-20.0, 115.0), (-15.0, 40.0), (-30.0, 35.0)
KNEE, ANKLE = (0.0, 140.0), (-20.0, 30.0)
LEAN = ((-15.0, 50.0), (-15.0, 15.0))  # of the pelvis
# Radii of parts over the standing height.
TRUNK, SKULL, LIMB = 0.075, 0.06, 0.03
SKULL_M = 0.09  # of the skull's middle above the neck, over the standing height
ATTEMPTS = 40
X, Y, Z = np.eye(3)


def free_pose(rng: Rng, body: Body) -> Pose | None:
    """A random pose on feet, knees or seat; None where ATTEMPTS draws all intersect themselves."""
    for _ in range(ATTEMPTS):
        pose = _draw(rng)
        if not _intersects(pose, body):
            return pose
    return None


def _draw(rng: Rng) -> Pose:
    pelvis = axis_rotation(Y, _angle(rng, LEAN[1])) @ axis_rotation(X, _angle(rng, LEAN[0]))
    chest = pelvis @ _turn(rng, SPINE)
    head = chest @ _turn(rng, HEAD)
    segments = np.empty((2, 5, 3))
    alike = rng.random() < 0.3  # both legs, as who squats or sits
    legs = [rng.random(5), rng.random(5)]
    bent = rng.random()  # from upright to squatting
    for side, sign in enumerate(SIGN):
        segments[side, :2] = _arm(rng, sign) @ chest.T
        segments[side, 2:] = _leg(legs[0 if alike else side], bent, sign) @ pelvis.T
    return Pose("free", pelvis, chest, head, segments)


def _arm(rng: Rng, sign: float) -> Array:
    """Upper arm and forearm (2, 3) in the chest's frame."""
    raised, around = _angle(rng, ARM_RAISED), _angle(rng, ARM_AROUND)
    upper = np.array(
        [sign * np.sin(raised) * np.sin(around), -np.sin(raised) * np.cos(around), -np.cos(raised)]
    )
    hinge = X if abs(upper[0]) < 0.9 else Z * -upper[0]
    hinge = unit(hinge - (hinge @ upper) * upper)
    hinge = axis_rotation(upper, sign * _angle(rng, ARM_TWIST)) @ hinge
    return np.stack([upper, axis_rotation(hinge, -_angle(rng, ELBOW)) @ upper])


def _leg(u: Array, bent: float, sign: float) -> Array:
    """Thigh, shank and foot (3, 3) in the pelvis's frame. u: (5,) in 0..1. bent: share of the hip's
    and the knee's range.
    """
    limits = (HIP_FORWARD, HIP_OUTWARD, HIP_TWIST, KNEE, ANKLE)
    forward, outward, twist, knee, ankle = np.radians(
        [lo + (hi - lo) * x for (lo, hi), x in zip(limits, u, strict=True)]
    )
    forward, knee = bent * forward, bent * knee
    thigh = np.array(
        [
            sign * np.sin(outward),
            -np.sin(forward) * np.cos(outward),
            -np.cos(forward) * np.cos(outward),
        ]
    )
    hinge = unit(X - thigh[0] * thigh)
    hinge = axis_rotation(thigh, sign * twist) @ hinge
    shank = axis_rotation(hinge, knee) @ thigh
    pitch = FLAT_FOOT_PITCH - ankle
    foot = frame_from(hinge, -shank) @ np.array([0.0, -np.cos(pitch), np.sin(pitch)])
    return np.stack([thigh, shank, foot])


def _intersects(pose: Pose, body: Body) -> bool:
    """Whether parts of the body, taken as capsules, meet that should not."""
    h = body.height_m
    hip, thigh, shank = leg_lengths(body)
    shoulder, elbow, wrist = (body.joints[ARM["L"] + k] for k in (1, 3, 5))
    upper, fore = np.linalg.norm(elbow - shoulder), np.linalg.norm(wrist - elbow)
    neck = 0.29 * h * unit(pose.pelvis[:, 2] + pose.chest[:, 2])
    trunk = np.linspace(0.2, 1.0, 5)[:, None] * neck
    skull = (neck + SKULL_M * h * pose.head[:, 2])[None]
    along = np.linspace(0.0, 1.0, 5)[:, None]
    arms, legs = [], []
    for side, sign in enumerate(SIGN):
        s = pose.segments[side]
        at = neck + pose.chest @ np.array([sign * shoulder[0], 0.0, 0.0]) + upper * s[0]
        arms.append(at + along * 1.3 * fore * s[1])  # with the hand
        knee = pose.pelvis @ (hip * np.array([sign, 1.0, 1.0])) + thigh * s[2]
        legs.append(
            np.concatenate([knee - 0.5 * along * thigh * s[2], knee + along * shank * s[3]])
        )
    pairs = [
        (arms[0], arms[1], 2.0 * LIMB), (legs[0], legs[1], 2.3 * LIMB),
        *((arm, part, r) for arm in arms for part, r in (
            (trunk, TRUNK + LIMB), (skull, SKULL + LIMB), (legs[0], 2.3 * LIMB),
            (legs[1], 2.3 * LIMB),
        )),
        *((leg, part, r) for leg in legs for part, r in (
            (trunk[1:], TRUNK + LIMB), (skull, SKULL + LIMB),
        )),
    ]  # fmt: skip
    return any(
        float(np.linalg.norm(a[:, None] - b[None], axis=-1).min()) < r * h for a, b, r in pairs
    )


def _turn(rng: Rng, limits: tuple[tuple[float, float], ...]) -> Array:
    """Forwards about x, aside about y, twisted about z."""
    forward, aside, twist = (_angle(rng, limit) for limit in limits)
    turn = axis_rotation(Z, twist) @ axis_rotation(Y, aside) @ axis_rotation(X, forward)
    return np.asarray(turn)


def _angle(rng: Rng, limits: tuple[float, float]) -> float:
    return float(np.radians(rng.uniform(*limits)))
