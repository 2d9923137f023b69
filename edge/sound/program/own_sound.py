"""Tells the sound of other programs from the sensor's own on the reference channel."""

import math
from functools import lru_cache

import numpy as np
import scipy.fft

from edge.core.arrays import FloatArray
from edge.core.contracts import AudioPeriod
from edge.sound.burst import make_burst
from edge.sound.deconvolution import TIKHONOV
from edge.sound.excitation import Excitation, band_window

# The loopback of our own sound is a pulse; what lies farther from it is another program's.
_PULSE_S = 0.003
_SILENT = 1e-16


class OwnSound:
    """One excitation, continuous or as bursts."""

    def __init__(self, excitation: Excitation) -> None:
        self._excitation = excitation
        self._signal = lru_cache(maxsize=8)(self._spectrum)

    def program_db(self, period: AudioPeriod) -> tuple[float, float]:
        """Level of other programs' sound in the band on the reference channel: dB full scale, and
        dB relative to the sensor's own sound, inf where that is silent.
        """
        if period.reference is None:
            return -math.inf, -math.inf
        x = period.reference
        spectrum = scipy.fft.rfft(x)
        window = self._window(len(x))
        level = _db(2.0 * float(np.sum(np.abs(spectrum * window) ** 2)) / len(x) ** 2)
        own = None if period.sounding == "silence" else self._signal(period.burst, len(x))
        if own is None:
            return level, math.inf
        response = np.abs(scipy.fft.irfft(spectrum * own, len(x))) ** 2
        pulse = int(_PULSE_S * self._excitation.sample_rate_hz)
        near = float(response[: pulse + 1].sum() + response[-pulse:].sum())
        outside = max(float(response.sum()) - near, 0.0)
        beside = _db(outside / (near + _SILENT))
        return level + min(0.0, beside), beside

    def _window(self, samples: int) -> FloatArray:
        hz = np.fft.rfftfreq(samples, 1.0 / self._excitation.sample_rate_hz)
        return np.asarray(band_window(hz, self._excitation.band_hz), np.float32)

    def _spectrum(self, burst: int, samples: int) -> FloatArray | None:
        """Inverse of the sound that was played, in the band; None for another length."""
        signal = self._excitation if burst == 0 else make_burst(self._excitation, burst)
        if len(signal.samples) != samples:
            return None
        power = np.abs(signal.spectrum) ** 2
        inverse = np.conj(signal.spectrum) / (power + TIKHONOV * power.max())
        return np.asarray(inverse * self._window(samples), np.complex64)


def _db(power: float) -> float:
    return 10.0 * math.log10(power + _SILENT)
