"""How a room's response drifts: gain g and offset d per pair, stretch a for all, y_p(t) = g_p h0_p(t + d_p + a t).

Warming air stretches time, converters and clocks jitter, levels move. Gauss-Newton on analytic signals, a few steps per period.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.interpolation import interpolate_at, interpolation_taps
from edge.jit import kernel

Array = npt.NDArray[np.float64]
ComplexArray = npt.NDArray[np.complex64]
IntArray = npt.NDArray[np.int64]

# The interpolation's half width: nearer to the end the warped response would be made of what was never recorded.
_EDGE_SAMPLES = 6


@dataclass(frozen=True, eq=False)
class Warp:
    """gain: (P,). offset: (P,) samples. stretch: samples per sample."""

    gain: Array
    offset: Array
    stretch: float


def identity(pairs: int) -> Warp:
    """No drift."""
    return Warp(np.ones(pairs), np.zeros(pairs), 0.0)


def inverse(warp: Warp) -> Warp:
    """The drift that undoes this one (gains that are not positive stay as they are)."""
    gain = np.where(warp.gain > 0.0, warp.gain, 1.0)
    return Warp(1.0 / gain, -warp.offset / (1.0 + warp.stretch), -warp.stretch / (1.0 + warp.stretch))


def warped(room: ComplexArray, warp: Warp) -> ComplexArray:
    """The room's response (P, T) as it sounds under this drift: (P, T) complex64, NaN where it was never recorded."""
    out = np.empty_like(room)
    _warped(room, warp.gain, warp.offset, warp.stretch, interpolation_taps()[0], out)
    return out


def fit(live: ComplexArray, room: ComplexArray, length: IntArray, start: Warp, steps: int) -> Warp:
    """The drift that takes `room` to `live` (P, T) over the first `length` (P,) samples, found from `start`.

    Samples weigh in proportion to their time squared, against spherical spreading: otherwise the direct sound, which tells
    nothing about the stretch, decides alone.
    """
    pairs = len(room)
    warp = start
    products = np.empty((pairs, 4, 4))
    taps = interpolation_taps()
    for _ in range(steps):
        _products(live, room, warp.gain, warp.offset, warp.stretch, length, taps[0], taps[1], products)
        # Unknowns: a gain step and an offset step per pair, then the common stretch step.
        normal, right = np.zeros((2 * pairs + 1, 2 * pairs + 1)), np.zeros(2 * pairs + 1)
        for p in range(pairs):
            rows = [2 * p, 2 * p + 1, 2 * pairs]
            normal[np.ix_(rows, rows)] += products[p, :3, :3]
            right[rows] += products[p, :3, 3]
        diagonal = np.diagonal(normal)
        step = np.linalg.solve(normal + np.diag(np.where(diagonal > 0.0, 1e-9 * diagonal, 1.0)), right)
        warp = Warp(warp.gain + step[0:-1:2], warp.offset + step[1:-1:2], warp.stretch + float(step[-1]))
    return warp


def fit_from_afar(live: ComplexArray, room: ComplexArray, length: IntArray, direct_samples: float, steps: int) -> Warp:
    """As `fit` with no start: far from the truth the phase is ambiguous late but not early, so the part fitted grows.

    direct_samples: latest time of arrival of the direct sound [samples].
    """
    warp = identity(len(room))
    reach = 2.0 * direct_samples + 64.0
    while reach < length.max():
        warp = fit(live, room, np.minimum(length, int(reach)), warp, steps)
        reach *= 1.3
    return fit(live, room, length, warp, steps)


@kernel
def _warped(room: ComplexArray, gain: Array, offset: Array, stretch: float, taps: ComplexArray, out: ComplexArray) -> None:
    pairs, samples = room.shape
    for p in range(pairs):
        for t in range(samples):
            position = t + offset[p] + stretch * t
            if position > samples - 1 and position > t:
                out[p, t] = np.nan
            else:
                out[p, t] = np.float32(gain[p]) * interpolate_at(room[p], position, taps)


@kernel
def _products(
    live: ComplexArray,
    room: ComplexArray,
    gain: Array,
    offset: Array,
    stretch: float,
    length: IntArray,
    taps: ComplexArray,
    slopes: ComplexArray,
    out: Array,
) -> None:
    """Weighted inner products (P, 4, 4) of the columns d/d gain, d/d offset, d/d stretch and the misfit."""
    out[:] = 0.0
    column = np.empty(4, np.complex128)
    for p in range(room.shape[0]):
        for t in range(min(length[p], room.shape[1] - _EDGE_SAMPLES)):
            position = t + offset[p] + stretch * t
            value = interpolate_at(room[p], position, taps)
            slope = gain[p] * interpolate_at(room[p], position, slopes)
            column[0], column[1], column[2] = value, slope, slope * t
            column[3] = live[p, t] - gain[p] * value
            weight = float(t) * t
            for i in range(4):
                for j in range(i, 4):
                    out[p, i, j] += weight * (column[i].real * column[j].real + column[i].imag * column[j].imag)
        for i in range(4):
            for j in range(i):
                out[p, i, j] = out[p, j, i]
