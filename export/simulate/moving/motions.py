"""One person who walks about, sits down, gestures or moves as in a clip, at the instants at which a
camera takes images, 12-25 a second.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

from edge.core.arrays import Array, Rng
from edge.core.rig import Camera
from export.bodies.acting import RATE_HZ, Actor
from export.bodies.body import Split, sample_body
from export.bodies.mocap import clip_split
from export.bodies.pose_mixing import with_upper_body
from export.bodies.poses import sample_pose
from export.simulate.conditions import joints_in_view
from export.simulate.moving.scripts import sample_view

SECONDS = 8.0
IMAGES_PER_S = (12.0, 25.0)
LATE, DROPPED = 0.1, 0.02  # of an image's interval, 1-sigma; share of images that never come
STALL_S = (0.15, 0.4)  # of an irregular camera, about once in two seconds
DISTANCE_M, ACROSS = (1.8, 4.5), 0.6  # of half the image's width
LEAST_SEEN = 12  # of the first 15 joints, in most images
WALKS = {"train": "walker_0walk_forward", "val": "walker_0walk_forward", "test": "walk"}


@dataclass(frozen=True, eq=False)
class Movement:
    """t_s: (T,) instants of the images. joints: (T, 25, 3) BODY_25, camera frame [m]. camera: of
    known height.
    """

    kind: str
    t_s: Array
    joints: Array
    camera: Camera


def sample_motion(rng: Rng, kind: str, split: Split, *, irregular: bool = False) -> Movement:
    """A motion of one of MOTIONS by somebody of a split. irregular: the camera stalls now and
    then.
    """
    while True:
        camera = sample_view(rng)
        actor = Actor("", sample_body(rng, split), rng, _place(rng, camera), _heading(rng))
        actor.hold(0.3)
        while len(actor.take.joints) < SECONDS * RATE_HZ:
            MOTIONS[kind](actor, rng, camera, split)
        room = np.array(actor.take.joints)[: round(SECONDS * RATE_HZ)]
        t_s = image_times(rng, (len(room) - 1) / RATE_HZ, irregular=irregular)
        smooth = CubicSpline(np.arange(len(room)) / RATE_HZ, room)
        joints = camera.from_room(smooth(t_s))
        if np.median(joints_in_view(camera, joints[:, :15]).sum(axis=1)) >= LEAST_SEEN:
            return Movement(kind, t_s, joints, camera)


def image_times(rng: Rng, seconds: float, *, irregular: bool) -> Array:
    """Instants [s] of a camera's images."""
    step = 1.0 / rng.uniform(*IMAGES_PER_S)
    t = np.arange(0.0, seconds, step)
    t = t + np.clip(rng.normal(0.0, LATE * step, len(t)), -0.3 * step, 0.3 * step)
    keep = rng.random(len(t)) >= DROPPED
    if irregular:
        for start in np.arange(rng.uniform(0.0, 2.0), seconds, 2.0):
            keep &= ~((t > start) & (t < start + rng.uniform(*STALL_S)))
    return np.asarray(np.clip(t[keep], 0.0, seconds))


def _still(actor: Actor, rng: Rng, camera: Camera, split: Split) -> None:
    kind = str(rng.choice(["stand", "sit", "reach", "lie"], p=[0.4, 0.4, 0.1, 0.1]))
    pose = sample_pose(rng, actor.body, kind, split, _heading(rng))
    actor.to(pose, 1.0, "unknown")
    actor.hold(float(rng.uniform(6.0, 10.0)))


def _walk(actor: Actor, rng: Rng, camera: Camera, split: Split) -> None:
    actor.walk_clip = WALKS[split]
    actor.walk(_place(rng, camera), float(rng.uniform(0.5, 1.3)))
    actor.hold(float(rng.uniform(0.0, 1.0)))


def _sit(actor: Actor, rng: Rng, camera: Camera, split: Split) -> None:
    kind = str(rng.choice(["sit", "crouch", "bend"], p=[0.6, 0.2, 0.2]))
    pose = sample_pose(rng, actor.body, kind, split, actor.heading_rad)
    actor.to(pose, float(rng.uniform(0.8, 2.0)), "sitting")
    actor.hold(float(rng.uniform(0.5, 3.0)))
    actor.upright(float(rng.uniform(0.8, 1.6)))
    actor.hold(float(rng.uniform(0.3, 1.5)))


def _gesture(actor: Actor, rng: Rng, camera: Camera, split: Split) -> None:
    """Legs stay, arms and trunk move from one pose to the next."""
    legs = sample_pose(rng, actor.body, str(rng.choice(["stand", "sit"])), split, actor.heading_rad)
    actor.to(legs, 1.0, "unknown")
    for _ in range(int(rng.integers(5, 12))):
        other = str(rng.choice(["reach", "stand", "mocap", "free"], p=[0.3, 0.2, 0.2, 0.3]))
        upper = sample_pose(rng, actor.body, other, split, actor.heading_rad)
        actor.to(with_upper_body(legs, upper), float(rng.uniform(0.3, 1.0)), "unknown")
        if rng.random() < 0.4:
            actor.hold(float(rng.uniform(0.2, 1.5)))


def _clip(actor: Actor, rng: Rng, camera: Camera, split: Split) -> None:
    actor.place, actor.heading_rad = _place(rng, camera), _heading(rng)
    name = str(rng.choice(list(clip_split(split))))
    actor.clip(name, backwards=False, speed=float(rng.uniform(0.7, 1.3)), ends="unknown")
    actor.upright(0.6)


MOTIONS: dict[str, Callable[[Actor, Rng, Camera, Split], None]] = {
    "still": _still,
    "walking": _walk,
    "sitting down": _sit,
    "gesturing": _gesture,
    "clip": _clip,
}


def _place(rng: Rng, camera: Camera) -> Array:
    depth = rng.uniform(*DISTANCE_M)
    half = 0.5 * camera.width / camera.fx
    return np.array([ACROSS * half * depth * rng.uniform(-1.0, 1.0), depth])


def _heading(rng: Rng) -> float:
    """Most people face the camera more or less."""
    return float(rng.uniform(-np.pi, np.pi) if rng.random() < 0.4 else rng.normal(0.0, 0.8))
