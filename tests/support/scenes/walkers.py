"""People who walk before a camera, as a detector and a lifter give them, without a simulator."""

from collections.abc import Sequence

import numpy as np

from edge.behaviour.smoothing import Smoother
from edge.behaviour.tracks import Tracks
from edge.core.arrays import Array
from edge.core.config import TrackConfig
from edge.core.pose import SEEN, Keypoints, LiftedPose
from tests.support.bodies import CAMERA, standing

DT_S = 0.1
Bodies = dict[str, Array]  # by name: joints (25, 3), camera frame [m]


def walker(x_m: float, z_m: float, t_s: float, height_m: float = 1.7) -> Array:
    """Somebody at a place on the floor, arms and legs swinging as they walk sideways."""
    joints = standing(height_m, (x_m, z_m))
    swing = 0.2 * np.sin(2.0 * np.pi * t_s)
    for joint, share in ((10, 0.5), (11, 1.0), (13, -0.5), (14, -1.0), (3, -0.5), (4, -1.0),
                         (6, 0.5), (7, 1.0)):  # fmt: skip
        joints[joint, 0] += share * swing
    return joints


def detected(bodies: Bodies, rng: np.random.Generator) -> list[tuple[str, Keypoints]]:
    """Who is found in an image, in any order: not who is outside it or mostly behind somebody."""
    found, boxes = [], []
    for name in sorted(bodies, key=lambda n: float(np.nanmean(bodies[n][:, 2]))):
        joints = bodies[name]
        pixels = np.column_stack([np.full((25, 2), np.nan), np.zeros(25)])
        known = np.isfinite(joints[:, 0])
        pixels[known, :2] = CAMERA.project(joints[known]) + rng.normal(0.0, 3.0, (known.sum(), 2))
        u, v = pixels[:, 0], pixels[:, 1]
        inside = (u >= 0) & (u < CAMERA.width) & (v >= 0) & (v < CAMERA.height)
        pixels[inside, 2] = 0.8
        whole = pixels[inside]
        for x0, x1, y0, y1 in boxes:
            pixels[(u > x0) & (u < x1) & (v > y0) & (v < y1), 2] = 0.1
        if len(whole):
            (x0, y0, _), (x1, y1, _) = whole.min(axis=0), whole.max(axis=0)
            rim = 0.1 * (x1 - x0)
            boxes.append((x0 + rim, x1 - rim, y0 - 10.0, y1))
        if (pixels[:15, 2] >= SEEN).sum() >= 6:
            found.append((name, Keypoints(pixels, 0.6)))
    return [found[k] for k in rng.permutation(len(found))]


def lifted(joints: Array, rng: np.random.Generator, sound_confidence: float = 0.95) -> LiftedPose:
    """As a lifter is wrong: the distance by 4 %, each joint by 4 cm."""
    wrong = joints[:15] * np.exp(0.04 * rng.normal()) + rng.normal(0.0, 0.04, (15, 3))
    return LiftedPose(
        wrong, np.full(15, 0.1), np.full(15, 0.8), "sound", 10.0, sound_confidence=sound_confidence
    )


def numbers(images: Sequence[Bodies], seed: int = 0) -> list[dict[str, int]]:
    """The number of everybody who has one, in each of these images, DT_S apart."""
    tracks, rng = Tracks(CAMERA), np.random.default_rng(seed)
    smooth: dict[int, Smoother] = {}
    out: list[dict[str, int]] = []
    for k, bodies in enumerate(images):
        t_ns, found = round(k * DT_S * 1e9), detected(bodies, rng)
        out.append({})
        for (name, _), track in zip(found, tracks([f for _, f in found], t_ns), strict=True):
            if track.confirmed:
                smoother = smooth.setdefault(track.id, Smoother(TrackConfig()))
                track.correct(smoother(lifted(bodies[name], rng), t_ns, track.moved_m).joints)
                out[-1][name] = track.id
    return out
