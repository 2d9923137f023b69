"""Finds the excitation in a recording: where its period starts, and its level."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.fft

from edge.core.arrays import FloatArray
from edge.core.rig import Rig
from edge.sound.excitation import Excitation

# Peak over mean of the correlation's power. Noise of 500 independent lags exceeds 20 once in a
# million periods.
_DETECTION = 20.0
_NEWTON_STEPS = 4
# Weight of a new delay in the running mean: five periods smooth the noise, and follow a drift of
# 1 ppm to 0.03 samples.
_DELAY_GAIN = 0.2
_DELAY_JUMP = 0.25


@dataclass(frozen=True, slots=True)
class Alignment:
    """lag: where the excitation's sample 0 lies in the recording, samples in [-0.5, n - 0.5) of n
    searched. level_db: strength at the peak.
    """

    lag: float
    level_db: float


class Aligner:
    """Circular matched filter over one period, in the band, on the reference channel or on the
    direct sound of all pairs. A burst is searched for in a longer recording.

    On microphones the correlations are advanced by each pair's direct arrival and speaker shift and
    their powers added: the lag that remains is the delay from playback to capture.
    """

    def __init__(self, excitation: Excitation, rig: Rig | None = None, searched: int | None = None):
        """rig: None where `find` gets the reference channel, which carries speaker 0. searched:
        number of samples that it gets, None for those of the excitation.
        """
        n, rate = searched or excitation.period_samples, excitation.sample_rate_hz
        spectrum = np.fft.rfft(excitation.samples.astype(np.float64), n)
        strength = np.abs(spectrum)
        bins = np.flatnonzero(strength > 1e-3 * strength.max())
        self._slice = slice(int(bins[0]), int(bins[-1]) + 1)
        k = np.arange(self._slice.start, self._slice.stop)
        self._omega = 2 * np.pi * k / n
        lags = np.zeros(1)
        self._rows = np.zeros(1, np.int64)
        if rig is not None:
            shift = rig.pairs[:, 0] * excitation.grid_samples // len(rig.speakers)
            lags = rig.direct_arrival_s * rate + shift
            self._rows = rig.pairs[:, 1]
        steer = np.exp(1j * self._omega * lags[:, None])
        # Unit gain: a recording equal to the excitation has level 0 dB.
        self._filter = (np.conj(spectrum[self._slice]) * steer / np.sum(strength**2)).astype(
            np.complex64
        )
        self._n = n

    def find(self, signals: FloatArray) -> Alignment | None:
        """signals: (M, n), or (1, n) for the reference: one period, wherever it starts. None where
        the excitation is not found.
        """
        cross = scipy.fft.rfft(signals, axis=1)[self._rows, self._slice] * self._filter
        full = np.zeros((len(cross), self._n), np.complex64)
        full[:, self._slice] = cross
        power = np.sum(np.abs(scipy.fft.ifft(full, axis=1, norm="forward")) ** 2, axis=0)
        peak, mean = int(np.argmax(power)), float(np.mean(power))
        if mean == 0.0 or power[peak] < _DETECTION * mean:
            return None
        lag = self._refine(cross, float(peak))
        level = np.sum(np.abs(cross @ np.exp(1j * self._omega * lag)) ** 2)
        return Alignment((lag + 0.5) % self._n - 0.5, 10 * float(np.log10(level)))

    def _refine(self, cross: npt.NDArray[np.complex64], lag: float) -> float:
        """The maximum of the correlation's power between the samples, by Newton's method."""
        start = lag
        for _ in range(_NEWTON_STEPS):
            terms = cross * np.exp(1j * self._omega * lag)
            c0, c1, c2 = (np.sum(terms * (1j * self._omega) ** i, axis=1) for i in range(3))
            slope = 2 * float(np.sum((c1 * np.conj(c0)).real))
            curvature = 2 * float(np.sum((c2 * np.conj(c0)).real + np.abs(c1) ** 2))
            if curvature >= 0.0:
                break
            lag = float(np.clip(lag - slope / curvature, start - 1.0, start + 1.0))
        return lag


class DelayTracker:
    """The fractional delay left after cutting. On one clock it is constant, so it is smoothed."""

    def __init__(self) -> None:
        self.samples: float | None = None

    def reset(self) -> None:
        """Forget the delay: the next period is cut anew."""
        self.samples = None

    def update(self, measured: float) -> float:
        """Add one period's delay [samples]; returns the smoothed one. A jump is taken at once."""
        if self.samples is None or abs(measured - self.samples) > _DELAY_JUMP:
            self.samples = measured
        else:
            self.samples += _DELAY_GAIN * (measured - self.samples)
        return self.samples
