"""What a detector finds of several people in one image, where they hide one another."""

import numpy as np

from edge.core.arrays import Array, BoolArray, Rng
from edge.core.pose import BONES, N_JOINTS, SEEN, Keypoints
from edge.core.rig import Camera
from export.simulate.detector_errors import DetectorModel, load_detector

# Measured with MultiPose and Thunder on real frames of two people: 2 of 200 are missed in the open.
MISSED = 0.01
# Of the first 15 joints shown: below the first share nobody is found, above the second everybody.
HIDDEN_SHARE, SHOWN_SHARE = 0.35, 0.6
# How far a body reaches beside the line between two joints, and the trunk's half width [m].
LIMB_M, TRUNK_M, HEAD_M = 0.07, 0.17, 0.12
BEHIND_M = 0.25  # nearer to the other body a joint is taken to be beside it
_TRUNK = ((1, 8), (2, 12), (5, 9), (2, 9), (5, 12), (2, 5))


def sights(
    rng: Rng, joints: Array, camera: Camera, model: DetectorModel | None = None
) -> list[tuple[int, Keypoints]]:
    """Whom a detector finds of people (Q, 25, 3) [m], camera frame: row and 2D joints, the largest
    first. Joints hidden by another body have a confidence below SEEN.
    """
    detector = model or load_detector()
    shown = joints_shown(joints, camera)
    found = []
    for q in np.flatnonzero(np.isfinite(joints).any(axis=(1, 2))):
        share = float(shown[q, :N_JOINTS].mean())
        chance = np.clip((share - HIDDEN_SHARE) / (SHOWN_SHARE - HIDDEN_SHARE), 0.0, 1.0)
        if rng.random() >= (1.0 - MISSED) * chance:
            continue
        pixels = detector.observe(rng, joints[q], camera)
        behind = ~shown[q]
        pixels[behind, 2] = np.minimum(pixels[behind, 2], rng.uniform(0.0, SEEN, behind.sum()))
        found.append((int(q), Keypoints(pixels, float(pixels[:19, 2].mean()))))
    return sorted(found, key=lambda f: -_height(f[1]))


def joints_shown(joints: Array, camera: Camera) -> BoolArray:
    """(Q, 25): which joints of people (Q, 25, 3) are in the image and not behind another body."""
    there = np.isfinite(joints).all(axis=-1) & (np.nan_to_num(joints[..., 2]) > 0.2)
    safe = np.where(there[..., None], joints, [0.0, 0.0, 1.0])
    pixels = camera.project(safe)
    shown = (
        there
        & (pixels >= 0.0).all(axis=-1)
        & (pixels < np.array([camera.width, camera.height])).all(axis=-1)
    )
    for q in range(len(joints)):
        for other in range(len(joints)):
            if other != q and there[other, :N_JOINTS].all() and shown[q].any():
                shown[q] &= ~_behind(safe[q], pixels[q], safe[other], pixels[other], camera)
    return np.asarray(shown)


def _behind(
    joints: Array, pixels: Array, body: Array, body_pixels: Array, camera: Camera
) -> BoolArray:
    """(25,): which joints lie behind another body, taken as capsules about its bones."""
    focal = 0.5 * (camera.fx + camera.fy)
    hidden = np.zeros(len(joints), bool)
    for radius, pairs in ((LIMB_M, BONES), (TRUNK_M, _TRUNK), (HEAD_M, ((0, 0),))):
        for a, b in pairs:
            start, way = body_pixels[a], body_pixels[b] - body_pixels[a]
            along = np.clip(((pixels - start) @ way) / max(float(way @ way), 1e-9), 0.0, 1.0)
            depth = body[a, 2] + along * (body[b, 2] - body[a, 2])
            off = np.linalg.norm(pixels - start - along[:, None] * way, axis=1)
            hidden |= (off < radius * focal / depth) & (joints[:, 2] > depth + BEHIND_M)
    return hidden


def _height(keypoints: Keypoints) -> float:
    seen = keypoints.pixels[keypoints.pixels[:, 2] >= SEEN, 1]
    return float(np.ptp(seen)) if len(seen) else 0.0
