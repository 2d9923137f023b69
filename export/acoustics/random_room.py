"""Random furnished rooms around a camera, its devices and the places of people."""

from dataclasses import replace

import numpy as np

from edge.core.arrays import Array
from export.acoustics.shoebox import Box, Room

FURNITURE_MARGIN_M = 0.25
WALL_MARGIN_M = 0.3


def random_room(
    rng: np.random.Generator,
    rotation: Array,
    height_m: float,
    inside: Array,
    size_m: tuple[float, float, float] = (5.0, 6.0, 2.7),
    absorption: tuple[float, float] = (0.08, 0.55),
    pieces: int = 3,
) -> Room:
    """A random furnished room around a camera.

    rotation: (3, 3) camera frame -> level frame (`Camera.room_rotation`). height_m: of the camera
    above the floor. inside: (K, 3) camera-frame points (devices, places of the person) that lie at
    least 30 cm from every wall, with no furniture between them and the camera. size_m: across,
    along the view, up; varied by 10 %, and larger where the points need it. absorption: range of
    the walls' energy absorption. pieces: of furniture.
    """
    yaw = rng.uniform(-0.25, 0.25)
    turn = np.array(
        [[np.cos(yaw), -np.sin(yaw), 0.0], [np.sin(yaw), np.cos(yaw), 0.0], [0.0, 0.0, 1.0]]
    )
    to_level = turn @ rotation
    placed = (
        np.concatenate([np.zeros((1, 3)), np.asarray(inside, np.float64).reshape(-1, 3)])
        @ to_level.T
    )
    low, high = placed.min(axis=0) - WALL_MARGIN_M, placed.max(axis=0) + WALL_MARGIN_M
    size = np.array(size_m) * rng.uniform(0.9, 1.1, 3)
    size = np.maximum(
        size, [high[0] - low[0] + 0.1, high[1] - low[1] + 0.1, height_m + high[2] + 0.05]
    )
    offset = np.array([*(rng.uniform(0.0, size[:2] - (high - low)[:2]) - low[:2]), height_m])
    reflections = np.sqrt(1.0 - rng.uniform(*absorption, 6))
    room = Room(size, reflections, to_level, offset)
    return replace(room, furniture=_furniture(rng, room, placed + offset, pieces))


def _furniture(rng: np.random.Generator, room: Room, points: Array, pieces: int) -> tuple[Box, ...]:
    """Boxes along the walls, none between points[0] and any other point."""
    ways = (points[0] + np.linspace(0.0, 1.0, 40)[:, None, None] * (points - points[0])).reshape(
        -1, 3
    )[:, :2]
    boxes: list[Box] = []
    for _ in range(40 * pieces):
        if len(boxes) == pieces:
            break
        extent = rng.uniform([0.4, 0.4, 0.4], [1.8, 0.9, 1.9])
        extent[:2] = extent[:2][:: rng.choice([-1, 1])]
        corner = rng.uniform(0.0, np.maximum(room.size_m[:2] - extent[:2], 0.01))
        wall = rng.integers(2)
        corner[wall] = rng.choice([0.02, room.size_m[wall] - extent[wall] - 0.02])
        free = (
            (
                (ways < corner - FURNITURE_MARGIN_M)
                | (ways > corner + extent[:2] + FURNITURE_MARGIN_M)
            )
            .any(axis=1)
            .all()
        )
        apart = all(
            (corner > b.high[:2]).any() or (corner + extent[:2] < b.low[:2]).any() for b in boxes
        )
        if free and apart and (corner > 0.0).all() and extent[2] < room.size_m[2]:
            low, high = (*corner.tolist(), 0.0), (*(corner + extent[:2]).tolist(), float(extent[2]))
            boxes.append(Box(low, high, float(rng.uniform(0.5, 0.95))))
    return tuple(boxes)
