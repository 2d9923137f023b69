"""Shoebox rooms: the box, its furniture, and the mirror images of a point in its walls."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.core.arrays import Array
from export.acoustics.surface import Surface, box_surface


@dataclass(frozen=True)
class Box:
    """A piece of furniture on the floor. low, high: opposite corners [m], the room's own frame.
    reflection: of pressure, 0..1.
    """

    low: tuple[float, float, float]
    high: tuple[float, float, float]
    reflection: float

    def surface(self, spacing_m: float) -> Surface:
        """Top and sides as patches."""
        return box_surface(np.array(self.low), np.array(self.high), spacing_m, bottom=False)


@dataclass(frozen=True, eq=False)
class Room:
    """A box-shaped room with a camera in it. Its own frame has a corner at the origin, z up.

    size_m: (3,) m. reflections: (6,) of pressure at x = 0, x = size, y = 0, y = size, floor,
    ceiling. rotation (3, 3) and translation (3,) take the camera frame to the room's own.
    """

    size_m: Array
    reflections: Array
    rotation: Array
    translation: Array
    furniture: tuple[Box, ...] = ()

    def __post_init__(self) -> None:
        if (np.asarray(self.size_m) <= 0.0).any() or np.shape(self.size_m) != (3,):
            raise ValueError(f"room size is {self.size_m} m: three positive lengths are needed")
        if np.shape(self.reflections) != (6,) or (np.abs(self.reflections) >= 1.0).any():
            raise ValueError(
                f"wall reflections are {self.reflections}: six numbers below 1 are needed"
            )

    @property
    def volume_m3(self) -> float:
        """Volume [m^3]."""
        return float(np.prod(self.size_m))

    @property
    def centre(self) -> Array:
        """Middle of the room (3,), own frame, m."""
        return 0.5 * np.asarray(self.size_m)

    @property
    def reverberation_s(self) -> float:
        """Reverberation time for 60 dB [s] at 20 deg C, after Eyring."""
        x, y, z = self.size_m
        areas = np.array([y * z, y * z, x * z, x * z, x * y, x * y])
        decay = -(areas * np.log(np.maximum(np.asarray(self.reflections) ** 2, 1e-6))).sum()
        return float(24.0 * np.log(10.0) * self.volume_m3 / (343.4 * decay))

    def place(self, points: npt.ArrayLike) -> Array:
        """Points (..., 3) [m] of the camera frame in the room's own frame."""
        return np.asarray(np.asarray(points, np.float64) @ self.rotation.T + self.translation)

    def place_devices(self, points: npt.ArrayLike) -> Array:
        """The same for speakers or microphones (K, 3). Raises ValueError for one outside."""
        placed = self.place(points)
        if (placed <= 0.0).any() or (placed >= self.size_m).any():
            raise ValueError(
                f"a speaker or microphone at {placed.tolist()} is outside a room of "
                f"{list(self.size_m)} m"
            )
        return placed


@dataclass(frozen=True, eq=False)
class Images:
    """Mirror images of a point p: signs * p + shifts (I, 3); their gains and orders (I,)."""

    signs: Array
    shifts: Array
    gains: Array
    orders: npt.NDArray[np.int64]

    def of(self, point: Array) -> Array:
        """Images (I, 3) [m] of a point (3,) in the room's own frame."""
        return np.asarray(self.signs * point + self.shifts)

    def chosen(self, index: npt.NDArray[np.int64]) -> "Images":
        """Those at an index (K,)."""
        return Images(self.signs[index], self.shifts[index], self.gains[index], self.orders[index])


def wall_images(room: Room, max_order: int) -> Images:
    """All images up to a number of reflections; the first is the point itself."""
    reach = max_order // 2 + 1
    cell, parity = (
        a.ravel() for a in np.meshgrid(np.arange(-reach, reach + 1), [0, 1], indexing="ij")
    )
    near, far = np.abs(cell - parity), np.abs(cell)
    grids = np.meshgrid(*(np.arange(len(cell)),) * 3, indexing="ij")
    index = np.stack([g.ravel() for g in grids], axis=1)
    orders = (near + far)[index].sum(axis=1)
    order = np.argsort(orders, kind="stable")
    index = index[order][orders[order] <= max_order]
    walls = np.asarray(room.reflections).reshape(3, 2)
    gains = np.prod(walls[:, 0] ** near[index] * walls[:, 1] ** far[index], axis=1)
    return Images(
        1.0 - 2.0 * parity[index],
        2.0 * cell[index] * room.size_m,
        gains,
        (near + far)[index].sum(axis=1),
    )
