"""How loud it is 1 m from the loudspeaker: A weighting, and from digital levels to dB(A).

Digital levels are dBFS as AES17 and data sheets of microphones have them: a full-scale sine, whose
RMS is 1 / sqrt(2), has 0 dBFS.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from edge.core.arrays import Array, FloatArray
from edge.sound.excitation import Excitation

# dB SPL at which data sheets state a microphone's sensitivity: 1 Pa.
SENSITIVITY_SPL_DB = 94.0
_SINE_DB = 20.0 * math.log10(math.sqrt(2.0))

LoudnessSource = Literal["measured", "phone", "nominal"]


def a_weighting_db(frequencies_hz: npt.ArrayLike) -> Array:
    """A weighting [dB] at frequencies [Hz], 0 at 1 kHz; -inf at 0 Hz. IEC 61672-1, annex E."""
    f2 = np.asarray(frequencies_hz, np.float64) ** 2
    with np.errstate(divide="ignore"):
        return np.asarray(10.0 * np.log10(_a_power(f2) / _a_power(np.float64(1e6))))


def _a_power(f2: npt.ArrayLike) -> Array:
    """Power weight before normalisation, of squared frequencies."""
    f2 = np.asarray(f2)
    poles = (f2 + 20.598997**2) ** 2 * (f2 + 107.65265**2) * (f2 + 737.86223**2)
    return np.asarray(f2**4 / (poles * (f2 + 12194.217**2) ** 2))


def a_weights(samples: int, sample_rate_hz: float) -> Array:
    """Power weight of each bin of a real FFT of so many samples, (samples // 2 + 1,)."""
    f = np.fft.rfftfreq(samples, 1.0 / sample_rate_hz)
    return np.asarray(10.0 ** (a_weighting_db(f) / 10.0))


def level_dbfs(samples: FloatArray, sample_rate_hz: float, *, weighted: bool = True) -> float:
    """A-weighted (or plain) level of a signal (N,) [dBFS], over the part up to its last sample that
    is not 0: the silence behind a burst does not count. -inf for silence.
    """
    sounding = int(np.max(np.flatnonzero(samples), initial=-1)) + 1
    if sounding == 0:
        return -math.inf
    n = len(samples)
    power = np.abs(np.fft.rfft(samples.astype(np.float64))) ** 2
    power[1 : (n + 1) // 2] *= 2.0
    energy = power @ a_weights(n, sample_rate_hz) if weighted else power.sum()
    return 10.0 * math.log10(energy / (n * sounding)) + _SINE_DB


@lru_cache(maxsize=32)
def _level(signal: Excitation, weighted: bool) -> float:
    """`level_dbfs` of a signal that is played again and again."""
    return level_dbfs(signal.samples, signal.sample_rate_hz, weighted=weighted)


def spl_db(level_dbfs: float, sensitivity_dbfs: float) -> float:
    """What a microphone hears [dB SPL] when its channel shows a level [dBFS]. sensitivity_dbfs: of
    the microphone at 94 dB SPL.
    """
    return level_dbfs - sensitivity_dbfs + SENSITIVITY_SPL_DB


@dataclass(frozen=True, slots=True)
class Loudness:
    """What the loudspeaker makes of a digital level.

    dba_at_full_scale: dB(A) at 1 m of a sound in the excitation's band whose A-weighted level is
    0 dBFS. sigma_db: its 1-sigma. source: "measured" by the array, a "phone"'s reading, or
    "nominal", a guess for a loudspeaker that was never calibrated.
    """

    dba_at_full_scale: float
    sigma_db: float
    source: LoudnessSource = "measured"

    def dba(self, signal: Excitation, gain: float = 1.0) -> float:
        """dB(A) at 1 m while an excitation or burst sounds at a gain of 0..1; -inf for none."""
        return self._at(_level(signal, True), gain)

    def spl(self, signal: Excitation, gain: float = 1.0) -> float:
        """The same without weighting, dB SPL, of a loudspeaker that is flat in the band."""
        return self._at(_level(signal, False), gain)

    def _at(self, level: float, gain: float) -> float:
        return self.dba_at_full_scale + level + 20.0 * math.log10(gain) if gain > 0 else -math.inf


# A guess: where a loudspeaker's knob stands, nobody knows. The excitation at the default -20 dBFS
# then has 67 dB(A), a loud conversation, which is what the installation asks for.
NOMINAL = Loudness(88.0, 8.0, "nominal")
