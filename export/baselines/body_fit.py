"""A parametric body fitted to 2D joints: limbs have the lengths of a person of a given height,
joints are near their rays.

It starts from the lifting network's shape, which also decides the signs of the depths. Gauss-Newton
moves joints along their rays, and a little off them, until the limbs have their lengths.
"""

from dataclasses import dataclass

import numpy as np

from edge.core.arrays import Array
from edge.core.pose import BONES, N_JOINTS
from export.baselines.image_network import BaselinePose
from export.baselines.mlp import Weights

BONE_A, BONE_B = np.array(BONES).T
OFF_RAY = 0.3  # 1-sigma of a joint's shift off its ray, over that along it
ITERATIONS = 8


@dataclass(frozen=True, eq=False)
class Population:
    """Proportions of people, from the training split of the body bank.

    height_m, log_height_sigma: mean standing height and the spread of its logarithm. length, slope:
    (14,) of BONES: length over height is length + slope (height - height_m). log_sigma: (14,)
    spread of its logarithm at a given height. ankle: height of the ankle joint above the floor,
    over standing height.
    """

    height_m: float
    log_height_sigma: float
    length: Array
    slope: Array
    log_sigma: Array
    ankle: float

    def bone_lengths(self, height_m: float) -> Array:
        """Lengths (14,) [m] of BONES of a person of this standing height."""
        return np.asarray(height_m * (self.length + self.slope * (height_m - self.height_m)))

    def height_of(self, joints: Array) -> float:
        """Standing height [m] of the person with these (15, 3) joints [m], from all known bones;
        NaN when none is known.
        """
        found = np.log(np.linalg.norm(joints[BONE_A] - joints[BONE_B], axis=1))
        ok = np.isfinite(found)
        if not ok.any():
            return float("nan")
        height, weight = self.height_m, 1.0 / self.log_sigma[ok] ** 2
        for _ in range(4):
            off = found[ok] - np.log(self.bone_lengths(height)[ok])
            height *= float(np.exp(np.average(off, weights=weight)))
            height = float(np.clip(height, 0.5 * self.height_m, 1.5 * self.height_m))
        return height


def population_from(weights: Weights) -> Population:
    """The population stored with the baselines' weights."""
    scalar = weights["population/scalars"].astype(np.float64)
    bones = weights["population/bones"].astype(np.float64)
    return Population(
        float(scalar[0]), float(scalar[1]), bones[0], bones[1], bones[2], float(scalar[2])
    )


def fit_body(lifted: BaselinePose, population: Population, height_m: float) -> Array:
    """Joints (15, 3) [m], camera frame, of a person of this height with these 2D joints."""
    lengths = population.bone_lengths(height_m)
    start = lifted.shape
    found = np.linalg.norm(start[BONE_A] - start[BONE_B], axis=1)
    weight = 1.0 / population.log_sigma
    scale = float(np.exp(np.average(np.log(lengths / np.maximum(found, 1e-6)), weights=weight**2)))
    joints = start * scale
    size = 3 * N_JOINTS
    prior = _prior(joints, lifted.shape_sigma)
    state = np.zeros(size + 1)  # shift of every joint (15, 3), and one log scale of the start
    for _ in range(ITERATIONS):
        placed = joints + state[:size].reshape(N_JOINTS, 3)
        limb = placed[BONE_A] - placed[BONE_B]
        length = np.maximum(np.linalg.norm(limb, axis=1), 1e-6)
        residual = (length / lengths - 1.0) * weight
        slope = limb / (length * lengths)[:, None] * weight[:, None]
        jacobian = np.zeros((len(lengths), size + 1))
        for b in range(len(lengths)):
            jacobian[b, 3 * BONE_A[b] : 3 * BONE_A[b] + 3] = slope[b]
            jacobian[b, 3 * BONE_B[b] : 3 * BONE_B[b] + 3] = -slope[b]
        state = state - np.linalg.solve(
            prior + jacobian.T @ jacobian + 1e-9 * np.eye(size + 1),
            prior @ state + jacobian.T @ residual,
        )
    return joints + state[:size].reshape(N_JOINTS, 3)


def _prior(joints: Array, sigma: Array) -> Array:
    """Precision (46, 46) of the joints' shifts and of the logarithm of the scale.

    sigma: (15,) of each joint along its ray, over its depth.
    """
    away = np.linalg.norm(joints, axis=1)
    rays = joints / away[:, None]
    along = rays[:, :, None] * rays[:, None, :]
    precision = (along + (np.eye(3) - along) / OFF_RAY**2) / ((sigma * away) ** 2)[:, None, None]
    size = 3 * N_JOINTS
    out = np.zeros((size + 1, size + 1))
    for j in range(N_JOINTS):
        rows = slice(3 * j, 3 * j + 3)
        pull = precision[j] @ joints[j]
        out[rows, rows] = precision[j]
        out[rows, size] = out[size, rows] = -pull
        out[size, size] += joints[j] @ pull
    return out
