"""Pose kernels at times of arrival: the envelope linear between samples, the phase band-limited."""

import numpy as np
import numpy.typing as npt

from edge.core.arrays import Array, ComplexArray, FloatArray
from edge.core.errors import ConfigError
from edge.core.jit import kernel
from edge.sound.interpolation import interpolate_at, interpolation_taps

IndexArray = npt.NDArray[np.uint32]


def gather_points(
    envelope: FloatArray, arrival_s: npt.ArrayLike, sample_rate_hz: float
) -> FloatArray:
    """Envelope (P, T) at times of arrival (P, K) [s], linear between samples, 0 behind the window
    or where the time is NaN: (P, K) float32. Raises ConfigError where P differs.
    """
    arrival = np.asarray(arrival_s, np.float64)
    _check(envelope.shape, arrival)
    pairs, samples = envelope.shape
    padded = np.zeros((pairs, samples + 2), np.float32)
    padded[:, :-2] = envelope
    # What is behind the window, or unknown, is read from the padding.
    position = np.clip(np.nan_to_num(arrival * sample_rate_hz, nan=np.inf), 0.0, float(samples))
    # Unsigned: a signed index would be tested for wrap-around at every point, a quarter of the
    # time.
    index = position.astype(np.uint32)
    out = np.empty(arrival.shape, np.float32)
    _gather(padded, index, (position - index).astype(np.float32), out)
    return out


def gather_points_coherent(
    analytic: ComplexArray, arrival_s: npt.ArrayLike, sample_rate_hz: float
) -> ComplexArray:
    """Coherent (phase-keeping) sum over pairs of analytic kernels (P, T) at times of arrival (P, K)
    [s]: (K,) complex64.

    Band-limited interpolation (interpolation.py); 0 outside the window. Raises ConfigError where P
    differs.
    """
    arrival = np.asarray(arrival_s, np.float64)
    _check(analytic.shape, arrival)
    out = np.empty(arrival.shape[1], np.complex64)
    h = np.ascontiguousarray(analytic, np.complex64)
    _sum_points(h, arrival * sample_rate_hz, interpolation_taps()[0], out)
    return out


def _check(kernels: tuple[int, ...], arrival: Array) -> None:
    if arrival.ndim != 2 or len(kernels) != 2 or len(arrival) != kernels[0]:
        raise ConfigError(
            f"times of arrival have shape {arrival.shape}: (pairs, points) is needed for kernels "
            f"of shape {kernels}"
        )


@kernel
def _gather(envelope: FloatArray, index: IndexArray, weight: FloatArray, out: FloatArray) -> None:
    for p in range(out.shape[0]):
        row = envelope[p]
        for v in range(out.shape[1]):
            i = index[p, v]
            before = row[i]
            out[p, v] = before + weight[p, v] * (row[i + np.uint32(1)] - before)


@kernel
def _sum_points(
    analytic: ComplexArray, position: Array, taps: FloatArray, out: ComplexArray
) -> None:
    for k in range(out.shape[0]):
        out[k] = 0.0
        for p in range(analytic.shape[0]):
            if 0.0 <= position[p, k] <= analytic.shape[1] - 1:
                out[k] += interpolate_at(analytic[p], position[p, k], taps)
