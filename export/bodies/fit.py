"""A body for measured joints: choose who it could be, then pose and stretch it until its joints are
where they were seen.
"""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from edge.core.arrays import Array
from export.bodies.body import Body, PosedBody, load_bank, make_body, pose_body, rest_joints
from export.bodies.skeleton import (
    ARM,
    BONES,
    LEG,
    Pose,
    frame_from,
    partial_rotation,
    rotation_angle,
    swing,
    unit,
)

HEAD_JOINTS = (0, 15, 16, 17, 18)
TRUNK = (2, 5, 9, 12)
# Per side: shoulder, elbow, wrist, hip, knee, ankle, big toe.
CHAINS = ((2, 3, 4, 9, 10, 11, 22), (5, 6, 7, 12, 13, 14, 19))
LENGTHS = (
    (2, 5),
    (9, 12),
    (1, 8),
    (2, 3),
    (5, 6),
    (3, 4),
    (6, 7),
    (9, 10),
    (12, 13),
    (10, 11),
    (13, 14),
)
SPINE = tuple(BONES.index(f"spine0{k}") for k in (5, 4, 3, 2, 1))
NECK = tuple(BONES.index(f"neck0{k}") for k in (1, 2, 3))
STRETCH_LIMITS = (0.75, 1.3)
MAX_NOD_RAD = 1.4
ROUNDS = 6


def choose_body(joints: npt.ArrayLike, rng: np.random.Generator | None = None) -> Body:
    """The bank body whose bone lengths, up to one scale, fit joints (..., 25, 3) [m] best; NaN
    joints do not count.

    Several frames of one person may be given. rng: draw among the good ones instead, so that builds
    vary. Raises ValueError when fewer than three lengths are known.
    """
    j = np.asarray(joints, np.float64).reshape(-1, 25, 3)
    a, b = np.array(LENGTHS).T
    known = np.isfinite(j[:, a] + j[:, b]).all(-1).any(0)
    if known.sum() < 3:
        raise ValueError(
            f"joints show {int(known.sum())} of {len(LENGTHS)} bone lengths: three are needed to choose a body"
        )
    a, b = a[known], b[known]
    seen = np.nanmedian(np.linalg.norm(j[:, a] - j[:, b], axis=-1), axis=0)
    bank = load_bank()
    ratio = np.log(seen / _rest_lengths()[:, known])
    scale = np.median(ratio, axis=1, keepdims=True)
    # Lengths are measured to a few per cent, so outliers count linearly; a body far from its own
    # height is distorted.
    cost = np.abs(ratio - scale).mean(1) + 0.2 * np.abs(scale[:, 0])
    if rng is None:
        index = int(cost.argmin())
    else:
        weight = np.exp(-(cost - cost.min()) / 0.01)
        index = int(rng.choice(len(cost), p=weight / weight.sum()))
    return make_body({index: 1.0}, float(bank.height_m[index] * np.exp(scale[index, 0])))


def fit_body(
    joints: npt.ArrayLike, body: Body | None = None, rng: np.random.Generator | None = None
) -> PosedBody:
    """Pose a body (None: chosen by `choose_body`) so that its BODY_25 joints lie on joints (25, 3)
    [m], NaN where unknown.

    Any right-handed frame: nothing is put on the floor, and clearance_m is the lowest z. Unknown
    limbs hang straight on. Bones stretch by up to STRETCH_LIMITS to reach. Raises ValueError where
    a shoulder or a hip is unknown.
    """
    target = np.asarray(joints, np.float64).copy()
    if target.shape != (25, 3):
        raise ValueError(f"joints have shape {target.shape}: (25, 3) in BODY_25 order is needed")
    if not np.isfinite(target[list(TRUNK)]).all():
        raise ValueError(
            "joints miss a shoulder or a hip: both shoulders and both hips are needed to place a body"
        )
    target[1], target[8] = (target[2] + target[5]) / 2, (target[9] + target[12]) / 2
    body = choose_body(target, rng) if body is None else body
    pose = _first_guess(target)
    stretch = np.ones(len(BONES))
    posed = _placed(pose_body(body, pose, stretch), target)
    for _ in range(ROUNDS):
        pose, stretch = _improved(pose, stretch, posed.joints.astype(np.float64), target)
        posed = _placed(pose_body(body, pose, stretch), target)
    return posed


def _rest_lengths() -> Array:
    """LENGTHS of every bank body (300, lengths) at rest [m]."""
    bank = load_bank()
    first = 3 * (len(bank.skin_bone) + len(BONES))
    basis = bank.basis[:, first:] * bank.basis_scale[:, None]
    anchors = (bank.scores @ basis).reshape(len(bank.scores), -1, 3) + bank.mean[first // 3 :]
    joints = np.einsum("ja,nad->njd", bank.anchor_weights, anchors)
    a, b = np.array(LENGTHS).T
    return np.asarray(np.linalg.norm(joints[:, a] - joints[:, b], axis=-1))


def _first_guess(target: Array) -> Pose:
    up = target[1] - target[8]
    pelvis, chest = frame_from(target[12] - target[9], up), frame_from(target[5] - target[2], up)
    segments = np.empty((2, 5, 3))
    for side, (shoulder, elbow, wrist, hip, knee, ankle, toe) in enumerate(CHAINS):
        hang = {0: -chest[:, 2], 2: -pelvis[:, 2]}
        for k, (p, q) in enumerate(((shoulder, elbow), (elbow, wrist), (hip, knee), (knee, ankle))):
            d = unit(target[q] - target[p])
            segments[side, k] = d if np.isfinite(d).all() else hang.get(k, segments[side, k - 1])
        foot = unit(target[toe] - target[ankle])
        shank = segments[side, 3]
        forward = unit(-pelvis[:, 1] + (pelvis[:, 1] @ shank) * shank)
        segments[side, 4] = foot if np.isfinite(foot).all() else unit(forward + 0.36 * shank)
    return Pose("fitted", pelvis, chest, _head(target, chest), segments, level_feet=False)


def _head(target: Array, chest: Array) -> Array:
    """Head rotation from the face's points, within a neck's reach; the chest's own where fewer than
    three are known.
    """
    known = [k for k in HEAD_JOINTS if np.isfinite(target[k]).all()]
    if len(known) < 3:
        return chest
    rest = rest_joints(make_body({0: 1.0}))[known]
    u, _, vt = np.linalg.svd((target[known] - target[known].mean(0)).T @ (rest - rest.mean(0)))
    return _within_reach(chest, u @ np.diag([1.0, 1.0, np.linalg.det(u @ vt)]) @ vt)


def _within_reach(chest: Array, head: Array) -> Array:
    nod = chest.T @ head
    return np.asarray(
        chest @ partial_rotation(nod, min(1.0, MAX_NOD_RAD / max(rotation_angle(nod), 1e-6)))
    )


def _placed(posed: PosedBody, target: Array) -> PosedBody:
    """Shift to the median offset of the joints that are known."""
    offset = (target - posed.joints)[:15]
    return posed.moved(np.nanmedian(offset, axis=0))


def _improved(pose: Pose, stretch: Array, joints: Array, target: Array) -> tuple[Pose, Array]:
    """One round: turn trunk, then each limb segment, and stretch each bone, by what is still
    missing.
    """
    stretch, segments = stretch.copy(), pose.segments.copy()
    trunk, wanted = joints[1] - joints[8], target[1] - target[8]
    lean = swing(unit(trunk), unit(wanted))
    pelvis = (
        swing(unit(lean @ (joints[12] - joints[9])), unit(target[12] - target[9]))
        @ lean
        @ pose.pelvis
    )
    chest = (
        swing(unit(lean @ (joints[5] - joints[2])), unit(target[5] - target[2])) @ lean @ pose.chest
    )
    stretch[list(SPINE)] = np.clip(stretch[SPINE[0]] * _ratio(wanted, trunk), *STRETCH_LIMITS)
    shoulders = _ratio(target[5] - target[2], joints[5] - joints[2])
    for side, (name, chain) in enumerate(zip("RL", CHAINS, strict=True)):
        shoulder, elbow, wrist, hip, knee, ankle, toe = chain
        arm, leg = ARM[name], LEG[name]
        stretch[arm] = np.clip(stretch[arm] * shoulders, *STRETCH_LIMITS)
        rows = (
            (shoulder, elbow, arm + 1),
            (elbow, wrist, arm + 3),
            (hip, knee, leg),
            (knee, ankle, leg + 2),
            (ankle, toe, leg + 4),
        )
        for k, (p, q, bone) in enumerate(rows):
            missing, now = target[q] - joints[p], unit(joints[q] - joints[p])
            if not np.isfinite(missing).all():
                continue
            segments[side, k] = unit(segments[side, k] + unit(missing) - now)
            if k < 4:  # two bones in line make a segment; the foot keeps its length
                stretch[bone : bone + 2] = np.clip(
                    stretch[bone] * _ratio(missing, joints[q] - joints[p]), *STRETCH_LIMITS
                )
    head = pose.head
    face = [k for k in HEAD_JOINTS if np.isfinite(target[k]).all()]
    if face:  # where the head is was seen better than how it is turned
        now, there = joints[face].mean(0) - joints[1], target[face].mean(0) - target[1]
        nod = swing(unit(now), unit(there))
        stretch[list(NECK)] = np.clip(stretch[NECK[0]] * _ratio(there, now), *STRETCH_LIMITS)
        head = _within_reach(chest, partial_rotation(nod, 0.6) @ head)
    return replace(pose, pelvis=pelvis, chest=chest, head=head, segments=segments), stretch


def _ratio(wanted: Array, now: Array) -> float:
    return float(np.linalg.norm(wanted) / np.linalg.norm(now))
