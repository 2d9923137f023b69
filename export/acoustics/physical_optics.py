"""Physical optics in the time domain: the sound that a surface scatters to microphones, echo and
shadow in one sum.

k(t) = 1/(2 pi c) d/dt  sum over lit patches of  cos(theta_rx) area / (r1 r2)  delta(t - (r1 + r2) /
c)

Arrivals are added with linear interpolation to an oversampled buffer that is one excitation period
long and wraps around, so its spectrum is that of the periodic steady state. Amplitudes are relative
to the direct sound at 1 m.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import scipy.fft

from edge.core.arrays import Array, ComplexArray
from edge.core.jit import kernel
from export.acoustics.surface import Float32Array, Surface
from export.acoustics.visibility import visibility


@dataclass(frozen=True)
class PeriodGrid:
    """The time grid of one excitation period of `period_samples` N. band_hz: of the responses."""

    sample_rate_hz: int
    period_samples: int
    band_hz: tuple[float, float]

    def __post_init__(self) -> None:
        lo, hi = self.band_hz
        if not 0.0 < lo < hi <= self.sample_rate_hz / 2:
            raise ValueError(
                f"band is {lo:g} to {hi:g} Hz: it must rise and end at or below "
                f"{self.sample_rate_hz / 2:g} Hz"
            )

    @property
    def oversampling(self) -> int:
        """Buffer entries per sample: sixteen per cycle of the highest frequency keep an arrival's
        interpolation error below 1 %.
        """
        return max(1, int(np.ceil(16.0 * self.band_hz[1] / self.sample_rate_hz)))

    @property
    def deposit_rate_hz(self) -> float:
        """Rate of the buffers [Hz]."""
        return float(self.sample_rate_hz * self.oversampling)

    def patch_spacing_m(self, speed_of_sound_m_s: float) -> float:
        """A third of the shortest wavelength [m]: patches must not be coarser."""
        return speed_of_sound_m_s / self.band_hz[1] / 3.0

    def wavelength_m(self, speed_of_sound_m_s: float) -> float:
        """Of the middle of the band, on a scale of octaves [m]."""
        return speed_of_sound_m_s / float(np.sqrt(self.band_hz[0] * self.band_hz[1]))

    def buffer(self, channels: int) -> Float32Array:
        """An empty buffer (channels, N * oversampling)."""
        return np.zeros((channels, self.period_samples * self.oversampling), np.float32)

    @cached_property
    def frequencies_hz(self) -> Array:
        """Frequencies of the spectra (N // 2 + 1,), Hz."""
        return np.asarray(np.fft.rfftfreq(self.period_samples, 1.0 / self.sample_rate_hz))

    @cached_property
    def band_gain(self) -> Float32Array:
        """Gain (N // 2 + 1,): 1 in the band, cosine-squared edges outside it, 0 at Nyquist."""
        (lo, hi), f, nyquist = self.band_hz, self.frequencies_hz, self.sample_rate_hz / 2.0
        rise = np.clip((f - 0.5 * lo) / (0.5 * lo), 0.0, 1.0)
        top = min(1.15 * hi, nyquist)
        fall = np.clip((top - f) / max(top - hi, 1e-6), 0.0, 1.0)
        gain = np.sin(0.5 * np.pi * rise) ** 2 * np.sin(0.5 * np.pi * fall) ** 2
        gain[f >= nyquist] = 0.0
        return np.asarray(gain, np.float32)

    def impulse_spectrum(self, buffer: Float32Array) -> ComplexArray:
        """Buffer of impulses (..., N * oversampling) -> band-limited spectrum (..., N // 2 + 1)."""
        spectrum = scipy.fft.rfft(buffer, axis=-1)[..., : len(self.frequencies_hz)]
        interpolation = np.sinc(self.frequencies_hz / self.deposit_rate_hz) ** 2
        return np.asarray(
            spectrum * (self.band_gain / interpolation).astype(np.float32), np.complex64
        )

    def scatter_spectrum(self, buffer: Float32Array, speed_of_sound_m_s: float) -> ComplexArray:
        """Buffer of patches -> band-limited spectrum, with the derivative and the 1/(2 pi c) of
        physical optics.
        """
        factor = 1j * self.frequencies_hz / speed_of_sound_m_s
        return np.asarray(self.impulse_spectrum(buffer) * factor.astype(np.complex64), np.complex64)

    def response(self, spectrum: ComplexArray) -> Float32Array:
        """Spectrum (..., N // 2 + 1) -> periodic impulse response (..., N)."""
        return np.asarray(scipy.fft.irfft(spectrum, self.period_samples, axis=-1), np.float32)


@dataclass(frozen=True, eq=False)
class LitSurface:
    """The patches that one source lights: (L, 8) float32, position, normal, lit area / r1, r1.
    index: (L,) of them on the surface.
    """

    patches: Float32Array
    index: npt.NDArray[np.int64]


_ALL = np.empty((1, 0), np.float32)


def illuminate(
    surface: Surface, source: npt.ArrayLike, spacing_m: float, light: Float32Array | None = None
) -> LitSurface:
    """The patches that a point source (3,) [m] lights; they are `spacing_m` apart. light: (K,) of
    the amplitude that reaches each patch past other bodies; None: all.
    """
    seen = visibility(surface, source, spacing_m)
    if light is not None:
        seen *= light
    patches = np.empty((len(seen), 8), np.float32)
    count = _illuminate(
        surface.points,
        surface.normals,
        surface.areas,
        np.asarray(source, np.float64),
        seen,
        patches,
    )
    return LitSurface(patches[:count], np.flatnonzero(seen > 0.0))


@kernel
def _illuminate(
    points: Array,
    normals: Array,
    areas: Array,
    source: Array,
    seen: Float32Array,
    patches: Float32Array,
) -> int:
    n = 0
    for i in range(points.shape[0]):
        if seen[i] > 0.0:
            x, y, z = points[i, 0] - source[0], points[i, 1] - source[1], points[i, 2] - source[2]
            r1 = np.sqrt(x * x + y * y + z * z)
            for k in range(3):
                patches[n, k], patches[n, 3 + k] = points[i, k], normals[i, k]
            patches[n, 6], patches[n, 7] = seen[i] * areas[i] / r1, r1
            n += 1
    return n


def deposit_surface(
    lit: LitSurface,
    mics: Array,
    deposits_per_m: float,
    gain: float,
    echo_gain: float,
    buffer: Float32Array,
    back: Float32Array | None = None,
) -> None:
    """Add what a lit surface scatters to the microphones (M, 3) [m] to `buffer` (M, L), before
    d/dt.

    gain: of the path. echo_gain: pressure reflection of the surface; it does not change the shadow.
    back: (M or 1, K) of the echo's amplitude that passes other bodies on its way to the
    microphones, for the surface's patches; None: all. What is behind two bodies is in the shadow of
    the first, which has all of it.
    """
    if buffer.shape[0] != len(mics) or buffer.dtype != np.float32:
        raise ValueError(
            f"deposit buffer is {buffer.dtype} {buffer.shape}: float32 with {len(mics)} rows is "
            "needed"
        )
    _deposit_surface(
        lit.patches,
        np.ascontiguousarray(mics, np.float32),
        np.float32(deposits_per_m),
        np.float32(gain),
        np.float32(gain * echo_gain),
        buffer,
        _ALL if back is None else np.ascontiguousarray(back[:, lit.index]),
    )


@kernel
def _deposit_surface(
    patches: Float32Array,
    mics: Float32Array,
    deposits_per_m: np.float32,
    gain: np.float32,
    echo_gain: np.float32,
    buffer: Float32Array,
    back: Float32Array,
) -> None:
    length = buffer.shape[1]
    own = back.shape[0] > 1
    for m in range(mics.shape[0]):
        row = buffer[m]
        mx, my, mz = mics[m, 0], mics[m, 1], mics[m, 2]
        for i in range(patches.shape[0]):
            x, y, z = mx - patches[i, 0], my - patches[i, 1], mz - patches[i, 2]
            square = x * x + y * y + z * z
            r2 = np.sqrt(square)
            facing = x * patches[i, 3] + y * patches[i, 4] + z * patches[i, 5]
            weight = patches[i, 6] * facing / square * (echo_gain if facing > 0.0 else gain)
            if back.shape[1] > 0 and facing > 0.0:
                weight *= back[m if own else 0, i]
            t = (patches[i, 7] + r2) * deposits_per_m
            j = int(t)
            f = t - np.float32(j)
            j %= length
            row[j] += weight * (np.float32(1.0) - f)
            row[j + 1 if j + 1 < length else 0] += weight * f


def deposit_arrivals(
    path_m: Array, weight: Array, deposits_per_m: float, buffer: Float32Array
) -> None:
    """Add impulses to `buffer` (M, L): path lengths (M, K) [m], weights (M, K) or (K,). Negative
    lengths are left out.
    """
    path = np.ascontiguousarray(path_m, np.float64)
    if buffer.shape[0] != path.shape[0]:
        raise ValueError(
            f"deposit buffer has {buffer.shape[0]} rows, the arrivals {path.shape[0]}: they "
            "must agree"
        )
    _deposit_arrivals(
        path * deposits_per_m,
        np.ascontiguousarray(np.broadcast_to(weight, path.shape), np.float64),
        buffer,
    )


@kernel
def _deposit_arrivals(delays: Array, weights: Array, buffer: Float32Array) -> None:
    length = buffer.shape[1]
    for m in range(delays.shape[0]):
        for i in range(delays.shape[1]):
            if delays[m, i] >= 0.0:
                j = int(delays[m, i])
                f = delays[m, i] - j
                buffer[m, j % length] += weights[m, i] * (1.0 - f)
                buffer[m, (j + 1) % length] += weights[m, i] * f


def free_field_response(
    surface: Surface,
    source: npt.ArrayLike,
    mics: Array,
    grid: PeriodGrid,
    speed_of_sound_m_s: float,
    echo_gain: float = 1.0,
) -> ComplexArray:
    """Spectra (M, N // 2 + 1) of what a body adds at microphones (M, 3) [m] without a room."""
    lit = illuminate(surface, source, grid.patch_spacing_m(speed_of_sound_m_s))
    buffer = grid.buffer(len(mics))
    deposit_surface(lit, mics, grid.deposit_rate_hz / speed_of_sound_m_s, 1.0, echo_gain, buffer)
    return grid.scatter_spectrum(buffer, speed_of_sound_m_s)
