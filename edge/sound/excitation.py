"""The excitation: the periodic signal that the loudspeaker plays without a gap, flat in its band,
with Schroeder phases.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.core.arrays import FloatArray
from edge.core.errors import ConfigError

MAX_LEVEL_DBFS = -6.0
MAX_SAMPLE_RATE_HZ = 96_000
MIN_SAMPLE_RATE_HZ = 8_000
# Share of the bandwidth that each raised-cosine edge takes: with 0.15, a 2-7.5 kHz pulse has rung
# down to -97 dB 2 m behind it.
EDGE_FRACTION = 0.15
_MIN_BINS = 16


@dataclass(frozen=True, eq=False)
class Excitation:
    """One period of the signal.

    samples: (N,) float32, full scale 1, peak 10 ** (level_dbfs / 20). spectrum: (N // 2 + 1,)
    complex64, their real FFT. band_hz: (low, high); the edges, raised cosines in power, lie inside:
    nothing is emitted outside. burst: 0, or k where the samples are a burst of k periods of the
    playback's grid with the silent one after it (`make_burst`).
    """

    sample_rate_hz: int
    band_hz: tuple[float, float]
    samples: FloatArray
    spectrum: npt.NDArray[np.complex64]
    burst: int = 0

    @property
    def period_samples(self) -> int:
        """Number of samples: N of the continuous form, (k + 1) N of a burst."""
        return len(self.samples)

    @property
    def grid_samples(self) -> int:
        """Length N of one period of the playback's grid, which is the same for bursts."""
        return len(self.samples) // (self.burst + 1)

    @property
    def crest_factor(self) -> float:
        """Peak over root mean square."""
        x = self.samples.astype(np.float64)
        return float(np.abs(x).max() / np.sqrt(np.mean(x**2)))


def band_window(
    frequencies_hz: npt.ArrayLike, band_hz: tuple[float, float]
) -> npt.NDArray[np.float64]:
    """Amplitude 0..1 at frequencies [Hz]: 1 in the band, cosine-squared edges inside it."""
    lo, hi = band_hz
    edge = EDGE_FRACTION * (hi - lo)
    f = np.asarray(frequencies_hz, np.float64)
    rise = np.clip((f - lo) / edge, 0.0, 1.0)
    fall = np.clip((hi - f) / edge, 0.0, 1.0)
    return np.asarray(np.sin(np.pi / 2 * rise) ** 2 * np.sin(np.pi / 2 * fall) ** 2)


def make_excitation(
    sample_rate_hz: int, band_hz: tuple[float, float], period_s: float, level_dbfs: float
) -> Excitation:
    """One period of the flat-spectrum Schroeder-phase signal, N = round(period_s * sample_rate_hz)
    samples.

    level_dbfs: peak level, at most MAX_LEVEL_DBFS because people and pets hear it. Raises
    ConfigError.
    """
    _check(sample_rate_hz, band_hz, period_s, level_dbfs)
    n = round(period_s * sample_rate_hz)
    # Raised cosine in power: deconvolution restores the raised cosine in amplitude, and so neither
    # raises noise at the edges nor bends them.
    amplitude = np.sqrt(band_window(np.fft.rfftfreq(n, 1.0 / sample_rate_hz), band_hz))
    bins = int(np.count_nonzero(amplitude))
    if bins < _MIN_BINS:
        raise ConfigError(
            f"a band of {band_hz[0]:g}-{band_hz[1]:g} Hz and a period of {period_s:g} s hold only "
            f"{bins} spectral lines, {_MIN_BINS} are needed: widen the band or lengthen the period"
        )
    # Schroeder (1970): the group delay runs through the period in proportion to the power below
    # each line.
    power = amplitude**2 / np.sum(amplitude**2)
    phase = -2.0 * np.pi * np.cumsum(np.cumsum(power))
    x = np.fft.irfft(amplitude * np.exp(1j * phase), n)
    samples = (x * (10.0 ** (level_dbfs / 20.0) / np.abs(x).max())).astype(np.float32)
    spectrum = np.fft.rfft(samples.astype(np.float64)).astype(np.complex64)
    band = (float(band_hz[0]), float(band_hz[1]))
    return Excitation(int(sample_rate_hz), band, samples, spectrum)


def speaker_signals(excitation: Excitation, speakers: int) -> FloatArray:
    """The signal of each loudspeaker (S, N) float32, that of speaker s delayed circularly by
    s * N // S samples; of a burst (S, (k + 1) N), into its silence. Raises ConfigError.
    """
    if speakers < 1:
        raise ConfigError(f"{speakers} speakers: at least one is needed")
    n = excitation.grid_samples
    return np.stack([np.roll(excitation.samples, s * n // speakers) for s in range(speakers)])


def _check(
    sample_rate_hz: int, band_hz: tuple[float, float], period_s: float, level_dbfs: float
) -> None:
    if not MIN_SAMPLE_RATE_HZ <= sample_rate_hz <= MAX_SAMPLE_RATE_HZ:
        raise ConfigError(
            f"excitation.sample_rate_hz is {sample_rate_hz}: {MIN_SAMPLE_RATE_HZ} to "
            f"{MAX_SAMPLE_RATE_HZ} Hz is possible"
        )
    lo, hi = band_hz
    if not 0.0 < lo < hi <= sample_rate_hz / 2:
        raise ConfigError(
            f"excitation.band_hz is [{lo:g}, {hi:g}]: 0 < low < high <= {sample_rate_hz / 2:g} Hz, "
            "half the sample rate, is needed"
        )
    if not 0.005 <= period_s <= 2.0:
        raise ConfigError(
            f"excitation.period_s is {period_s:g}: 0.005 to 2 s is possible, 0.05 to 0.1 s is usual"
        )
    if not -90.0 <= level_dbfs <= MAX_LEVEL_DBFS:
        raise ConfigError(
            f"excitation.level_dbfs is {level_dbfs:g}: -90 to {MAX_LEVEL_DBFS:g} dBFS is allowed; "
            "turn the amplifier up instead"
        )
