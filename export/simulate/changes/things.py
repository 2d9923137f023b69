"""Surfaces of what people move in a home, as patches: chairs, doors, curtains, pets.

Each stands at the origin of a level frame (z up, metres): in the middle of what it stands on, a
door with its hinge there. All are closed, because physical optics casts shadows with the lit side
only.
"""

import numpy as np

from edge.core.arrays import Rng
from export.acoustics.capsules import capsule_surface
from export.acoustics.surface import Surface, box_surface, join

DOOR_M, LEAF_M = (0.8, 2.0), 0.04  # width, height; thickness
FOLD_M, FOLD_DEPTH_M = (0.14, 0.26), 0.03  # of a curtain
CLOTH_M = 0.01
_FUR_M = 0.004  # RMS


def chair(rng: Rng, spacing_m: float) -> Surface:
    """A chair of random size: seat, back and four legs; its back is towards +y."""
    width, depth, seat = rng.uniform([0.38, 0.38, 0.42], [0.56, 0.56, 0.48])
    back, thick, leg = rng.uniform([0.35, 0.02, 0.025], [0.6, 0.07, 0.05])
    x, y = 0.5 * width, 0.5 * depth
    parts = [
        box_surface(np.array([-x, -y, seat - thick]), np.array([x, y, seat]), spacing_m),
        box_surface(
            np.array([-x, y - thick, seat + 0.02]), np.array([x, y, seat + back]), spacing_m
        ),
    ]
    for sx in (-x, x - leg):
        for sy in (-y, y - leg):
            low = np.array([sx, sy, 0.005])
            parts.append(
                box_surface(low, low + np.array([leg, leg, seat - thick - 0.01]), spacing_m)
            )
    return join(parts)


def door_leaf(height_m: float, spacing_m: float) -> Surface:
    """The leaf of a door, from its hinge along +x."""
    width, leaf = DOOR_M[0], 0.5 * LEAF_M
    return box_surface(
        np.array([0.0, -leaf, 0.01]), np.array([width, leaf, min(DOOR_M[1], height_m)]), spacing_m
    )


def curtain(rng: Rng, width_m: float, height_m: float, spacing_m: float) -> Surface:
    """A curtain in folds along x, its middle above the origin."""
    fold, phase = rng.uniform(*FOLD_M), rng.uniform(0.0, 2.0 * np.pi)
    columns = max(8, int(np.ceil(1.4 * width_m / spacing_m)))
    rows = max(2, int(np.ceil(height_m / spacing_m)))
    x, z = np.meshgrid(
        ((np.arange(columns) + 0.5) / columns - 0.5) * width_m,
        0.02 + (np.arange(rows) + 0.5) / rows * height_m,
    )
    turn = 2.0 * np.pi * x / fold + phase
    slope = FOLD_DEPTH_M * 2.0 * np.pi / fold * np.cos(turn)
    across = np.sqrt(1.0 + slope**2)
    normals = np.stack([-slope / across, 1.0 / across, 0.0 * x], axis=-1).reshape(-1, 3)
    middle = np.stack([x, FOLD_DEPTH_M * np.sin(turn), z], axis=-1).reshape(-1, 3)
    areas = (width_m * height_m / (rows * columns) * across).reshape(-1)
    return Surface(
        np.concatenate([middle + 0.5 * CLOTH_M * n for n in (normals, -normals)]),
        np.concatenate([normals, -normals]),
        np.tile(areas, 2),
    )


def pet(rng: Rng, kind: str, spacing_m: float) -> Surface:
    """A cat or a dog that stands and looks along -y."""
    if kind not in ("cat", "dog"):
        raise ValueError(f"pet is {kind!r}: cat or dog is needed")
    size = rng.uniform(0.22, 0.3) if kind == "cat" else rng.uniform(0.35, 0.7)  # shoulder height
    girth = (0.24 if kind == "cat" else 0.26) * size
    half, top = 0.55 * size, size - girth
    chest, rump = np.array([0.0, -half, top]), np.array([0.0, half, top])
    head = chest + size * np.array([0.0, -0.35, 0.3])
    capsules = [
        [*chest, *rump, girth],
        [*chest, *head, 0.55 * girth],
        [*head, *(head + size * np.array([0.0, -0.15, -0.03])), 0.55 * girth],
        [*rump, *(rump + size * np.array([0.0, 0.35, 0.25])), 0.18 * girth],
    ]
    for y in (-half, half):
        for x in (-0.6 * girth, 0.6 * girth):
            step = rng.uniform(-0.12, 0.12) * size
            capsules.append([x, y, top, x, y + step, 0.06 * size, 0.06 * size])
    return capsule_surface(np.array(capsules), spacing_m, _FUR_M, rng)
