"""Whether playback and capture share one sample clock: the drift from period to period."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.fft

from edge.core.arrays import Array, Complex128Array
from edge.core.calibration_file import Step
from edge.tools.calibration.takes import SoundTake

# Some ppm are followed by cutting periods anew; 20 spoil the subtraction of the empty room.
DRIFT_LIMIT_PPM = 5.0
# The search range of the drift from one period to the next.
_REACH_SAMPLES = 4.0
_STEP_SAMPLES = 0.05
# A longer pause, in periods, separates two recordings.
_LONGEST_PAUSE = 3


@dataclass(frozen=True, eq=False)
class ClockDrift:
    """drift_ppm: by how much the capture clock is faster than that of playback; the sound then
    comes later and later. sigma_ppm: its 1 sigma. moved: (K,) delay of each period against the
    first [samples].
    """

    drift_ppm: float
    sigma_ppm: float
    moved: Array


def band_bins(take: SoundTake) -> npt.NDArray[np.int64]:
    """Bins (B,) in which the excitation has at least a tenth of its largest magnitude."""
    strength = np.abs(take.excitation.spectrum)
    return np.flatnonzero(strength > 0.1 * strength.max())


def measure_clock(take: SoundTake) -> ClockDrift:
    """Drift over the take, from all channels; without `starts` at most half a sample per period."""
    n, bins = take.excitation.period_samples, band_bins(take)
    spectra = scipy.fft.rfft(take.raw, axis=-1)[:, :, bins]
    omega = 2.0 * np.pi * bins / n
    cross = np.sum(np.conj(spectra[:-1]) * spectra[1:], axis=1)
    lags = np.arange(-_REACH_SAMPLES, _REACH_SAMPLES + 1e-9, _STEP_SAMPLES)
    steer = np.exp(1j * omega[:, None] * lags)
    steps = np.array([_peak(score, lags) for score in np.real(cross @ steer)])
    # The sound in a period moves back by as much as its first sample moved on.
    starts = np.arange(len(steps) + 1) * n if take.starts is None else take.starts
    moves = steps - np.round(steps) if take.starts is None else steps
    pauses = np.diff(starts)
    turns = np.maximum(np.round(pauses / n), 1.0)
    later = moves + (pauses - turns * n)
    joined = turns <= _LONGEST_PAUSE
    moved = np.concatenate([[0.0], np.cumsum(np.where(joined, later, 0.0))])
    per_sample = later[joined] / (turns[joined] * n)
    if len(per_sample) < 2:
        return ClockDrift(float("nan"), float("inf"), np.concatenate([[0.0], np.cumsum(steps)]))
    # From the sum of the steps, in which the errors of neighbouring steps cancel.
    drift = float(per_sample @ (turns[joined] / turns[joined].sum()))
    residual = moved - np.polyval(np.polyfit(starts, moved, 1), starts)
    span = float(turns[joined].sum() * n)
    sigma = float(np.sqrt(2.0) * max(residual.std(), 1e-4) / span)
    return ClockDrift(1e6 * drift, 1e6 * sigma, np.concatenate([[0.0], np.cumsum(steps)]))


def judge_clock(clock: ClockDrift) -> Step:
    """Whether playback and capture share one clock."""
    if not np.isfinite(clock.drift_ppm):
        found = "the recording has too many pauses to tell"
        return Step("clock", "open", found, "record again in one piece")
    found = f"playback and capture differ by {clock.drift_ppm:.1f} +- {clock.sigma_ppm:.1f} ppm"
    if abs(clock.drift_ppm) > max(DRIFT_LIMIT_PPM, 4.0 * clock.sigma_ppm):
        remedy = "play through the array's own output: both must run on one clock"
        return Step("clock", "fault", found, remedy, "clock")
    return Step("clock", "ok", found)


def mean_spectra(take: SoundTake, clock: ClockDrift) -> tuple[Complex128Array, Array]:
    """Spectra (C, B) of the mean period without drift, and the RMS (C, B) of its noise."""
    n, bins = take.excitation.period_samples, band_bins(take)
    spectra = scipy.fft.rfft(take.raw.astype(np.float64), axis=-1)[:, :, bins]
    spectra *= np.exp(2j * np.pi / n * clock.moved[:, None, None] * bins)
    mean = spectra.mean(axis=0)
    noise = np.sqrt(np.sum(np.abs(spectra - mean) ** 2, axis=0) / (len(spectra) - 1))
    return np.asarray(mean), np.asarray(noise)


def _peak(power: Array, lags: Array) -> float:
    """Lag of the maximum, interpolated by a parabola."""
    i = int(np.clip(np.argmax(power), 1, len(power) - 2))
    a, b, c = power[i - 1 : i + 2]
    bend = a - 2.0 * b + c
    return float(lags[i] + (0.5 * (a - c) / bend if bend < 0.0 else 0.0) * (lags[1] - lags[0]))
