"""Random poses for one given body: everyday poses, motion capture, and mixtures of both."""

from dataclasses import replace

import numpy as np

from edge.core.arrays import Rng
from export.bodies.body import Body, Split
from export.bodies.everyday_poses import BUILDERS
from export.bodies.free_poses import free_pose
from export.bodies.legs import SIGN, Foot, place_legs
from export.bodies.mocap import clip_pose, clip_split, load_clips
from export.bodies.pose_mixing import loosened, with_upper_body
from export.bodies.skeleton import Pose, axis_rotation
from export.bodies.upper_body import arm_direction

# How often each kind is drawn.
KIND_WEIGHTS = {
    "stand": 0.18, "walk": 0.14, "sit": 0.14, "lie": 0.05, "bend": 0.06, "reach": 0.09,
    "crouch": 0.06, "turn_away": 0.08, "mocap": 0.20,
}  # fmt: skip
FREE_KIND = "free"  # any pose within the limits of the joints, only where it is asked for
KINDS = (*KIND_WEIGHTS, FREE_KIND)
# Shares of the training split's poses that get another pose's upper body, half of these a recorded
# one's, and of those whose limbs are loosened; of those who stand in any way a body can.
MIXED, LOOSENED, FREE = 0.4, 0.5, 0.15
UP = np.array([0.0, 0.0, 1.0])
UPPER_BODIES = ("mocap", "mocap", "mocap", "mocap", "stand", "walk", "sit", "reach")


def sample_pose(
    rng: Rng,
    body: Body,
    kind: str | None = None,
    split: Split | None = None,
    heading_rad: float | None = None,
) -> Pose:
    """A random pose of a kind of KINDS (None: drawn by KIND_WEIGHTS) for this body.

    split: of the motion clips; "train" also mixes poses (`pose_mixing`) and has free ones
    (`free_poses`) among all kinds. heading_rad: 0 faces -y; None draws any, and for "turn_away" one
    within 75 deg of +y. Raises ValueError for an unknown kind.
    """
    if kind is None:
        kind = str(rng.choice(list(KIND_WEIGHTS), p=np.array(list(KIND_WEIGHTS.values()))))
    if kind not in KINDS:
        raise ValueError(f"pose kind {kind!r} is unknown: one of {', '.join(KINDS)} is needed")
    if heading_rad is None:
        heading_rad = float(
            np.radians(rng.uniform(105, 255) if kind == "turn_away" else rng.uniform(0, 360))
        )
    pose = _of_kind(rng, body, kind, split)
    if split == "train" and kind != FREE_KIND:
        if kind != "lie" and rng.random() < MIXED:
            pose = with_upper_body(pose, _of_kind(rng, body, str(rng.choice(UPPER_BODIES)), split))
        pose = loosened(pose, rng) if rng.random() < LOOSENED else pose
        free = free_pose(rng, body) if rng.random() < FREE else None
        pose = pose if free is None else free
    pose = pose.mirrored() if rng.random() < 0.5 else pose
    pronation = (float(rng.uniform(-0.6, 0.6)), float(rng.uniform(-0.6, 0.6)))
    return replace(pose.turned(heading_rad), kind=kind, pronation=pronation)


def _of_kind(rng: Rng, body: Body, kind: str, split: Split | None) -> Pose:
    if kind == FREE_KIND:
        pose = None
        while pose is None:
            pose = free_pose(rng, body)
        return pose
    return _mocap(rng, split) if kind == "mocap" else BUILDERS[kind](rng, body)


def upright(body: Body) -> Pose:
    """Standing straight, facing -y, arms at the sides."""
    pelvis = np.eye(3)
    arms = np.stack([np.stack([arm_direction(s, 8, 90), arm_direction(s, 10, 60)]) for s in SIGN])
    legs = place_legs(body, pelvis, (Foot(yaw_deg=5), Foot(yaw_deg=5)), 1.0, np.zeros(2))[0]
    return Pose("stand", pelvis, np.eye(3), np.eye(3), np.concatenate([arms, legs], axis=1))


def _mocap(rng: Rng, split: Split | None) -> Pose:
    clips = load_clips()
    names = clip_split(split)
    weight = np.sqrt([len(clips[n]) for n in names])
    clip = clips[str(rng.choice(names, p=weight / weight.sum()))]
    pose = clip_pose(clip, int(rng.integers(len(clip))))
    look = axis_rotation(UP, np.radians(np.clip(rng.normal(0, 18), -45, 45)))
    # Recorded headings are not uniform: remove them.
    forward = -pose.pelvis[:, 1]
    return replace(pose, head=pose.head @ look).turned(float(-np.arctan2(forward[0], -forward[1])))
