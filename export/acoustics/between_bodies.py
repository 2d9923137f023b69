"""Sound that goes from one body to another and then to a microphone.

The first body scatters as a sphere of its mean silhouette does (cross-section sigma, apart from the
shadow lobe), the second likewise, so that this path carries sqrt(sigma1 sigma2) / (4 pi r1 d r2) of
the sound at 1 m: for grown people a metre apart about 12 dB less than either's echo, half a metre
later at most. Between which points of both the sound goes, and with what sign, depends on both
shapes in detail and is drawn.
"""

from dataclasses import dataclass

import numpy as np

from edge.core.arrays import Array, Rng
from export.acoustics.physical_optics import deposit_arrivals
from export.acoustics.surface import Float32Array, Surface

PATHS = 64  # for each ordered pair of bodies
_DRAWN = 12  # candidates for each
NEAREST_M = 0.1  # touching bodies: no source is nearer than the size of what scatters


@dataclass(frozen=True, eq=False)
class BodyPaths:
    """Paths over two bodies. first, second (K, 3) [m]: where they meet either. weight (K,): their
    amplitude times both ways' lengths in free air.
    """

    first: Array
    second: Array
    weight: Array


def draw_paths(bodies: list[tuple[Surface, float]], rng: Rng) -> BodyPaths:
    """Paths over every ordered pair of surfaces with their pressure reflection. rng: the same state
    gives the same points of bodies whose patches are the same, so that paths move with them.
    """
    firsts, seconds, weights = [], [], []
    for i, (a, gain_a) in enumerate(bodies):
        for j, (b, gain_b) in enumerate(bodies):
            if i == j:
                continue
            p = rng.random(PATHS * _DRAWN)
            q = rng.random(PATHS * _DRAWN)
            sign = rng.normal(size=PATHS)
            p, q = (p * len(a.points)).astype(np.int64), (q * len(b.points)).astype(np.int64)
            way = b.points[q] - a.points[p]
            facing = ((way * a.normals[p]).sum(axis=1) > 0.0) & (
                (way * b.normals[q]).sum(axis=1) < 0.0
            )
            kept = np.flatnonzero(facing)[:PATHS]
            if len(kept) == 0:
                continue
            distance = np.maximum(np.linalg.norm(way[kept], axis=1), NEAREST_M)
            scatter = np.sqrt(a.cross_section_m2 * b.cross_section_m2) / (4.0 * np.pi)
            weights.append(
                gain_a * gain_b * scatter * sign[: len(kept)] / np.sqrt(len(kept)) / distance
            )
            firsts.append(a.points[p[kept]])
            seconds.append(b.points[q[kept]])
    if not firsts:
        return BodyPaths(np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0))
    return BodyPaths(np.concatenate(firsts), np.concatenate(seconds), np.concatenate(weights))


def deposit_between(
    paths: BodyPaths, speaker: Array, mics: Array, deposits_per_m: float, buffer: Float32Array
) -> None:
    """Add the paths' impulses to `buffer` (M, L). speaker (3,), mics (M, 3) [m]: in their frame."""
    r1 = np.linalg.norm(paths.first - speaker, axis=1)
    r2 = np.stack([np.linalg.norm(paths.second - mic, axis=1) for mic in mics])
    between = np.linalg.norm(paths.second - paths.first, axis=1)
    deposit_arrivals(r1 + between + r2, paths.weight / (r1 * r2), deposits_per_m, buffer)
