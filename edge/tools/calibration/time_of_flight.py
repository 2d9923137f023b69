"""Times of flight of the direct sound to a small fraction of a sample.

All microphones receive the sound of one loudspeaker, so its spectrum is common to them: their
arrivals are found by correlation with one template, the mean of the aligned direct sounds of all
places. The delay of the template itself is part of the constant that array_geometry.py estimates.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.core.arrays import Array, Complex128Array
from edge.tools.calibration.sample_clock import band_bins
from edge.tools.calibration.takes import SoundTake

_UPSAMPLING = 8
# An earlier arrival is the direct sound when it has this share of the strongest one's amplitude and
# comes at most so long before it.
_FIRST_SHARE = 0.35
_LOOK_BACK_S = 0.012
# Half length of the window around the direct sound, in inverse bandwidths.
_GATE = 2.0
_ROUNDS = 4
# A twelfth of an octave to both sides: averages the room's modes, keeps the loudspeaker's
# resonances.
_NEAR = 2.0 ** (1.0 / 12.0)
_SLACK_M = 0.03


@dataclass(frozen=True, eq=False)
class DirectSound:
    """The responses to one loudspeaker in a window around the direct sound.

    spectra: (M, B) relative to each microphone's coarse arrival. coarse_s: (M,) that arrival.
    frequencies_hz: (B,).
    """

    spectra: Complex128Array
    coarse_s: Array
    frequencies_hz: Array


def direct_sound(
    take: SoundTake, spectra: Complex128Array, reference: Complex128Array | None, speaker: int
) -> DirectSound:
    """Cut the direct sound of one loudspeaker out of the responses.

    spectra: (M, B) of the microphones. reference: (B,) of the loopback; None: the excitation itself
    (then the time of emission is unknown).
    """
    n, rate, bins = take.excitation.period_samples, take.excitation.sample_rate_hz, band_bins(take)
    x = (
        np.asarray(take.excitation.spectrum[bins], np.complex128)
        if reference is None
        else reference
    )
    h = spectra * np.conj(x) / (np.abs(x) ** 2 + 1e-4 * np.max(np.abs(x) ** 2))
    pulse = _pulses(h, bins, n)
    step_s = 1.0 / (rate * _UPSAMPLING)
    pulse = np.roll(pulse, -(speaker * n // len(take.rig.speakers)) * _UPSAMPLING, axis=1)[
        :, : _UPSAMPLING * n // len(take.rig.speakers)
    ]
    bandwidth_hz = len(bins) * rate / n
    aperture_s = (np.ptp(take.rig.mics, axis=0).max() + _SLACK_M) / take.rig.speed_of_sound_m_s
    first = _first_arrival(np.abs(pulse), step_s, aperture_s)
    reach, gate = max(1, round(aperture_s / step_s)), round(_GATE / bandwidth_hz / step_s)
    window = np.cos(0.5 * np.pi * np.arange(-gate, gate + 1) / (gate + 1)) ** 2
    cuts, coarse = np.zeros((len(h), len(window)), np.complex128), np.zeros(len(h))
    for m, row in enumerate(pulse):
        around = np.take(np.abs(row), np.arange(first - reach, first + reach + 1), mode="wrap")
        peak = first - reach + int(np.argmax(around))
        cut = np.take(row, np.arange(peak - gate, peak + gate + 1), mode="wrap") * window
        coarse[m] = peak * step_s
        cuts[m] = cut
    times = np.arange(-gate, gate + 1) * step_s
    out = cuts @ np.exp(-2j * np.pi * times[:, None] * (bins * rate / n))
    return DirectSound(out, coarse, np.asarray(bins * rate / n, np.float64))


def own_delay(take: SoundTake, power: Array, direct: Complex128Array) -> float:
    """Delay [s] by the loudspeaker's own resonances: that of the minimum-phase system with the same
    magnitude response.

    power: (B,) of the responses in the band, mean over microphones and places. direct: (B,) the
    template of the direct sound. A driver is minimum-phase, so that its phase follows from its
    magnitude (Bode 1945). A delay of the electronics does not change the magnitude, nor does the
    all-pass of a crossover, which counts as electronics. Outside the band the response is taken to
    be flat.
    """
    n, rate, bins = take.excitation.period_samples, take.excitation.sample_rate_hz, band_bins(take)
    total = np.concatenate([[0.0], np.cumsum(power)])
    low, high = np.searchsorted(bins, bins / _NEAR), np.searchsorted(bins, bins * _NEAR, "right")
    level = 0.5 * np.log((total[high] - total[low]) / (high - low))
    cepstrum = np.fft.irfft(np.interp(np.arange(n // 2 + 1), bins, level - level.mean()), n)
    cepstrum[1 : (n + 1) // 2] *= 2.0
    cepstrum[n // 2 + 1 :] = 0.0
    # By correlation: a resonance gives the pulse several peaks, and the highest may not be the
    # first.
    match = np.abs(
        _pulses((np.exp(np.fft.rfft(cepstrum))[bins] * np.conj(direct))[None], bins, n)[0]
    )
    late = (int(np.argmax(match)) + len(match) // 2) % len(match) - len(match) // 2
    return late / (rate * _UPSAMPLING)


def _pulses(spectra: Complex128Array, bins: npt.NDArray[np.int64], n: int) -> Complex128Array:
    """Analytic signals (M, _UPSAMPLING * n) of spectra (M, B)."""
    position = (np.arange(len(bins)) + 0.5) / len(bins)
    fine = np.zeros((len(spectra), _UPSAMPLING * n), np.complex128)
    # Hann window: side lobes of a strong echo would hide the direct sound.
    fine[:, bins] = spectra * np.sin(np.pi * position) ** 2
    return np.asarray(np.fft.ifft(fine, axis=1))


def _first_arrival(envelopes: Array, step_s: float, aperture_s: float) -> int:
    """Index of the direct sound in the mean power of envelopes (M, T), smoothed."""
    blur = max(1, round(aperture_s / step_s))
    kernel = np.ones(blur) / blur
    mean = np.mean(envelopes**2, axis=0)
    smooth = np.convolve(np.concatenate([mean[-blur:], mean, mean[:blur]]), kernel, mode="same")[
        blur:-blur
    ]
    strongest = int(np.argmax(smooth))
    back = round(_LOOK_BACK_S / step_s)
    before = np.take(smooth, np.arange(strongest - back, strongest + 2), mode="wrap")
    rising = (
        (before[1:-1] >= before[:-2])
        & (before[1:-1] >= before[2:])
        & (before[1:-1] > _FIRST_SHARE**2 * smooth[strongest])
    )
    index = int(np.flatnonzero(rising)[0]) + 1 if rising.any() else back
    return int((strongest - back + index) % len(smooth))


def align(directs: list[DirectSound]) -> tuple[Array, Complex128Array]:
    """Arrivals (K, M) [s] of all places against one template, and that template (B,)."""
    f = directs[0].frequencies_hz
    rows = np.concatenate([d.spectra for d in directs])
    rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-30)
    delay = np.zeros(len(rows))
    grid = np.arange(-60e-6, 60.1e-6, 1e-6)
    steer = np.exp(2j * np.pi * f[:, None] * grid)
    template = rows[0]
    for _ in range(_ROUNDS):
        shifted = rows * np.exp(2j * np.pi * f * delay[:, None])
        delay += np.array(
            [_best(score, grid) for score in np.real((np.conj(template) * shifted) @ steer)]
        )
        template = np.mean(rows * np.exp(2j * np.pi * f * delay[:, None]), axis=0)
    return np.stack([d.coarse_s for d in directs]) + delay.reshape(len(directs), -1), template


def _best(score: Array, grid: Array) -> float:
    i = int(np.clip(np.argmax(score), 1, len(score) - 2))
    a, b, c = score[i - 1 : i + 2]
    bend = a - 2.0 * b + c
    return float(grid[i] + (0.5 * (a - c) / bend if bend < 0.0 else 0.0) * (grid[1] - grid[0]))
