"""Responses from sound that is there anyway, as music, as the loopback channel hears it.

The recording is the reference convolved with the room's response, plus noise. What the known empty
room explains of it is subtracted first, exactly, whatever the spectrum of the reference. The rest
is solved for as a response of the window's length: the maximum a posteriori estimate (regularised
least squares) with the noise that it leaves itself, band by band, and a body's usual level as
prior. Where the reference has no sound at a frequency nothing is found there, and the posterior
variance says so. The normal equations are Toeplitz: Levinson's recursion finds one column of their
inverse in T^2 steps, and the formula of Gohberg and Semencul (1972) gives the rest of it.

Reverberation beyond the window is not part of the known room. It is learned from the program sound
itself, one step of normalised least squares a call, and subtracted likewise; until it is known,
within a few seconds of music, it counts as noise.
"""

from dataclasses import dataclass

import numpy as np
import scipy.fft
import scipy.linalg

from edge.core.arrays import Array, Complex128Array, ComplexArray, FloatArray
from edge.core.errors import ConfigError
from edge.core.rig import Rig
from edge.sound.deconvolution import Correction, Deconvolver
from edge.sound.excitation import Excitation, band_window
from edge.sound.expected_echo import direct_at_1_m
from edge.sound.program.pulses import before_zero, tap_pulses
from edge.sound.program.toeplitz import inverse_diagonal, inverse_times

# What a body leaves in the response, root mean square over the window, relative to the direct sound
# at 1 m: -30 dB in simulated rooms.
PRIOR_DB = -28.0
# There the error is up to so many times what the noise alone explains: reverberation of the body
# beyond the window, and a noise that follows the music.
BODY_MODEL = 1.25
_EDGE = 1e-3  # of the window's power: beyond the band nothing is known
_OVERSAMPLED = 1.1
_SMOOTH_HZ = 200.0  # width over which the noise's spectrum is averaged
_RAMP_S = 0.02
_GUARD_S = 0.005  # at the end, which the band's filter joins with the beginning
_TINY = 1e-20
_PASSES = 2
_OUTSIDE_STEP = 0.5
_OUTSIDE_SMOOTH = 11  # bins
_LEAD_S = 0.0015  # a pulse begins before its time of arrival


@dataclass(frozen=True, eq=False)
class ProgramResponse:
    """What one stretch of program sound tells.

    responses: (P, T) complex64 as `Deconvolver` gives them, with the room in them. noise: (P, T)
    float32, 1-sigma of what the recording's noise leaves in them; sigma: likewise, with what a body
    adds to it. middle_s: middle of the sound's energy, from the stretch's first sample [s]. share:
    of what the prior leaves open of a body, 0 nothing is known, 1 all.
    """

    responses: ComplexArray
    noise: FloatArray
    sigma: FloatArray
    middle_s: float
    share: float


class ProgramSolver:
    """One rig with one loudspeaker, whose sound the reference channel carries.

    samples: length n of a stretch of the recording, the first `history` of which only say what
    sounds on in the room. It keeps what it has learned of the response beyond the window.
    """

    def __init__(
        self,
        excitation: Excitation,
        rig: Rig,
        deconvolve: Deconvolver,
        correction: Correction | None = None,
        *,
        seconds: float = 1.0,
        history_s: float = 0.3,
    ) -> None:
        """seconds: solved over. history_s: as long as the room sounds on. Raises ConfigError for
        several loudspeakers.
        """
        if len(rig.speakers) != 1:
            raise ConfigError(
                f"the rig has {len(rig.speakers)} loudspeakers, but the reference channel carries "
                "the sound of one: set sound.use_program_sound = false"
            )
        correction = correction or Correction()
        self._rig, self._rate_hz = rig, deconvolve.sample_rate_hz
        rate = excitation.sample_rate_hz
        decimation = round(rate / self._rate_hz)
        needed = round((history_s + seconds + _GUARD_S) * rate)
        coarse = scipy.fft.next_fast_len(-(-needed // decimation), real=True)
        self.samples = coarse * decimation
        self.history = self.samples - round((seconds + _GUARD_S) * rate)
        self._coarse, self._window_samples = coarse, deconvolve.window_samples
        self._mic = np.ascontiguousarray(rig.pairs[:, 1])
        self._gains = np.array(correction.gains or [1.0] * len(rig.mics), np.float32)[:, None]

        frequencies = np.fft.rfftfreq(self.samples, 1.0 / rate)
        window = band_window(frequencies, deconvolve.band_hz)
        bins = np.flatnonzero(window)
        self._bins = slice(int(bins[0]), int(bins[-1]) + 1)
        window, self._count = window[self._bins], len(bins)
        late = np.exp(-2j * np.pi * correction.delay_s * frequencies[self._bins])
        self._late = late.astype(np.complex64)
        # The band is moved to 0 Hz and solved at the lowest rate that holds it.
        self._short = scipy.fft.next_fast_len(round(_OVERSAMPLED * self._count))
        self._short_rate_hz = self._short * rate / self.samples
        self._window = window.astype(np.float32)
        self._weight = np.full(self._short, _EDGE)
        self._weight[: self._count] += window**2
        self._unit = np.float32(coarse / np.sum(window))  # a unit path's envelope peaks at 1
        # The prior's spectrum is the band's, its power per tap the mean of it.
        self._prior_shape = self._short / float(np.sum(window**2))
        self._per_tap = coarse / self._short  # level of a tap over that of a sample
        self._smooth = max(3, round(_SMOOTH_HZ * self.samples / rate))
        self._taper = self._tapered(self.history / rate, self.samples / rate - _GUARD_S)
        self._solved = float(np.sum(self._taper**2))

        taps = int(np.ceil(self._window_samples / self._rate_hz * self._short_rate_hz))
        self._taps, self._lead = taps, round(_LEAD_S * self._short_rate_hz)
        self._tail = min(self._short // 2, int(history_s * self._short_rate_hz))
        self._outside = np.zeros((len(rig.pairs), self._short), np.complex64)
        smear = np.hanning(_OUTSIDE_SMOOTH + 2)[1:-1]
        self._smear = smear / smear.sum()
        self._before_zero = before_zero(coarse, bins, window * float(self._unit) / coarse)
        at = np.arange(self._window_samples)
        pulses = tap_pulses(at / coarse, np.arange(taps) / self._short, bins)
        self._to_window = (pulses / coarse).astype(np.complex64)
        self._nearest = np.minimum(np.rint(at / self._per_tap).astype(np.int64), taps - 1)

    def __call__(
        self, samples: FloatArray, reference: FloatArray, room: ComplexArray
    ) -> ProgramResponse | None:
        """What the stretch tells of the responses, None where the reference is silent.

        samples: (M, n) of the recording. reference: (n,) loopback. room: (P, T) analytic, the empty
        room as it must sound now. Raises ConfigError on a wrong shape.
        """
        x, unit = self._emitted(reference), self._unit
        needed = (len(self._gains), self.samples)
        if samples.shape != needed:
            raise ConfigError(f"the recording has shape {samples.shape}, but {needed} is needed")
        y = scipy.fft.rfft(samples)[:, self._bins] / self._gains
        known = self._spectrum(room) + scipy.fft.fft(self._outside)[:, : self._count]
        rest = np.asarray((y * self._window)[self._mic] - x * known / unit, np.complex64)
        sound = self._stretch(x[None])[0]
        power = np.abs(sound).astype(np.float64) ** 2
        if power.max() <= _TINY:
            return None
        prior = self._prior(room)
        taps = np.zeros((len(rest), self._taps), np.complex128)
        left, fitted = self._stretch(rest), 0.0
        for _ in range(_PASSES):
            noise, of_pair = self._noise(left, power, fitted)
            taps, variance = self._solve(sound, power, left, taps, noise, prior)
            found = scipy.fft.fft(taps.astype(np.complex64), self._short)[:, : self._count]
            left = self._stretch(np.asarray(rest - x * found / unit, np.complex64))
            fitted = self._taps / self._solved
        self._learn_outside(sound, power, left)
        of_tap = np.sqrt(np.maximum(variance, 0.0) * of_pair[:, None]) / self._per_tap
        of_noise = of_tap[:, self._nearest].astype(np.float32)
        return ProgramResponse(
            room + taps.astype(np.complex64) @ self._to_window,
            of_noise,
            np.asarray(BODY_MODEL * of_noise, np.float32),
            self._middle_s(x),
            1.0 - float(np.mean(variance)) / prior,
        )

    def expected_share(self, reference: FloatArray, room: ComplexArray, noise: float) -> float:
        """`ProgramResponse.share` that this reference (n,) would give, about, without solving.

        noise: of the microphones, in the band: the variance that white noise of its density has.
        """
        power = np.abs(self._stretch(self._emitted(reference)[None])[0]).astype(np.float64) ** 2
        width = max(1, self._short // self._taps)
        mean = np.convolve(power, np.full(width, 1.0 / width), "same")[: self._count]
        per_bin = noise * self.samples / self._short
        known = mean * self._prior(room) * self._prior_shape / (float(self._unit) ** 2 * per_bin)
        weight = self._window.astype(np.float64) ** 2
        return float(np.sum(weight * known / (1.0 + known)) / np.sum(weight))

    def _prior(self, room: ComplexArray) -> float:
        """Variance of a tap."""
        direct = float(np.mean(direct_at_1_m(room, self._rate_hz, self._rig) ** 2))
        return float(10.0 ** (PRIOR_DB / 10.0) * direct * self._per_tap**2 + _TINY)

    def _emitted(self, reference: FloatArray) -> ComplexArray:
        """Spectrum (K,) in the band of what the loudspeaker was given when."""
        if reference.shape != (self.samples,):
            raise ConfigError(
                f"the reference has shape {reference.shape}, but {(self.samples,)} is needed"
            )
        return np.asarray(scipy.fft.rfft(reference)[self._bins] * self._late)

    def _spectrum(self, room: ComplexArray) -> ComplexArray:
        """The room's response (P, T) -> its spectrum (P, K) in the band."""
        early, before = self._before_zero.shape
        whole = np.zeros((len(room), self._coarse), np.complex64)
        whole[:, : self._window_samples] = room
        whole[:, -before:] = room[:, :early] @ self._before_zero
        return np.asarray(scipy.fft.fft(whole)[:, self._bins])

    def _tapered(self, start_s: float, end_s: float) -> FloatArray:
        t = np.arange(self._short) / self._short_rate_hz
        inside = np.clip(np.minimum(t - start_s, end_s - t) / _RAMP_S, 0.0, 1.0)
        return (np.sin(np.pi / 2 * inside) ** 2).astype(np.float32)

    def _stretch(self, spectrum: ComplexArray) -> ComplexArray:
        """Spectra (R, K) in the band -> (R, F) of what is solved over alone, at the low rate."""
        return np.asarray(scipy.fft.fft(scipy.fft.ifft(spectrum, self._short) * self._taper))

    def _noise(self, left: ComplexArray, power: Array, fitted: float) -> tuple[Array, Array]:
        """Power (K,) of what is left (P, F), before the band's window, and each pair's share of it
        (P,), relative to the mean.

        power: (F,) of the sound. What the model lacks goes with it, from line to line; the rest is
        smooth. fitted: share of the noise that the solution has taken for the response.
        """
        k = self._count
        each = np.abs(left[:, :k]).astype(np.float64) ** 2
        whole = each.mean(axis=0) / self._weight[:k]
        level, sound = self._smoothed(whole), self._smoothed(power[:k])
        line = power[:k] - sound
        follows = float(np.sum((whole - level) * line)) / (float(np.sum(line**2)) + _TINY)
        lines = np.clip(follows, 0.0, np.min(level / (sound + _TINY))) * line
        of_pair = each.sum(axis=1) / (each.sum() / len(each) + _TINY)
        scale = self._solved * max(1.0 - fitted, 0.3)
        return np.maximum(level + lines, 0.1 * level) / scale + _TINY, of_pair

    def _smoothed(self, power: Array) -> Array:
        total = np.concatenate([[0.0], np.cumsum(power)])
        k, half = np.arange(len(power)), self._smooth // 2
        low, high = np.maximum(k - half, 0), np.minimum(k + half + 1, len(power))
        return np.asarray((total[high] - total[low]) / (high - low))

    def _solve(
        self,
        sound: ComplexArray,
        power: Array,
        left: ComplexArray,
        taps: Complex128Array,
        noise: Array,
        prior: float,
    ) -> tuple[Complex128Array, Array]:
        """Better taps (P, L) at the low rate than these, which leave `left`, and the posterior
        variance (L,) of each.
        """
        inverse = np.zeros(self._short)
        inverse[: self._count] = 1.0 / (noise * float(self._unit) * self._weight[: self._count])
        likely = 1.0 / (prior * self._prior_shape * self._weight)
        column = scipy.fft.ifft(power * inverse / float(self._unit) + likely)[: self._taps]
        single = likely.astype(np.float32) * scipy.fft.fft(taps.astype(np.complex64), self._short)
        gradient = left * (np.conj(sound) * inverse).astype(np.complex64) - single
        first = np.zeros(self._taps)
        first[0] = 1.0
        solved = scipy.linalg.solve_toeplitz((column, column.conj()), first)
        step = inverse_times(solved, scipy.fft.ifft(gradient)[:, : self._taps])
        return taps + step, inverse_diagonal(solved)

    def _learn_outside(self, sound: ComplexArray, power: Array, left: ComplexArray) -> None:
        """Learn from what is left (P, F) what the response is beyond the window and before it."""
        smooth = np.convolve(power, self._smear, "same")
        smooth += 1e-3 * smooth.mean()
        step = scipy.fft.ifft(np.conj(sound) * left * (_OUTSIDE_STEP * self._unit / smooth))
        for part in (slice(self._taps, self._tail), slice(self._short - self._lead, None)):
            self._outside[:, part] += step[:, part]

    def _middle_s(self, x: ComplexArray) -> float:
        """Middle of the energy of the sound whose spectrum in the band is x (K,) [s]."""
        energy = np.abs(scipy.fft.ifft(x, self._short) * self._taper).astype(np.float64) ** 2
        t = np.arange(self._short) / self._short_rate_hz
        return float(np.sum(t * energy) / np.sum(energy))
