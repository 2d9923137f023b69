"""How loud the evening's loudspeaker is at 1 m, in truth."""

import numpy as np
import scipy.fft
import scipy.signal

from edge.core.arrays import FloatArray
from edge.sound.loudness import Loudness, a_weights, level_dbfs
from export.simulate.evening.ambience import dba
from export.simulate.evening.home import Evening


class Loudspeaker:
    """pascal: sound pressure at 1 m of full scale [Pa]."""

    def __init__(self, evening: Evening) -> None:
        signal = evening.sound.signal
        self._rate = signal.sample_rate_hz
        response = evening.sound.electronics.speaker_response[0]
        self._impulse = scipy.fft.irfft(response, signal.period_samples)
        steady = scipy.fft.irfft(signal.spectrum * response, signal.period_samples)
        level = dba(steady, a_weights(len(steady), self._rate))
        self.pascal = float(10.0 ** ((evening.loudspeaker_dba - level) / 20.0))
        # As a calibration without errors finds it.
        self.loudness = Loudness(
            evening.loudspeaker_dba - level_dbfs(signal.samples, self._rate), 0.5, "measured"
        )

    def dba(self, samples: FloatArray) -> float:
        """Level at 1 m [dB(A)] of what is played (L,), over all of its length."""
        emitted = self.pascal * scipy.signal.fftconvolve(samples, self._impulse)[: len(samples)]
        return dba(emitted, a_weights(len(emitted), self._rate))

    def scaled(self, samples: FloatArray, level_dba: float) -> FloatArray:
        """A program (L,) played at a level at 1 m [dB(A)]."""
        factor = 10.0 ** ((level_dba - self.dba(samples)) / 20.0)
        return np.asarray(samples * factor, np.float32)
