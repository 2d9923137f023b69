"""Pose kernels read at times of arrival: linear between samples of the envelope, band-limited
between those of the phase.
"""

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from edge.core.arrays import Array, ComplexArray, FloatArray
from edge.core.errors import ConfigError
from edge.core.jit import kernel
from edge.sound.interpolation import interpolate_at, interpolation_taps

IndexArray = npt.NDArray[np.uint32]
Scalar = TypeVar("Scalar", np.float32, np.complex64)


def gather_points(
    envelope: FloatArray, arrival_s: npt.ArrayLike, sample_rate_hz: float
) -> FloatArray:
    """Envelope (P, T) at times of arrival (P, K) [s], linear between samples, 0 behind the window:
    (P, K) float32.
    """
    arrival = np.asarray(arrival_s, np.float64)
    _check_points(envelope.shape, arrival)
    index, weight = _table(arrival, sample_rate_hz, envelope.shape[1])
    out = np.empty(arrival.shape, np.float32)
    _gather(padded(envelope, np.float32), index, weight, out)
    return out


def gather_points_coherent(
    analytic: ComplexArray, arrival_s: npt.ArrayLike, sample_rate_hz: float
) -> ComplexArray:
    """Phase-keeping sum over pairs of analytic kernels (P, T) at times of arrival (P, K) [s]: (K,)
    complex64.

    Band-limited interpolation (see interpolation.py); 0 outside the window.
    """
    arrival = np.asarray(arrival_s, np.float64)
    _check_points(analytic.shape, arrival)
    out = np.empty(arrival.shape[1], np.complex64)
    _sum_points(
        np.ascontiguousarray(analytic, np.complex64),
        arrival * sample_rate_hz,
        interpolation_taps()[0],
        out,
    )
    return out


def _check_points(kernels: tuple[int, ...], arrival: Array) -> None:
    if arrival.ndim != 2 or len(kernels) != 2 or len(arrival) != kernels[0]:
        raise ConfigError(
            f"times of arrival have shape {arrival.shape}: (pairs, points) is needed for kernels of shape {kernels}"
        )


def in_window(arrival_s: Array, sample_rate_hz: float, window_samples: int) -> Array:
    """Arrivals in samples; those behind the window, or unknown, at its end, where there is padding."""
    return np.clip(
        np.nan_to_num(arrival_s * sample_rate_hz, nan=np.inf), 0.0, float(window_samples)
    )


def padded(kernels: npt.NDArray[Scalar], dtype: type[Scalar]) -> npt.NDArray[Scalar]:
    """(P, T) -> (P, T + 2), two zeros after the window."""
    longer = np.zeros((kernels.shape[0], kernels.shape[1] + 2), dtype)
    longer[:, :-2] = kernels
    return longer


def _table(
    arrival_s: Array, sample_rate_hz: float, window_samples: int
) -> tuple[IndexArray, FloatArray]:
    """Index of the sample before each arrival and the weight of the one after; behind the window
    both point at padding.
    """
    position = in_window(arrival_s, sample_rate_hz, window_samples)
    # Unsigned: a signed index would be tested for wrap-around at every voxel, a quarter of the
    # gather's time.
    index = position.astype(np.uint32)
    return index, (position - index).astype(np.float32)


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
