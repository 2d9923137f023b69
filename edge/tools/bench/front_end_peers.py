"""The front end's work in other libraries."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.fft
from scipy.ndimage import uniform_filter1d

from edge.core.arrays import FloatArray
from edge.sound.deconvolution import TIKHONOV
from edge.sound.excitation import band_window
from edge.sound.gather import ZERO_POINT
from edge.sound.volume import POINTS, QuantizedVolume
from edge.tools.bench.scene import Scene, Stages


def one_sided_inverse(scene: Scene) -> npt.NDArray[np.complex128]:
    """The one-sided inverse (N // 2 + 1,) that gives a unit path an envelope of 1."""
    n = scene.excitation.period_samples
    window = band_window(
        np.fft.rfftfreq(n, 1.0 / scene.excitation.sample_rate_hz), scene.excitation.band_hz
    )
    x = scene.excitation.spectrum.astype(np.complex128)
    power = np.abs(x) ** 2
    tikhonov = TIKHONOV * power.max()
    inverse = window * np.conj(x) / (power + tikhonov)
    return np.asarray(inverse * n / np.sum(window * power / (power + tikhonov)))


def half_width_samples(scene: Scene, fewer: int = 1) -> int:
    """Half a voxel of range, in every `fewer`-th sample."""
    return round(
        scene.grid.step_m / scene.rig.speed_of_sound_m_s * scene.excitation.sample_rate_hz / fewer
    )


def numpy_stages(scene: Scene) -> Stages:
    """The obvious form: float64 FFTs, np.convolve, np.interp."""
    inverse, half = one_sided_inverse(scene), half_width_samples(scene)
    samples = np.arange(scene.window_samples)
    position = (
        scene.rig.arrival_s(scene.grid.centres.reshape(-1, 3)) * scene.excitation.sample_rate_hz
    )

    def deconvolve(y: FloatArray) -> Any:
        one_sided = np.zeros(y.shape, np.complex128)
        one_sided[:, : len(inverse)] = np.fft.rfft(y) * inverse
        return np.fft.ifft(one_sided)[:, : scene.window_samples]

    def envelope(h: Any) -> Any:
        ones = np.ones(2 * half + 1)
        count = np.convolve(np.ones(h.shape[1]), ones, "same")
        return np.array([np.sqrt(np.convolve(np.abs(row) ** 2, ones, "same") / count) for row in h])

    def volume(e: Any) -> Any:
        return np.array(
            [np.interp(p, samples, row, right=0.0) for p, row in zip(position, e, strict=True)]
        )

    return deconvolve, envelope, volume


def fewer_samples(
    scene: Scene,
) -> tuple[npt.NDArray[np.complex64], npt.NDArray[np.intp], FloatArray]:
    """For peers that sample responses as we do: the inverse up to their Nyquist frequency, look-up
    indices and weights (P, V).
    """
    window = scene.window_samples // scene.fewer
    inverse = (
        one_sided_inverse(scene)[: scene.excitation.period_samples // scene.fewer // 2]
        / scene.fewer
    ).astype(np.complex64)
    rate = scene.excitation.sample_rate_hz / scene.fewer
    position = scene.rig.arrival_s(scene.grid.centres.reshape(-1, 3)) * rate
    index = np.minimum(position.astype(np.intp), window - 2)
    return inverse, index, np.where(position < window, position - index, 0).astype(np.float32)


def scipy_stages(scene: Scene) -> Stages:
    """The fastest form without a compiler that we know: float32, our sample rate, no more bins and
    samples than needed.

    As in ours, a finer row is interpolated first, from which the nearest point is taken: half the
    time of taking two samples of the row and a weight for each voxel.
    """
    deconvolve, envelope, finer, nearest = _scipy(scene)
    out = np.empty(nearest.shape, np.float32)

    def volume(e: Any) -> Any:
        for fine, points, row in zip(finer(e), nearest, out, strict=True):
            np.take(fine, points, out=row, mode="wrap")  # the fastest mode
        return out

    return deconvolve, envelope, volume


def scipy_int8_stages(scene: Scene) -> Stages:
    """The same in 8 bits. Points are taken in 16: np.take of 8 needs half as long again in some
    processes.
    """
    deconvolve, envelope, finer, nearest = _scipy(scene)
    out, taken = np.empty(nearest.shape, np.int8), np.empty(nearest.shape[1], np.int16)

    def volume(e: Any) -> QuantizedVolume:
        scale = float(e.max()) / 255.0
        levels = finer(e * np.float32(1.0 / scale))
        codes = np.rint(np.add(levels, np.float32(ZERO_POINT), out=levels), out=levels).astype(
            np.int16
        )
        for fine, points, row in zip(codes, nearest, out, strict=True):
            row[:] = np.take(fine, points, out=taken, mode="wrap")
        return QuantizedVolume(out, scale)

    return deconvolve, envelope, volume


def _scipy(
    scene: Scene,
) -> tuple[Callable[[Any], Any], Callable[[Any], Any], Callable[[Any], Any], npt.NDArray[np.intp]]:
    """Deconvolution, envelope, its finer rows, and the index of each voxel's point in them (P, V)."""
    inverse, index, weight = fewer_samples(scene)
    half, window = half_width_samples(scene, scene.fewer), scene.window_samples // scene.fewer
    bins = np.flatnonzero(inverse)
    band = slice(bins[0], bins[-1] + 1)
    inverse = np.ascontiguousarray(inverse[band])
    nearest = np.rint((index + weight) * POINTS).astype(np.intp)
    # Samples that some voxel reads, and those that their means are of.
    first, last = int(nearest.min()) // POINTS, min(int(nearest.max()) // POINTS + 2, window)
    heard_from, heard_to = max(first - half, 0), min(last + half, window)
    rows = len(scene.recording)
    batch = -(-rows // 4) * 4  # rows of silence are faster than those that do not fill a vector
    heard = np.zeros((batch, scene.excitation.period_samples), np.float32)
    one_sided = np.zeros((batch, scene.excitation.period_samples // scene.fewer), np.complex64)
    share = (np.arange(POINTS) / POINTS).astype(np.float32)
    shares = np.stack([1.0 - share, share])
    neighbours = np.zeros((rows, last - first, 2), np.float32)
    fine = np.empty((rows * (last - first), POINTS), np.float32)

    def deconvolve(y: FloatArray) -> Any:
        heard[:rows] = y
        np.multiply(scipy.fft.rfft(heard)[:, band], inverse, out=one_sided[:, band])
        return scipy.fft.ifft(one_sided)[:rows, heard_from:heard_to]

    def envelope(h: Any) -> Any:
        power = uniform_filter1d(h.real**2 + h.imag**2, 2 * half + 1, axis=-1, mode="constant")
        return np.sqrt(power[:, first - heard_from : last - heard_from])

    def finer(e: Any) -> Any:
        neighbours[..., 0] = e
        neighbours[:, :-1, 1] = e[:, 1:]
        return np.matmul(neighbours.reshape(-1, 2), shares, out=fine).reshape(rows, -1)

    return deconvolve, envelope, finer, nearest - first * POINTS


def pyroomacoustics_stages(scene: Scene) -> Stages:
    """Its own deconvolution, channel by channel (linear, so exact for one sweep, not for a period),
    then plain numpy.
    """
    import pyroomacoustics

    _, envelope, volume = numpy_stages(scene)
    threshold = (
        1e-3
        * float(np.abs(scene.excitation.spectrum).max())
        / np.sqrt(2 * scene.excitation.period_samples)
    )

    def responses(y: FloatArray) -> Any:
        h = [
            pyroomacoustics.experimental.deconvolve(
                row, scene.excitation.samples, length=scene.window_samples, thresh=threshold
            )
            for row in y
        ]
        n = 2 * scene.window_samples
        spectrum = np.fft.fft(h, n)
        spectrum[:, n // 2 :] = 0.0
        return 2.0 * np.fft.ifft(spectrum)[:, : scene.window_samples]

    return responses, envelope, volume
