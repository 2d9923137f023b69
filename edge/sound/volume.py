"""Spatial encoding: kernels gathered at each voxel's time of arrival, keypoints as heatmaps at its
projection.
"""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from edge.core.arrays import Array, ComplexArray, FloatArray
from edge.core.errors import ConfigError
from edge.core.jit import kernel
from edge.core.rig import Rig
from edge.sound.arrivals import in_window, padded
from edge.sound.gather import MOST_BITS, ZERO_POINT, CodeArray, Gather
from edge.sound.interpolation import interpolate_at, interpolation_taps
from edge.sound.pose_kernel import pool

Number = TypeVar("Number", np.float32, np.int8)

# The phase-keeping volume reads linearly from signals brought to at least this rate: -38 dB error
# at 7.5 kHz, and -33 dB or less comes from the steps of its times of arrival.
_COHERENT_RATE_HZ = 192_000.0
_HEATMAP_REACH = 4.0
# The float gather reads the nearest of so many points a sample (a power of two, fewer in windows of
# more than 4095 samples).
POINTS = 16


@dataclass(frozen=True)
class Grid:
    """A box of cubic voxels in the camera frame. x_m, y_m, z_m: (low, high) faces [m]; step_m: edge
    of a voxel [m].
    """

    x_m: tuple[float, float]
    y_m: tuple[float, float]
    z_m: tuple[float, float]
    step_m: float

    def __post_init__(self) -> None:
        if not self.step_m > 0.0:
            raise ConfigError(
                f"grid.step_m is {self.step_m:g}: a positive voxel size in metres is needed"
            )
        for name, (lo, hi) in (("x_m", self.x_m), ("y_m", self.y_m), ("z_m", self.z_m)):
            if not hi - lo >= self.step_m:
                raise ConfigError(
                    f"grid.{name} is [{lo:g}, {hi:g}]: low, then high, at least one voxel apart, is needed"
                )
        if not self.z_m[0] >= 0.0:
            raise ConfigError(
                f"grid.z_m starts at {self.z_m[0]:g} m, behind the camera: 0 m or more is needed"
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of voxels (Z, Y, X)."""
        z, y, x = (
            max(1, round((hi - lo) / self.step_m)) for lo, hi in (self.z_m, self.y_m, self.x_m)
        )
        return z, y, x

    @property
    def centres(self) -> Array:
        """Voxel centres (Z, Y, X, 3), x y z in metres."""
        lows = (self.z_m[0], self.y_m[0], self.x_m[0])
        z, y, x = (
            lo + (np.arange(n) + 0.5) * self.step_m for lo, n in zip(lows, self.shape, strict=True)
        )
        zz, yy, xx = np.meshgrid(z, y, x, indexing="ij")
        return np.stack([xx, yy, zz], axis=-1)


@dataclass(frozen=True, eq=False)
class QuantizedVolume:
    """codes: (P, Z, Y, X) int8; a value is scale * (code - ZERO_POINT), as in a TFLite int8 tensor."""

    codes: npt.NDArray[np.int8]
    scale: float

    @property
    def values(self) -> FloatArray:
        """What the codes stand for, (P, Z, Y, X) float32."""
        return np.float32(self.scale) * (self.codes.astype(np.float32) - np.float32(ZERO_POINT))


class Volume:
    """Look-up tables of one rig and one grid; make it once, gather once per frame, on one thread:
    it keeps its working memory.

    Its tables take 4 bytes per pair and voxel, half of them for `gather_int8`: times of arrival in
    steps of a 64th of a sample or of the largest power of two with which the window fits into 16
    bits (0.7 us at 48 kHz and 40 ms). A voxel whose time of arrival lies behind the window reads 0.

    gather_of_codes: what `gather_int8` looks up with.
    """

    def __init__(self, rig: Rig, grid: Grid, sample_rate_hz: float, window_samples: int) -> None:
        self.grid = grid
        self.sample_rate_hz = float(sample_rate_hz)
        self.window_samples = int(window_samples)
        self._c = rig.speed_of_sound_m_s
        centres = grid.centres
        arrival = rig.arrival_s(centres.reshape(-1, 3))
        if not 0 < self.window_samples < 1 << 16:
            raise ConfigError(
                f"a response window of {window_samples} samples was asked: 1 to 65535 are possible; shorten window_s"
            )
        self._bits = min((0xFFFF // self.window_samples).bit_length() - 1, MOST_BITS)
        position = in_window(arrival, self.sample_rate_hz, self.window_samples)
        self._code = np.round(position * (1 << self._bits)).astype(np.uint16)
        self._points = min(POINTS, 1 << self._bits)
        self._fine = np.zeros(self.window_samples * self._points + 1, np.float32)
        self.gather_of_codes = Gather(self._code, self._bits, self.window_samples)
        self._pixels = rig.camera.project(centres.reshape(-1, 3)).astype(np.float32)

    @property
    def pairs(self) -> int:
        """Number of pairs P."""
        return len(self._code)

    def pool(self, envelope: FloatArray) -> FloatArray:
        """Envelope (P, T) pooled over +/- half a voxel of range: what `gather` should be given, so
        that voxels do not alias.
        """
        return pool(envelope, self.sample_rate_hz, self.grid.step_m / 2, self._c)

    def gather(self, envelope: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Envelope (P, T), pooled, at each voxel's time of arrival: (P, Z, Y, X) float32.

        Linear between samples, at the nearest sixteenth of a sample: within 0.1 mm of range at 48
        kHz. out: written instead of a new array when given; it saves a third of the time. Raises
        ConfigError on a wrong shape.
        """
        self._check(envelope.shape)
        out = self._output(out, np.float32)
        # One look-up in a finer row is faster than two and an interpolation, and its table is a
        # quarter as large.
        shift = self._bits - self._points.bit_length() + 1
        rows = np.ascontiguousarray(envelope, np.float32)
        _gather_fine(rows, self._points, self._code, shift, self._fine, out.reshape(self.pairs, -1))
        return out

    def gather_int8(
        self, envelope: FloatArray, out: npt.NDArray[np.int8] | None = None
    ) -> QuantizedVolume:
        """As `gather`, in 8 bits, for int8 networks, and several times as fast where the processor
        shuffles bytes (gather.py).

        The envelope's largest value within the grid's reach has the largest code, so a value is
        within 1/255 of that: the samples, and what is read between them, are rounded to codes. out:
        (P, Z, Y, X) int8, written instead of a new array. Raises ConfigError on a wrong shape, or
        where the envelope is not finite there.
        """
        self._check(envelope.shape)
        out = self._output(out, np.int8)
        rows = np.ascontiguousarray(envelope, np.float32)
        # What lies outside the grid, louder maybe, must not make the steps of 8 bits larger.
        first, last = self.gather_of_codes.reached
        peak = float(rows[:, first:last].max(initial=0.0))
        if not np.isfinite(peak):
            raise ConfigError(
                "the envelope holds values that are not finite: they have no place in 8 bits; leave the period out"
            )
        scale = (peak or 1.0) / 255.0
        self.gather_of_codes(rows, 1.0 / scale, out.reshape(self.pairs, -1))
        return QuantizedVolume(out, scale)

    def gather_coherent(self, analytic: ComplexArray) -> FloatArray:
        """Phase-keeping sum over pairs of the analytic kernels (P, T): its magnitude at each voxel,
        (Z, Y, X) float32.

        The sum is taken on a grid finer than the pulse along range; the root mean square of its
        magnitude over +/- half a voxel is kept. Pairs must share a speaker or be close together:
        spread pairs see the body from sides that do not add up.
        """
        self._check(analytic.shape)
        factor = max(1, int(np.ceil(_COHERENT_RATE_HZ / self.sample_rate_hz)))
        fine = _resample(analytic, factor)
        half_voxel = self.grid.step_m / self._c * self.sample_rate_hz * factor
        # Five lags over the voxel's depth: the pulse of an 8 kHz band is longer than the 1.25 cm
        # between two of them at 5 cm.
        lags = np.unique(np.round(np.linspace(-half_voxel, half_voxel, 5)).astype(np.int64))
        out = np.empty(self._code.shape[1], np.float32)
        _gather_coherent(fine, self._code, np.float32(factor / (1 << self._bits)), lags, out)
        return out.reshape(self.grid.shape)

    def heatmaps(self, keypoints: npt.ArrayLike, sigma_px: float) -> FloatArray:
        """Keypoints (J, 3), u v [px] and confidence, as Gaussians at each voxel's projection: (J,
        Z, Y, X) float32.

        The peak is the confidence; a keypoint that is NaN or has none gives zeros. Raises
        ConfigError on a wrong shape or sigma.
        """
        joints = np.ascontiguousarray(keypoints, np.float32)
        if joints.ndim != 2 or joints.shape[1] != 3:
            raise ConfigError(
                f"keypoints have shape {joints.shape}: (joints, 3) with u, v, confidence is needed"
            )
        if not sigma_px > 0.0:
            raise ConfigError(
                f"a heatmap sigma of {sigma_px:g} px was asked: a positive one is needed"
            )
        out = np.zeros((len(joints), *self.grid.shape), np.float32)
        _heatmaps(joints, self._pixels, np.float32(sigma_px), out.reshape(len(joints), -1))
        return out

    def _output(self, out: npt.NDArray[Number] | None, dtype: type[Number]) -> npt.NDArray[Number]:
        shape = (self.pairs, *self.grid.shape)
        if out is None:
            return np.empty(shape, dtype)
        if (
            out.shape != shape
            or out.dtype != dtype
            or not (out.flags.c_contiguous and out.flags.writeable)
        ):
            name = np.dtype(dtype).name
            raise ConfigError(
                f"out is {out.dtype} {out.shape}: a contiguous, writeable {name} array of shape {shape} is needed"
            )
        return out

    def _check(self, shape: tuple[int, ...]) -> None:
        if shape != (self.pairs, self.window_samples):
            raise ConfigError(
                f"kernels have shape {shape}, the volume was made for {(self.pairs, self.window_samples)}"
            )


def _resample(analytic: ComplexArray, factor: int) -> ComplexArray:
    """(P, T) -> (P, (T + 2) * factor), the last samples of the window fading into zeros."""
    longer = np.ascontiguousarray(padded(analytic, np.complex64))
    out = np.empty((longer.shape[0], longer.shape[1] * factor), np.complex64)
    _interpolate(longer, factor, interpolation_taps()[0], out)
    return out


@kernel
def _gather_fine(
    envelope: FloatArray,
    points: int,
    code: CodeArray,
    shift: int,
    fine: FloatArray,
    out: FloatArray,
) -> None:
    step = np.float32(1.0 / points)
    bits = np.uint32(shift)
    half = np.uint32((1 << shift) >> 1)
    last = envelope.shape[1] - 1
    for p in range(out.shape[0]):
        # One pair after the other: its finer row stays in the cache for its voxels.
        for t in range(last + 1):
            before = envelope[p, t]
            after = envelope[p, t + 1] if t < last else np.float32(0.0)
            slope = step * (after - before)
            for k in range(points):
                fine[t * points + k] = before + slope * np.float32(k)
        for v in range(out.shape[1]):
            out[p, v] = fine[(np.uint32(code[p, v]) + half) >> bits]


@kernel
def _gather_coherent(
    fine: ComplexArray,
    code: CodeArray,
    step: np.float32,
    lags: npt.NDArray[np.int64],
    out: FloatArray,
) -> None:
    last = fine.shape[1] - 2
    total = np.empty(lags.shape[0], np.complex64)
    for v in range(out.shape[0]):
        total[:] = 0.0
        for p in range(code.shape[0]):
            position = np.float32(code[p, v]) * step
            start = int(position)
            w = np.float32(position - start)
            for k in range(lags.shape[0]):
                i = start + lags[k]
                if 0 <= i <= last:
                    total[k] += fine[p, i] + w * (fine[p, i + 1] - fine[p, i])
        power = np.float32(0.0)
        for k in range(lags.shape[0]):
            power += total[k].real * total[k].real + total[k].imag * total[k].imag
        out[v] = np.sqrt(power / lags.shape[0])


@kernel
def _interpolate(analytic: ComplexArray, factor: int, taps: FloatArray, out: ComplexArray) -> None:
    for p in range(out.shape[0]):
        for t in range(out.shape[1]):
            out[p, t] = interpolate_at(analytic[p], t / factor, taps)


@kernel
def _heatmaps(
    joints: FloatArray, pixels: FloatArray, sigma_px: np.float32, out: FloatArray
) -> None:
    for j in range(out.shape[0]):
        u, v, confidence = joints[j, 0], joints[j, 1], joints[j, 2]
        if not (confidence > 0.0 and np.isfinite(u) and np.isfinite(v)):
            continue
        for i in range(out.shape[1]):
            du, dv = (pixels[i, 0] - u) / sigma_px, (pixels[i, 1] - v) / sigma_px
            squared = du * du + dv * dv
            if squared < _HEATMAP_REACH * _HEATMAP_REACH:
                out[j, i] = confidence * np.exp(np.float32(-0.5) * squared)
