"""What is heard in a living room besides the sensor's own sound, in pascals.

Levels are dB(A) at the array. Each microphone hears noise of its own in the band of the sensor,
where its wavelengths are as short as the array; loudness in time is the same for all.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from edge.core.arrays import Array, FloatArray, Rng
from edge.sound.loudness import a_weights

PASCAL_AT_0_DB = 2e-5
SECONDS = 32.768  # of noise, which is then repeated: far longer than anything is averaged
# Octave levels [dB] of noise criterion 30 (Beranek 1957) from 63 Hz to 8 kHz: only its shape.
_OCTAVES_HZ = 62.5 * 2.0 ** np.arange(8)
_ROOM_DB = np.array([57.0, 48.0, 41.0, 35.0, 31.0, 29.0, 28.0, 27.0])
# Long-term average speech (Byrne et al. 1994), octave levels [dB].
_SPEECH_DB = np.array([38.6, 54.4, 60.0, 62.1, 56.8, 53.7, 48.7, 43.7])
_MICROPHONE_DBA = 31.0  # own noise of a MEMS microphone with 63 dB(A) signal to noise
_FRIDGE_HZ = (50.0, 100.0, 150.0, 200.0, 300.0, 400.0, 600.0)
SYLLABLES_HZ, PAUSES = 4.0, 0.3  # of speech: its rhythm, and the share of silence

Sounds = Literal["quiet", "television", "conversation"]


@dataclass(frozen=True)
class Ambience:
    """ambient_dba: of the quiet room, beside a fridge that hums at fridge_dba. speech_dba: of
    somebody who talks, in the room or on a television; None: nobody does.
    """

    name: Sounds
    ambient_dba: float = 35.0
    fridge_dba: float = 28.0
    speech_dba: float | None = None

    @classmethod
    def of_evening(cls, index: int) -> "Ambience":
        """In turn: quiet, a television (another loudspeaker's), quiet, conversation."""
        if index % 4 == 1:
            return cls("television", speech_dba=48.0)
        if index % 4 == 3:
            return cls("conversation", speech_dba=52.0)
        return cls("quiet")

    def noise(self, mics: int, sample_rate_hz: int, rng: Rng) -> FloatArray:
        """Sound pressure (M, L) [Pa] at the microphones, to be repeated without a seam."""
        length = round(SECONDS * sample_rate_hz)
        f = np.asarray(np.fft.rfftfreq(length, 1.0 / sample_rate_hz), np.float64)
        weights = a_weights(length, sample_rate_hz)
        hum = _hum(length, sample_rate_hz, rng)
        parts = [(_density(f, _ROOM_DB), self.ambient_dba), (np.ones_like(f), _MICROPHONE_DBA)]
        out = np.empty((mics, length), np.float32)
        gate = _talk(length, sample_rate_hz, rng) if self.speech_dba is not None else None
        for m in range(mics):
            x = _at_dba(hum, self.fridge_dba, weights)
            for shape, level in parts:
                x += _at_dba(_random(shape, length, rng), level, weights)
            if gate is not None and self.speech_dba is not None:
                talk = gate * _random(_density(f, _SPEECH_DB), length, rng)
                x += _at_dba(talk, self.speech_dba, weights)
            out[m] = x
        return out


def white_rms(noise: FloatArray, sample_rate_hz: int, band_hz: tuple[float, float]) -> float:
    """Root mean square of white noise that is as strong in a band as noise (M, L)."""
    power = np.mean(np.abs(np.fft.rfft(noise)) ** 2, axis=0)
    f = np.fft.rfftfreq(noise.shape[1], 1.0 / sample_rate_hz)
    density = float(np.mean(power[(f >= band_hz[0]) & (f <= band_hz[1])]))
    return float(np.sqrt(density / noise.shape[1]))


def dba(pressure: Array | FloatArray, weights: Array) -> float:
    """Level [dB(A)] of sound pressure (N,) [Pa]. weights: of its real FFT (`a_weights`)."""
    n = len(pressure)
    power = np.abs(np.fft.rfft(pressure)) ** 2 * weights
    energy = 2.0 * power.sum() - power[0] - (power[-1] if n % 2 == 0 else 0.0)
    return float(10.0 * np.log10(energy / n**2 / PASCAL_AT_0_DB**2 + 1e-30))


def _at_dba(x: Array, level: float, weights: Array) -> Array:
    """Scaled to a level."""
    return np.asarray(x * 10.0 ** ((level - dba(x, weights)) / 20.0))


def _density(f: Array, octaves_db: Array) -> Array:
    """Amplitude per root hertz at frequencies, from octave levels."""
    per_hz = octaves_db - 10.0 * np.log10(_OCTAVES_HZ)
    level = np.interp(np.log2(np.maximum(f, 20.0)), np.log2(_OCTAVES_HZ), per_hz)
    return np.asarray(10.0 ** (level / 20.0))


def _random(shape: Array, length: int, rng: Rng) -> Array:
    """Gaussian noise (length,) of a spectral shape."""
    spectrum = shape * (rng.normal(size=len(shape)) + 1j * rng.normal(size=len(shape)))
    return np.asarray(np.fft.irfft(spectrum, length))


def _hum(length: int, rate: int, rng: Rng) -> Array:
    """Harmonics of the mains, whole numbers of cycles so that they repeat."""
    t = np.arange(length) / length
    cycles = np.round(np.array(_FRIDGE_HZ) * length / rate)
    strength = rng.uniform(0.2, 1.0, len(cycles)) / np.sqrt(np.arange(1, len(cycles) + 1))
    phase = rng.uniform(0.0, 2.0 * np.pi, len(cycles))
    return np.asarray(strength @ np.cos(2.0 * np.pi * np.outer(cycles, t) + phase[:, None]))


def _talk(length: int, rate: int, rng: Rng) -> Array:
    """Loudness of speech over time (length,): syllables, and pauses of a second or so."""
    slow = np.asarray(np.fft.rfftfreq(length, 1.0 / rate), np.float64)
    syllables = _random(np.exp(-0.5 * ((slow - SYLLABLES_HZ) / 1.5) ** 2), length, rng)
    phrases = _random(np.asarray((slow > 0.0) & (slow < 0.5), np.float64), length, rng)
    silent = phrases < np.quantile(phrases, PAUSES)
    envelope = np.exp(1.2 * syllables / syllables.std())
    fade = np.exp(-np.arange(length) / (0.05 * rate))
    gate = np.fft.irfft(np.fft.rfft(~silent * 1.0) * np.fft.rfft(fade / fade.sum()), length)
    return np.asarray(envelope * np.clip(gate, 0.0, 1.0))
