"""Where further people of a moment stand: apart, beside somebody, in front of or behind somebody as
the camera sees it, or touching; and what the result looks like.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from edge.core.arrays import Array, BoolArray, FloatArray, Rng
from edge.core.jit import kernel

Standing = Literal["apart", "beside", "in_front", "behind", "touching"]
# How often each arrangement of a further person and somebody who is there is tried.
ARRANGED: dict[Standing, float] = {
    "apart": 0.35,
    "beside": 0.25,
    "in_front": 0.25,
    "touching": 0.15,
}
TOUCHING_M = 0.04  # between two bodies' surfaces
BESIDE_M = 0.6  # likewise
HIDDEN = 3  # joints that one hides of another who stands behind
GAP_M = (0.06, 0.5)  # drawn for beside
AHEAD_M = (0.35, 1.6)  # and for in_front, between the mid-hips
INSIDE_M = 0.15  # a point farther from a surface than this is not told inside from outside
REACH_M = 1.2  # bodies touch at most so far from mid-hip to mid-hip
STEPS = 12
DEPTH_M = 0.05  # a body hides the joints of another that are so much farther
HIDES = 1.5  # a point of a surface hides what is within so many of the points' spacings of its ray
NEAREST_M = 0.1  # nothing is seen nearer to the camera


def places_near(rng: Rng, kind: Standing, other: Array, count: int) -> tuple[Array, Array]:
    """Places (count, 2) on the floor for somebody who stands so with a person at `other` (2,) [m],
    room frame with the camera above the origin, and the ways (count, 2) in which to go closer to
    that person to touch them, 0 where that is not wanted. Not for apart.
    """
    away = other / max(float(np.linalg.norm(other)), 1e-6)
    across = np.array([away[1], -away[0]])
    still = np.zeros((count, 2))
    if kind == "beside":
        side = rng.choice([-1.0, 1.0], count) * (0.35 + rng.uniform(*GAP_M, count))
        return other + side[:, None] * across + rng.uniform(-0.25, 0.25, count)[
            :, None
        ] * away, still
    if kind == "in_front":
        ahead = rng.choice([-1.0, 1.0], count) * rng.uniform(*AHEAD_M, count)
        return other + ahead[:, None] * away + rng.uniform(-0.25, 0.25, count)[
            :, None
        ] * across, still
    angle = rng.uniform(0.0, 2.0 * np.pi, count)
    way = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return other + REACH_M * way, -way


class Crowd:
    """The bodies of one moment, room frame: whether another has room, and how close it comes."""

    def __init__(self, faces: npt.NDArray[np.int32]) -> None:
        """faces: of everybody's mesh (F, 3)."""
        self._faces = faces
        self._bodies: list[tuple[Array, Array, cKDTree]] = []

    def add(self, vertices: FloatArray) -> None:
        """Put a body (V, 3) [m] there."""
        v = vertices.astype(np.float64)
        corners = v[self._faces]
        face = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        normals = np.zeros_like(v)
        for k in range(3):
            np.add.at(normals, self._faces[:, k], face)
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
        self._bodies.append((v, normals, cKDTree(v)))

    def gaps_m(self, vertices: Array | FloatArray, reach_m: float = INSIDE_M) -> Array:
        """Distance (Q,) [m] of another body (V, 3) to each one there: below 0 where they cut each
        other, inf where it is more than `reach_m`.
        """
        return np.array([_gap_m(vertices, *body, reach_m) for body in self._bodies])

    def touch(self, vertices: FloatArray, way: Array) -> Array | None:
        """How far (3,) [m] a body goes this way (2,) until it touches; None where it never does."""
        step = np.array([way[0], way[1], 0.0])
        near, far = 0.0, REACH_M - 0.1
        if (self.gaps_m(vertices + far * step) > 0.0).all():
            return None
        for _ in range(STEPS):
            middle = 0.5 * (near + far)
            gap = float(self.gaps_m(vertices + middle * step).min())
            near, far = (middle, far) if gap > 0.0 else (near, middle)
            if 0.0 < gap < TOUCHING_M:
                return near * step
        return None


def _gap_m(
    vertices: Array | FloatArray, there: Array, normals: Array, tree: cKDTree, reach_m: float
) -> float:
    low, high = there.min(axis=0) - reach_m, there.max(axis=0) + reach_m
    close = vertices[((vertices > low) & (vertices < high)).all(axis=1)].astype(np.float64)
    if len(close) == 0:
        return np.inf
    found = tree.query(close, distance_upper_bound=reach_m)
    distance, at = np.asarray(found[0]), np.asarray(found[1])
    near = distance < INSIDE_M
    off = close[near] - there[at[near]]
    if ((off * normals[at[near]]).sum(axis=1) < 0.0).any():
        return -1.0
    return float(distance.min())


def hidden_joints(joints: Array, others: Sequence[Array]) -> BoolArray:
    """Which joints (J, 3) are behind other people for the camera. others: (V, 3) points of their
    surfaces, close together. All camera frame [m].
    """
    hidden = np.zeros(len(joints), bool)
    for surface in others:
        _hide(
            np.ascontiguousarray(joints, np.float64),
            np.ascontiguousarray(surface, np.float64),
            HIDES * _spacing(surface),
            hidden,
        )
    return hidden


@kernel
def _hide(joints: Array, surface: Array, reach_m: float, hidden: BoolArray) -> None:
    for i in range(surface.shape[0]):
        z = surface[i, 2]
        if z < NEAREST_M:
            continue
        u, v, reach = surface[i, 0] / z, surface[i, 1] / z, reach_m / z
        for j in range(joints.shape[0]):
            depth = joints[j, 2]
            if not hidden[j] and depth > z + DEPTH_M:
                du, dv = joints[j, 0] / depth - u, joints[j, 1] / depth - v
                hidden[j] = du * du + dv * dv < reach * reach


def _spacing(surface: Array) -> float:
    """Typical distance [m] between neighbouring points of a body's surface."""
    return float(np.sqrt(1.8 / len(surface)))


def standing_of(gaps: Array, hides: npt.NDArray[np.int64], own: int) -> Standing:
    """How person `own` stands among Q others. gaps: (Q, Q) [m] between their surfaces. hides: (Q,
    Q) how many of the first 15 joints of the second the first hides from the camera.
    """
    others = [k for k in range(len(gaps)) if k != own]
    if any(gaps[own, k] < TOUCHING_M for k in others):
        return "touching"
    if any(hides[k, own] >= HIDDEN for k in others):
        return "behind"
    if any(hides[own, k] >= HIDDEN for k in others):
        return "in_front"
    if any(gaps[own, k] < BESIDE_M for k in others):
        return "beside"
    return "apart"
