"""The pose kernel: the analytic signal, its envelope, and pooling along range."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.core.arrays import BoolArray, ComplexArray, FloatArray, IntArray
from edge.core.errors import ConfigError
from edge.core.jit import kernel
from edge.sound.excitation import EDGE_FRACTION


@dataclass(frozen=True, eq=False)
class Kernels:
    """Pose kernels of all pairs, time 0 = emission.

    analytic: (P, T) complex64, band-limited, one-sided. envelope: (P, T) float32, its magnitude; a
    path of unit gain peaks at 1. sigma: (P, T) float32, how much of the envelope is noise: the root
    mean square that noise alone would have; None where that is not known.
    """

    analytic: ComplexArray
    envelope: FloatArray
    sample_rate_hz: float
    band_hz: tuple[float, float]
    sigma: FloatArray | None = None

    def of_pairs(self, rows: list[int] | IntArray | BoolArray) -> "Kernels":
        """Those of some pairs: rows, indices or (P,) bool."""
        sigma = None if self.sigma is None else self.sigma[rows]
        return make_kernels(self.analytic[rows], self.sample_rate_hz, self.band_hz, sigma)


def make_kernels(
    analytic: ComplexArray,
    sample_rate_hz: float,
    band_hz: tuple[float, float],
    sigma: FloatArray | None = None,
) -> Kernels:
    """Analytic pose kernels (P, T), their envelopes, and the noise of these (P, T) where it is
    known. Raises ConfigError on another shape.
    """
    h = np.ascontiguousarray(analytic, np.complex64)
    if h.ndim != 2:
        raise ConfigError(f"analytic pose kernels have shape {h.shape}: (pairs, samples) is needed")
    envelope = np.empty(h.shape, np.float32)
    _magnitude(h.ravel(), envelope.ravel())
    if sigma is not None:
        sigma = np.ascontiguousarray(sigma, np.float32)
        if sigma.shape != h.shape:
            raise ConfigError(
                f"the kernels' noise has shape {sigma.shape}: that of the kernels, {h.shape}, "
                "is needed"
            )
    return Kernels(h, envelope, float(sample_rate_hz), band_hz, sigma)


def analytic_signal(
    rir: npt.ArrayLike, sample_rate_hz: float, band_hz: tuple[float, float]
) -> ComplexArray:
    """Real impulse responses (P, T) of a dataset folder -> analytic signals (P, T) complex64,
    limited to the band [Hz].

    The filter is 1 in the band and falls off outside it, so that the real part of `Deconvolver`'s
    responses gives them back, at the same level, except at the window's ends. Raises ConfigError.
    """
    h = np.asarray(rir, np.float64)
    if h.ndim != 2 or not np.isfinite(h).all():
        raise ConfigError(
            f"impulse responses have shape {h.shape}: a finite (pairs, samples) array is needed"
        )
    lo, hi = band_hz
    if not 0.0 < lo < hi <= sample_rate_hz / 2:
        raise ConfigError(
            f"a band of {lo:g}-{hi:g} Hz does not fit a sample rate of {sample_rate_hz:g} Hz: set "
            "band_hz in rig.json"
        )
    n = 2 * h.shape[1]
    f = np.fft.fftfreq(n, 1.0 / sample_rate_hz)
    edge = EDGE_FRACTION * (hi - lo)
    outside = np.clip(np.maximum(lo - f, f - hi) / edge, 0.0, 1.0)
    gain = np.where(f > 0.0, 2.0 * np.cos(np.pi / 2 * outside) ** 2, 0.0)
    return np.fft.ifft(np.fft.fft(h, n) * gain)[:, : h.shape[1]].astype(np.complex64)


def pool(
    envelope: FloatArray, sample_rate_hz: float, half_width_m: float, speed_of_sound_m_s: float
) -> FloatArray:
    """Root mean square of the envelope (P, T) over +/- half_width_m of range (half the path) around
    each sample; at the ends, over the samples that there are.

    With half a grid step, a coarse grid does not miss a pulse between two points. Raises
    ConfigError on a negative width.
    """
    e = np.ascontiguousarray(envelope, np.float32)
    half = round(2.0 * half_width_m / speed_of_sound_m_s * sample_rate_hz)
    if half < 0:
        raise ConfigError(
            f"a pooling half width of {half_width_m:g} m was asked for: 0 or more is needed"
        )
    out = np.empty_like(e)
    _pool(e, half, out)
    return out


@kernel
def _magnitude(analytic: ComplexArray, out: FloatArray) -> None:
    for i in range(out.shape[0]):
        z = analytic[i]
        out[i] = np.sqrt(z.real * z.real + z.imag * z.imag)


@kernel
def _pool(envelope: FloatArray, half: int, out: FloatArray) -> None:
    samples = envelope.shape[1]
    share = np.empty(samples, np.float64)
    for t in range(samples):
        share[t] = 1.0 / (min(t + half + 1, samples) - max(t - half, 0))
    # Cumulative sums, constant for `half` samples before and behind, so that the loop below needs
    # no case for the ends.
    power = np.zeros(samples + 1 + 2 * half, np.float64)
    above = power[2 * half + 1 :]
    for p in range(envelope.shape[0]):
        row, pooled = envelope[p], out[p]
        total = 0.0
        for t in range(samples):
            total += np.float64(row[t]) ** 2
            power[half + 1 + t] = total
        power[half + samples + 1 :] = total
        for t in range(samples):
            pooled[t] = np.sqrt(max(above[t] - power[t], 0.0) * share[t])
