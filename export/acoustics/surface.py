"""Reflecting surfaces as patches: from triangle meshes, with roughness."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from edge.core.arrays import Array
from edge.core.jit import kernel

Float32Array = npt.NDArray[np.float32]

# In spacings. Voxels cut a surface unevenly, so they must be finer than the cells of a regular
# lattice: the error of a body's echo is -23 dB over 2-7.5 kHz, with voxels of 1.35 spacings -10 dB.
PIECE_SIZE, VOXEL_SIZE = 0.5, 1.0
ROUGHNESS_WAVES = 12
# Wavelengths of folds and bumps: below 8 cm they would be steeper than cloth.
ROUGHNESS_LENGTH_M = (0.08, 0.4)


@dataclass(frozen=True, eq=False)
class Surface:
    """A closed surface as patches. points: (K, 3) m. normals: (K, 3), outward. areas: (K,) m^2."""

    points: Array
    normals: Array
    areas: Array

    def __post_init__(self) -> None:
        count = len(self.points)
        if (
            count == 0
            or self.points.shape != (count, 3)
            or self.normals.shape != (count, 3)
            or self.areas.shape != (count,)
        ):
            raise ValueError(
                f"surface has points {self.points.shape}, normals {self.normals.shape}, areas "
                f"{self.areas.shape}: "
                "(K, 3), (K, 3) and (K,) with K > 0 are needed"
            )

    def moved(self, rotation: Array, translation: Array) -> "Surface":
        """The same surface in another frame: p -> rotation @ p + translation (metres)."""
        return Surface(
            self.points @ rotation.T + translation, self.normals @ rotation.T, self.areas
        )

    @cached_property
    def centre(self) -> Array:
        """Mean of the points (3,), m."""
        return np.asarray(self.points.mean(axis=0))

    @property
    def cross_section_m2(self) -> float:
        """Mean silhouette over all directions [m^2]: a quarter of the area (Cauchy)."""
        return float(self.areas.sum()) / 4.0


def join(surfaces: "list[Surface] | tuple[Surface, ...]") -> Surface:
    """Several surfaces as one. Raises ValueError when there is none."""
    if not surfaces:
        raise ValueError("no surface to join: at least one is needed")
    return Surface(
        np.concatenate([s.points for s in surfaces]),
        np.concatenate([s.normals for s in surfaces]),
        np.concatenate([s.areas for s in surfaces]),
    )


def box_surface(low: Array, high: Array, spacing_m: float, *, bottom: bool = True) -> Surface:
    """The faces of a box with opposite corners low, high (3,) [m], as patches. bottom: False leaves
    out the lower one, of what stands on the floor.
    """
    points, normals, areas = [], [], []
    for axis in range(3):
        a, b = (i for i in range(3) if i != axis)
        na, nb = (max(1, int(np.ceil((high[i] - low[i]) / spacing_m))) for i in (a, b))
        for end in (0, 1) if axis < 2 or bottom else (1,):
            face = np.empty((na * nb, 3))
            face[:, a] = np.repeat(low[a] + (np.arange(na) + 0.5) * (high[a] - low[a]) / na, nb)
            face[:, b] = np.tile(low[b] + (np.arange(nb) + 0.5) * (high[b] - low[b]) / nb, na)
            face[:, axis] = (low, high)[end][axis]
            points.append(face)
            normals.append(np.tile(np.eye(3)[axis] * (2 * end - 1), (na * nb, 1)))
            areas.append(np.full(na * nb, (high[a] - low[a]) * (high[b] - low[b]) / (na * nb)))
    return Surface(np.concatenate(points), np.concatenate(normals), np.concatenate(areas))


class MeshSampler:
    """Patches of a triangle mesh that stay the same while the mesh is posed.

    Faces are cut into congruent pieces. Pieces in one voxel that face the same octant are merged
    into one patch at their common centroid. The error of this quadrature falls with the square of
    the spacing; random points would leave noise as strong as the echo. Building one takes 50-100 ms
    for a body, posing it 5 ms: make it once, from the largest body of a bank.
    """

    def __init__(
        self,
        vertices: Array,
        faces: npt.NDArray[np.int64],
        spacing_m: float,
        rng: np.random.Generator,
    ) -> None:
        """vertices: (V, 3) m, the pose of the patches. faces: (F, 3). rng: places the grid."""
        if spacing_m <= 0.0:
            raise ValueError(f"patch spacing is {spacing_m} m: it must be positive")
        corners = np.asarray(vertices, np.float64)[faces]
        edge = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(axis=1)
        cuts = np.maximum(1, np.ceil(edge / (PIECE_SIZE * spacing_m))).astype(np.int64)
        face, weights, share = [], [], []
        for n in np.unique(cuts):
            chosen, barycentric = np.nonzero(cuts == n)[0], _sub_triangle_centroids(int(n))
            face.append(np.repeat(chosen, len(barycentric)))
            weights.append(np.tile(barycentric, (len(chosen), 1)))
            share.append(np.full(len(chosen) * len(barycentric), 1.0 / len(barycentric)))
        self._faces = np.asarray(faces, np.int64)
        self._face = np.concatenate(face)
        self._weights = np.concatenate(weights)
        self._share = np.concatenate(share)
        points, normals = self._pieces(np.asarray(vertices, np.float64))
        voxel = np.floor(
            (points - points.min(axis=0)) / (VOXEL_SIZE * spacing_m) + rng.random(3)
        ).astype(np.int64)
        side = (normals > 0.0) @ np.array([1, 2, 4])
        key = np.ravel_multi_index((*voxel.T, side), (*(voxel.max(axis=0) + 1), 8))
        self._patch = np.unique(key, return_inverse=True)[1]
        self._count = int(self._patch.max()) + 1

    def surface(self, vertices: Array) -> Surface:
        """The patches of the mesh in another pose. vertices: (V, 3) m."""
        sums = np.zeros((self._count, 7))
        posed = np.ascontiguousarray(vertices, np.float64)
        _merge_pieces(posed, self._faces, self._face, self._weights, self._share, self._patch, sums)
        length = np.maximum(np.linalg.norm(sums[:, 3:6], axis=1), 1e-12)
        return Surface(
            sums[:, :3] / np.maximum(sums[:, 6:], 1e-12), sums[:, 3:6] / length[:, None], length
        )

    def _pieces(self, vertices: Array) -> tuple[Array, Array]:
        corners = vertices[self._faces]
        normals = 0.5 * np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        points = np.einsum("pk,pkd->pd", self._weights, corners[self._face])
        return points, normals[self._face] * self._share[:, None]


@kernel
def _merge_pieces(
    vertices: Array,
    faces: npt.NDArray[np.int64],
    face: npt.NDArray[np.int64],
    weights: Array,
    share: Array,
    patch: npt.NDArray[np.int64],
    sums: Array,
) -> None:
    """sums (patches, 7): area times centroid, area normal, area."""
    normals = np.empty((faces.shape[0], 4))
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        ux = vertices[b, 0] - vertices[a, 0]
        uy = vertices[b, 1] - vertices[a, 1]
        uz = vertices[b, 2] - vertices[a, 2]
        vx = vertices[c, 0] - vertices[a, 0]
        vy = vertices[c, 1] - vertices[a, 1]
        vz = vertices[c, 2] - vertices[a, 2]
        nx, ny, nz = 0.5 * (uy * vz - uz * vy), 0.5 * (uz * vx - ux * vz), 0.5 * (ux * vy - uy * vx)
        normals[f, 0], normals[f, 1], normals[f, 2] = nx, ny, nz
        normals[f, 3] = np.sqrt(nx * nx + ny * ny + nz * nz)
    for i in range(face.shape[0]):
        f, p = face[i], patch[i]
        area = share[i] * normals[f, 3]
        for d in range(3):
            for corner in range(3):
                sums[p, d] += area * weights[i, corner] * vertices[faces[f, corner], d]
            sums[p, 3 + d] += share[i] * normals[f, d]
        sums[p, 6] += area


def roughen(surface: Surface, rms_m: float, rng: np.random.Generator) -> Surface:
    """The surface with random folds of `rms_m` along its normals, and these tilted to match."""
    if rms_m == 0.0:
        return surface
    length = rng.uniform(*ROUGHNESS_LENGTH_M, ROUGHNESS_WAVES)
    direction = rng.normal(size=(ROUGHNESS_WAVES, 3))
    vectors = (
        direction
        / np.linalg.norm(direction, axis=1, keepdims=True)
        * (2.0 * np.pi / length)[:, None]
    )
    phases = rng.uniform(0.0, 2.0 * np.pi, ROUGHNESS_WAVES)
    points, normals = np.empty_like(surface.points), np.empty_like(surface.normals)
    _roughen(
        surface.points,
        surface.normals,
        vectors,
        phases,
        rms_m * np.sqrt(2.0 / ROUGHNESS_WAVES),
        points,
        normals,
    )
    return Surface(points, normals, surface.areas)


@kernel
def _roughen(
    points: Array,
    normals: Array,
    vectors: Array,
    phases: Array,
    amplitude: float,
    out_points: Array,
    out_normals: Array,
) -> None:
    for i in range(points.shape[0]):
        x, y, z = points[i, 0], points[i, 1], points[i, 2]
        nx, ny, nz = normals[i, 0], normals[i, 1], normals[i, 2]
        height = sx = sy = sz = 0.0
        for w in range(vectors.shape[0]):
            phase = np.float32(
                vectors[w, 0] * x + vectors[w, 1] * y + vectors[w, 2] * z + phases[w]
            )
            height += np.cos(phase)
            sine = np.sin(phase)
            sx = sx - sine * vectors[w, 0]
            sy = sy - sine * vectors[w, 1]
            sz = sz - sine * vectors[w, 2]
        along = sx * nx + sy * ny + sz * nz
        mx = nx - amplitude * (sx - along * nx)
        my = ny - amplitude * (sy - along * ny)
        mz = nz - amplitude * (sz - along * nz)
        norm = np.sqrt(mx * mx + my * my + mz * mz)
        out_points[i, 0], out_normals[i, 0] = x + amplitude * height * nx, mx / norm
        out_points[i, 1], out_normals[i, 1] = y + amplitude * height * ny, my / norm
        out_points[i, 2], out_normals[i, 2] = z + amplitude * height * nz, mz / norm


def _sub_triangle_centroids(cuts: int) -> Array:
    """Barycentric centroids (cuts^2, 3) of a triangle's congruent pieces, `cuts` to an edge."""
    upward = [(i + 1 / 3, j + 1 / 3) for i in range(cuts) for j in range(cuts - i)]
    downward = [(i + 2 / 3, j + 2 / 3) for i in range(cuts) for j in range(cuts - i - 1)]
    a, b = np.array(upward + downward).T / cuts
    return np.stack([a, b, 1.0 - a - b], axis=1)
