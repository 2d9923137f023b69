"""How an empty-room response h0 drifts: y_p(t) = g_p h0_p(t + d_p + a t), with gain g and offset d
per pair p, and one stretch a for all.

Warmer air stretches time, converters and clocks jitter, levels move. The fit is Gauss-Newton on
analytic signals, a few steps per period.
"""

from dataclasses import dataclass

import numpy as np

from edge.core.arrays import Array, ComplexArray, IntArray
from edge.core.jit import kernel
from edge.sound.interpolation import Taps, interpolate_at, interpolation_taps

# Half width of the interpolation: nearer to the end the warped response would be made of samples
# that were never recorded.
_EDGE_SAMPLES = 6


@dataclass(frozen=True, eq=False)
class Warp:
    """gain: (P,). offset: (P,) samples. stretch: samples per sample."""

    gain: Array
    offset: Array
    stretch: float


@dataclass(frozen=True, eq=False)
class LateChange:
    """By how much late reverberation changes a room's response (late_reverberation.py), linear near
    one stretch: value + slope (stretch - this one), each (P, T).
    """

    value: ComplexArray
    slope: ComplexArray
    stretch: float

    def at(self, stretch: float) -> ComplexArray:
        """(P, T), for a stretch near `self.stretch`."""
        return self.value + self.slope * np.float32(stretch - self.stretch)


def identity(pairs: int) -> Warp:
    """No drift."""
    return Warp(np.ones(pairs), np.zeros(pairs), 0.0)


def inverse(warp: Warp) -> Warp:
    """The drift that undoes this one (gains that are not positive stay as they are)."""
    gain = np.where(warp.gain > 0.0, warp.gain, 1.0)
    return Warp(
        1.0 / gain, -warp.offset / (1.0 + warp.stretch), -warp.stretch / (1.0 + warp.stretch)
    )


def warped(room: ComplexArray, warp: Warp) -> ComplexArray:
    """The room's response (P, T) complex64 under this drift, NaN where never recorded."""
    out = np.empty_like(room)
    _warped(room, warp.gain, warp.offset, warp.stretch, interpolation_taps()[0], out)
    return out


def fit(
    live: ComplexArray,
    room: ComplexArray,
    length: IntArray,
    start: Warp,
    steps: int,
    late: LateChange | None = None,
    *,
    same_stretch: bool = False,
) -> Warp:
    """The drift that takes `room` to `live` (P, T) over the first `length` (P,) samples, found from
    `start`.

    same_stretch: keep that of `start`. late: what the stretch changes beside stretching the room.
    Samples are weighted with their time squared, against spherical spreading: otherwise the direct
    sound, which says nothing about the stretch, would decide alone.
    """
    pairs = len(room)
    warp = start
    products, step = np.empty((pairs, 4, 4)), np.empty(2 * pairs + 1)
    taps = interpolation_taps()
    model, slope, at = room, np.empty((pairs, 0), np.complex64), 0.0
    if late is not None:
        model, slope, at = room + late.value, late.slope, late.stretch
    for _ in range(steps):
        drift = (warp.gain, warp.offset, warp.stretch)
        _products(live, model, *drift, slope, warp.stretch - at, length, taps[0], taps[1], products)
        _solve(products, step, same_stretch)
        warp = Warp(
            warp.gain + step[0:-1:2], warp.offset + step[1:-1:2], warp.stretch + float(step[-1])
        )
    return warp


def fit_from_afar(
    live: ComplexArray, room: ComplexArray, length: IntArray, direct_samples: float, steps: int
) -> Warp:
    """As `fit` without a start: far from the truth the phase is ambiguous late but not early, so
    the fitted part grows.

    direct_samples: latest time of arrival of the direct sound [samples].
    """
    warp = identity(len(room))
    reach = 2.0 * direct_samples + 64.0
    while reach < length.max():
        warp = fit(live, room, np.minimum(length, int(reach)), warp, steps)
        reach *= 1.3
    return fit(live, room, length, warp, steps)


@kernel
def _warped(
    room: ComplexArray, gain: Array, offset: Array, stretch: float, taps: Taps, out: ComplexArray
) -> None:
    pairs, samples = room.shape
    for p in range(pairs):
        row = room[p]
        for t in range(samples):
            position = t + offset[p] + stretch * t
            if position > samples - 1 and position > t:
                out[p, t] = np.nan
            else:
                out[p, t] = np.float32(gain[p]) * interpolate_at(row, position, taps)


@kernel
def _products(
    live: ComplexArray,
    room: ComplexArray,
    gain: Array,
    offset: Array,
    stretch: float,
    late_slope: ComplexArray,
    beyond: float,
    length: IntArray,
    taps: Taps,
    slopes: Taps,
    out: Array,
) -> None:
    """Weighted inner products (P, 4, 4) of the columns d/d gain, d/d offset, d/d stretch and the
    misfit.

    late_slope: (P, T), or (P, 0) for none; beyond: the stretch since it was computed.
    """
    out[:] = 0.0
    column = np.empty(4, np.complex128)
    quarter_turns = np.complex64(0.5j * np.pi)
    for p in range(room.shape[0]):
        row = room[p]
        for t in range(min(length[p], room.shape[1] - _EDGE_SAMPLES)):
            position = t + offset[p] + stretch * t
            value = interpolate_at(row, position, taps)
            slope = gain[p] * (interpolate_at(row, position, slopes) + quarter_turns * value)
            lever = slope * t
            if late_slope.shape[1] > 0:
                # The nearest sample, turned as the middle of the spectrum turns, is exact enough
                # for a slope.
                nearest = min(max(int(position + 0.5), 0), late_slope.shape[1] - 1)
                late = late_slope[p, nearest] * (1.0 + quarter_turns * (position - nearest))
                value += late * beyond
                lever += gain[p] * late
            column[0], column[1], column[2] = value, slope, lever
            column[3] = live[p, t] - gain[p] * value
            weight = float(t) * t
            for i in range(4):
                for j in range(i, 4):
                    out[p, i, j] += weight * (
                        column[i].real * column[j].real + column[i].imag * column[j].imag
                    )
        for i in range(4):
            for j in range(i):
                out[p, i, j] = out[p, j, i]


@kernel
def _solve(products: Array, step: Array, same_stretch: bool) -> None:
    """Gauss-Newton step (2 P + 1,): gain and offset of each pair, then the stretch.

    The pairs have only the stretch in common, so gain and offset are eliminated pair by pair.
    """
    pairs = products.shape[0]
    whole, right = 0.0, 0.0
    for p in range(pairs):
        whole += products[p, 2, 2]
        right += products[p, 2, 3]
    whole = _regularised(whole)
    for p in range(pairs):
        m = products[p]
        a, b, d = _regularised(m[0, 0]), m[0, 1], _regularised(m[1, 1])
        determinant = a * d - b * b
        # The pair's gain and offset per unit of stretch, and without any.
        m[3, 0] = (d * m[0, 2] - b * m[1, 2]) / determinant
        m[3, 1] = (a * m[1, 2] - b * m[0, 2]) / determinant
        step[2 * p] = (d * m[0, 3] - b * m[1, 3]) / determinant
        step[2 * p + 1] = (a * m[1, 3] - b * m[0, 3]) / determinant
        whole -= m[3, 0] * m[0, 2] + m[3, 1] * m[1, 2]
        right -= step[2 * p] * m[0, 2] + step[2 * p + 1] * m[1, 2]
    stretch = 0.0 if same_stretch else right / whole
    for p in range(pairs):
        step[2 * p] -= stretch * products[p, 3, 0]
        step[2 * p + 1] -= stretch * products[p, 3, 1]
    step[2 * pairs] = stretch


@kernel
def _regularised(diagonal: float) -> float:
    """Not 0, also where nothing was heard."""
    return diagonal * (1.0 + 1e-9) if diagonal > 0.0 else diagonal + 1.0
