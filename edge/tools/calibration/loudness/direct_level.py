"""The level of the direct sound at each microphone, over that of the digital signal."""

from dataclasses import dataclass

import numpy as np
import scipy.fft

from edge.core.arrays import Array, Complex128Array, IntArray
from edge.sound.excitation import band_window
from edge.sound.loudness import a_weights
from edge.tools.calibration.sample_clock import band_bins, mean_spectra, measure_clock
from edge.tools.calibration.takes import SoundTake
from edge.tools.calibration.time_of_flight import direct_sound

CLIPPED = 0.985  # of full scale
# Around the direct sound; a longer end takes in what the nearest surfaces reflect.
_BEFORE_S, _AFTER_S, _LONG_S, _FADE_S = 0.0006, 0.0008, 0.0020, 0.0003


@dataclass(frozen=True, eq=False)
class DirectLevel:
    """gain_db: (M,) A-weighted level of the direct sound at each microphone [dBFS] less that of the
    digital signal [dBFS]. distance_m: (M,) from the loudspeaker, by the rig.

    reverberation: (M,) A-weighted power of all that comes later over that of the direct sound.
    near_db: what the nearest surfaces add to the direct sound at most, median. snr_db: of the
    direct sound over the noise that is left of it, of the worst microphone. noise_dbfs: A-weighted
    level of the noise in the band, median over microphones. spread_db: of the level over the
    periods, 1-sigma. clipped: whether any microphone reached full scale.
    """

    gain_db: Array
    distance_m: Array
    reverberation: Array
    near_db: float
    snr_db: float
    noise_dbfs: float
    spread_db: float
    clipped: bool

    @property
    def at_1_m_db(self) -> float:
        """Median over the microphones of what the gain would be at 1 m [dB]."""
        return float(np.median(self.gain_db + 20.0 * np.log10(self.distance_m)))


def measure_direct(take: SoundTake, speaker: int = 0) -> DirectLevel:
    """Of one loudspeaker, from a take in which the continuous excitation sounds."""
    x, mics = take.excitation, list(take.map.mics)
    n, rate, bins = x.period_samples, x.sample_rate_hz, band_bins(take)
    spectra, noise = mean_spectra(take, measure_clock(take))
    spectra, noise = spectra[mics], noise[mics]
    # A matched filter keeps the weight of each bin; nothing is divided by little.
    strength = np.abs(x.spectrum[bins]).astype(np.float64)
    matched = spectra * np.conj(x.spectrum[bins]) / strength
    weights = a_weights(n, rate)[bins]
    pulses = _pulses(matched * np.sqrt(weights), bins, n)
    power = np.abs(pulses) ** 2
    # Noise is spread evenly over the period; its part in a mean of K periods is 1 / K.
    left = np.sum(weights * noise**2, axis=1) / len(take.raw) / n**2 * 4.0
    at = np.round(direct_sound(take, spectra, None, speaker).coarse_s * rate).astype(int)
    at += speaker * n // len(take.rig.speakers)
    near, direct_noise = _gated(power, left, at, rate, _AFTER_S)
    wide, _ = _gated(power, left, at, rate, _LONG_S)
    direct = np.maximum(near - direct_noise, 1e-30)
    total = np.maximum(power.sum(axis=1) - left * n, direct)
    digital = 4.0 / n * np.sum(weights * strength**2)
    period_level = _levels(take)
    return DirectLevel(
        gain_db=np.asarray(10.0 * np.log10(direct / digital)),
        distance_m=np.linalg.norm(take.rig.mics - take.rig.speakers[speaker], axis=1),
        reverberation=np.asarray(total / direct - 1.0),
        near_db=float(np.median(10.0 * np.log10(np.maximum(wide / near, 1.0)))),
        snr_db=float(np.min(10.0 * np.log10(direct / (direct_noise + 1e-30)))),
        noise_dbfs=float(
            np.median(10.0 * np.log10(np.sum(weights * noise**2, axis=1) * 4.0 / n**2 + 1e-20))
        ),
        spread_db=float(period_level.std()),
        clipped=bool(np.abs(take.raw[:, mics]).max() >= CLIPPED),
    )


def _pulses(spectra: Complex128Array, bins: IntArray, n: int) -> Complex128Array:
    """Analytic signals (M, n) of spectra (M, B)."""
    one_sided = np.zeros((len(spectra), n), np.complex128)
    one_sided[:, bins] = 2.0 * spectra
    return np.asarray(scipy.fft.ifft(one_sided, axis=1))


def _gated(
    power: Array, noise: Array, at: IntArray, rate: float, after_s: float
) -> tuple[Array, Array]:
    """Energy (M,) around the direct sound, and the noise (M,) in it."""
    fade = round(_FADE_S * rate)
    rise = np.sin(0.5 * np.pi * (np.arange(fade) + 0.5) / fade) ** 2
    before, after = round(_BEFORE_S * rate), round(after_s * rate)
    window = np.concatenate([rise, np.ones(before + after), rise[::-1]])
    span = np.arange(len(window)) - fade - before
    energy = np.array(
        [np.take(p, a + span, mode="wrap") @ window for p, a in zip(power, at, strict=True)]
    )
    return energy, noise * window.sum()


def _levels(take: SoundTake) -> Array:
    """Level of each period in the band (K,), mean over microphones [dB]."""
    x = take.excitation
    band = band_window(np.fft.rfftfreq(x.period_samples, 1.0 / x.sample_rate_hz), x.band_hz)
    spectra = scipy.fft.rfft(take.raw[:, list(take.map.mics)], axis=-1)
    power = np.sum(np.abs(spectra) ** 2 * band, axis=-1)
    return np.asarray(np.mean(10.0 * np.log10(power + 1e-30), axis=1))
