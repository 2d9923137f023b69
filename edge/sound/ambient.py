"""The noise of the room while the loudspeaker is silent, per frequency bin and third octave."""

import math

import numpy as np

from edge.core.arrays import Array, FloatArray
from edge.sound.loudness import a_weights, spl_db

SMOOTHING_S = 10.0
# So much silence tells the level within about 1 dB per bin of the smoothed spectrum.
LEAST_S = 0.5
_LOWEST_BAND_HZ = 50.0
_SINE_POWER = 0.5  # of a full-scale sine


def third_octaves(sample_rate_hz: float) -> Array:
    """Band edges (B, 2) [Hz] of the third octaves from 50 Hz up to half the sample rate, base 10 as
    in IEC 61260-1.
    """
    first, last = round(10 * math.log10(_LOWEST_BAND_HZ)), 10 * math.log10(sample_rate_hz / 2)
    n = np.arange(first, math.floor(last - 0.5) + 1)
    return np.stack([10.0 ** ((n - 0.5) / 10.0), 10.0 ** ((n + 0.5) / 10.0)], axis=1)


class AmbientNoise:
    """Call it with periods in which no loudspeaker sounds and no earlier sound decays any more.

    It is a mean over what was heard first and then follows with a time constant of `SMOOTHING_S` of
    silence. One thread at a time.
    """

    def __init__(
        self,
        mics: int,
        period_samples: int,
        sample_rate_hz: int,
        sensitivity_dbfs: float | None = None,
    ) -> None:
        """sensitivity_dbfs: of each microphone at 94 dB SPL, None where unknown."""
        n = period_samples
        self._period_s = n / sample_rate_hz
        self._sensitivity_dbfs = sensitivity_dbfs
        # Hum must not leak into the bands above; its mean power is kept.
        hann = np.hanning(n + 1)[:-1]
        self._taper = hann / math.sqrt(float(np.mean(hann**2)))
        self._one_sided = np.full(n // 2 + 1, 2.0 / n**2)
        self._one_sided[:: n // 2 if n % 2 == 0 else n] /= 2.0
        self._weights = a_weights(n, sample_rate_hz)
        self.bands_hz = third_octaves(sample_rate_hz)
        frequencies_hz = np.fft.rfftfreq(n, 1.0 / sample_rate_hz).astype(np.float64)
        self._shares = _shares(self.bands_hz, frequencies_hz)
        self._power = np.zeros((mics, n // 2 + 1))
        self._tapered = np.zeros((mics, n // 2 + 1))
        self.heard_s = 0.0

    def __call__(self, samples: FloatArray) -> None:
        """One silent period (M, N), full scale = 1."""
        self.heard_s += self._period_s
        share = self._period_s / min(self.heard_s, SMOOTHING_S)
        x = samples.astype(np.float64)
        self._power += share * (np.abs(np.fft.rfft(x)) ** 2 - self._power)
        self._tapered += share * (np.abs(np.fft.rfft(x * self._taper)) ** 2 - self._tapered)

    def power(self) -> Array | None:
        """Mean of |rfft|**2 of a period (M, N // 2 + 1); None until enough was heard."""
        return self._power.copy() if self.heard_s >= LEAST_S else None

    def bands_db(self) -> Array | None:
        """Median over microphones of the level in each third octave of `bands_hz` (B,), dB SPL, or
        dBFS where their sensitivity is not known; None until enough was heard.
        """
        if self.heard_s < LEAST_S:
            return None
        power = (self._tapered * self._one_sided) @ self._shares.T
        levels = np.median(10.0 * np.log10(power / _SINE_POWER + 1e-20), axis=0)
        known = self._sensitivity_dbfs
        return np.asarray(levels if known is None else levels + spl_db(0.0, known))

    def dba(self) -> float | None:
        """Level at the array [dB(A)], median over microphones; None where it is not known."""
        if self.heard_s < LEAST_S or self._sensitivity_dbfs is None:
            return None
        power = self._tapered @ (self._one_sided * self._weights)
        level = 10.0 * math.log10(float(np.median(power)) / _SINE_POWER + 1e-20)
        return spl_db(level, self._sensitivity_dbfs)


def _shares(bands_hz: Array, frequencies_hz: Array) -> Array:
    """Share (B, F) of each bin that lies in each band; it reaches half way to its neighbours."""
    half = frequencies_hz[1] / 2.0
    low = np.maximum(bands_hz[:, :1], frequencies_hz - half)
    high = np.minimum(bands_hz[:, 1:], frequencies_hz + half)
    return np.asarray(np.clip((high - low) / (2.0 * half), 0.0, 1.0))
