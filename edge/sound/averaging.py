"""Listening longer to who keeps still: the coherent mean of the newest pose kernels.

Noise falls with the root of their number, and so does the echo of anybody who walks meanwhile; an
echo that keeps its place stays. A chest that breathes moves by 1 cm, a quarter of a wavelength
there and back: that costs 1 to 2 dB. Where the mean has lost more, the person has moved, and only
the newest kernels that still agree are taken.
"""

from collections import deque

import numpy as np
import numpy.typing as npt

from edge.core.arrays import Array, ComplexArray, FloatArray
from edge.sound.pose_kernel import Kernels, make_kernels

LONGEST_S = 30.0
MOST = 32  # kernels
# Share of the echo's energy that the mean must keep: moving by a tenth of a wavelength takes it.
LEAST_KEPT = 0.5
_QUIET_SHARE = 0.25
# Of noise, whose power is exponentially distributed, this quantile over its mean.
_QUIET_OVER_MEAN = -np.log(1.0 - _QUIET_SHARE)


class KernelMean:
    """The newest kernels of one rig's pairs. One thread at a time."""

    def __init__(self) -> None:
        self._heard: deque[tuple[int, Kernels, Array]] = deque(maxlen=MOST)  # with noise power (P,)

    def forget(self) -> None:
        """What was heard so far does not go with what comes."""
        self._heard.clear()

    def add(self, kernels: Kernels, t_ns: int) -> None:
        """The kernels of the period whose middle was at t_ns, later than those before."""
        if self._heard and self._heard[-1][1].analytic.shape != kernels.analytic.shape:
            self.forget()
        while self._heard and t_ns - self._heard[0][0] > LONGEST_S * 1e9:
            self._heard.popleft()
        self._heard.append((t_ns, kernels, noise_power(kernels)))

    def since(self, t_ns: int, window: npt.ArrayLike | None = None) -> tuple[Kernels, int] | None:
        """Mean of the kernels from t_ns on, weighted by how quiet they are, and their number; None
        where there are none.

        window: (P, 2) samples from and to, where the echo that must not be lost is; None: anywhere.
        """
        heard = [h for h in self._heard if h[0] >= t_ns]
        while len(heard) > 1:
            mean = _mean(heard)
            if _kept(heard, mean, window) >= LEAST_KEPT:
                return mean, len(heard)
            heard = heard[-(len(heard) // 2) :]
        return (heard[0][1], 1) if heard else None


def noise_power(kernels: Kernels) -> Array:
    """Mean power (P,) of the kernels' noise: their own, or the level that a quarter of the kernel
    stays below, where it is not known.
    """
    if kernels.sigma is not None:
        return np.asarray(np.mean(kernels.sigma.astype(np.float64) ** 2, axis=1))
    quiet = np.quantile(kernels.envelope.astype(np.float64) ** 2, _QUIET_SHARE, axis=1)
    return np.asarray(quiet / _QUIET_OVER_MEAN)


def _mean(heard: list[tuple[int, Kernels, Array]]) -> Kernels:
    first = heard[0][1]
    weights = _weights(heard)
    analytic = np.zeros_like(first.analytic)
    variance = np.zeros(first.envelope.shape)
    for weight, (_, kernels, noise) in zip(weights, heard, strict=True):
        analytic += weight[:, None].astype(np.float32) * kernels.analytic
        own = noise[:, None] if kernels.sigma is None else kernels.sigma.astype(np.float64) ** 2
        variance += weight[:, None] ** 2 * own
    sigma = np.sqrt(variance).astype(np.float32)
    return make_kernels(analytic, first.sample_rate_hz, first.band_hz, sigma)


def _weights(heard: list[tuple[int, Kernels, Array]]) -> Array:
    """(K, P), by inverse noise; a pair without any noise, as a dead one, counts evenly."""
    noise = np.array([n for *_, n in heard])
    inverse = 1.0 / np.maximum(noise, 1e-6 * noise.max() + 1e-30)
    return np.asarray(inverse / inverse.sum(axis=0))


def _kept(
    heard: list[tuple[int, Kernels, Array]], mean: Kernels, window: npt.ArrayLike | None
) -> float:
    """Share of the echo's energy that the mean has, noise taken off both; 1 where there is no echo
    to be lost.
    """
    pairs, samples = mean.analytic.shape
    at = np.arange(samples)
    if window is None:
        inside = np.ones((pairs, samples), bool)
    else:
        begin, end = np.asarray(window).T[:, :, None]
        inside = (at >= begin) & (at < end)
    weights = _weights(heard)
    whole = sum(
        weight @ _energy(kernels.analytic, inside)
        for weight, (_, kernels, _) in zip(weights, heard, strict=True)
    )
    noise = np.array([n for *_, n in heard])
    count = inside.sum(axis=1)
    of_noise = float(np.sum(weights * noise, axis=0) @ count)
    left_of_noise = float(np.sum(weights**2 * noise, axis=0) @ count)
    echo = float(whole) - of_noise
    if echo <= 0.5 * of_noise / np.sqrt(max(count.sum(), 1)):
        return 1.0
    return (float(_energy(mean.analytic, inside).sum()) - left_of_noise) / echo


def _energy(analytic: ComplexArray, inside: npt.NDArray[np.bool_]) -> FloatArray:
    """(P,) of the samples inside."""
    power = np.where(inside, analytic.real**2 + analytic.imag**2, np.float32(0.0))
    return np.asarray(power.sum(axis=1))
