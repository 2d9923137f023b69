"""People who keep still breathe: their chest goes to and fro."""

import numpy as np

from edge.core.arrays import Array, FloatArray

BREATH_M = 0.005  # to either side of the mean
CHEST_M = 0.2  # how far from its middle it moves by 1/e of that


def breaths(vertices: Array | FloatArray, joints: Array, phases: int) -> FloatArray:
    """Skin (phases, V, 3) at so many phases of a breath. vertices (V, 3), joints (25, 3): camera
    frame [m]; the chest moves towards the camera and away from it.
    """
    chest = 0.65 * joints[1] + 0.35 * joints[8]
    near = np.exp(-np.sum((vertices - chest) ** 2, axis=1) / CHEST_M**2)[:, None]
    outwards = -chest / np.linalg.norm(chest) * BREATH_M
    turns = np.sin(2.0 * np.pi * np.arange(phases) / phases)
    return np.array([vertices + near * outwards * turn for turn in turns], np.float32)
