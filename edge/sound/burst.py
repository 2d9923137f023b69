"""Bursts: one sweep of a few periods with soft edges, and silence after it.

A burst is deconvolved over its own length and the silent period together, so that nothing wraps
around: what sounded before is not in it, and of the room's reverberation only what comes later than
that period is cut off. Pulse shape and scale are those of the continuous form, so that one learned
room fits both.
"""

from functools import lru_cache

import numpy as np

from edge.core.arrays import Array
from edge.core.errors import ConfigError
from edge.sound.excitation import Excitation, band_window

MAX_PERIODS = 5
EDGE_S = 0.005


@lru_cache(maxsize=32)
def make_burst(excitation: Excitation, periods: int) -> Excitation:
    """A sweep of `periods` (1..5) periods of the continuous excitation in its band and with its
    peak, padded with one period of silence: (periods + 1) * N samples. Raises ConfigError.

    The power spectrum is that of the continuous form; the envelope is flat but for cosine-squared
    edges of 5 ms. As in Schroeder (1970), the group delay follows the power below each line, here
    through the energy of that envelope.
    """
    if not 1 <= periods <= MAX_PERIODS:
        raise ConfigError(f"a burst of {periods} periods: 1 to {MAX_PERIODS} are possible")
    rate, n = excitation.sample_rate_hz, excitation.grid_samples
    sounding, total = periods * n, (periods + 1) * n
    envelope = _envelope(sounding, EDGE_S * rate)
    power = band_window(np.fft.rfftfreq(total, 1.0 / rate), excitation.band_hz)
    power /= np.sum(power)
    energy = np.cumsum(envelope**2) / np.sum(envelope**2)
    delay = np.interp(np.cumsum(power) - power / 2, energy, np.arange(1.0, sounding + 1.0))
    phase = -2.0 * np.pi * np.cumsum(delay) / total
    x = np.fft.irfft(np.sqrt(power) * np.exp(1j * phase), total)[:sounding] * envelope
    samples = np.zeros(total, np.float32)
    samples[:sounding] = x * (np.abs(excitation.samples).max() / np.abs(x).max())
    spectrum = np.fft.rfft(samples.astype(np.float64)).astype(np.complex64)
    return Excitation(rate, excitation.band_hz, samples, spectrum, periods)


def _envelope(samples: int, edge: float) -> Array:
    """1, with cosine-squared edges of `edge` samples, (samples,)."""
    at = np.arange(samples) + 0.5
    ends = np.clip(np.minimum(at, samples - at) / edge, 0.0, 1.0)
    return np.asarray(np.sin(np.pi / 2 * ends) ** 2)
