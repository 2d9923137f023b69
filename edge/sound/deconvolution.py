"""Recording -> analytic impulse responses: exact circular deconvolution by the excitation, or by a
loopback recording of it. Of a burst it is linear, because its end is silent.
"""

from dataclasses import dataclass

import numpy as np
import scipy.fft

from edge.core.arrays import Array, Complex128Array, ComplexArray, FloatArray, IntArray
from edge.core.errors import ConfigError
from edge.core.jit import kernel
from edge.core.rig import Rig
from edge.sound.excitation import Excitation, band_window

TIKHONOV = 1e-4
# Responses are decimated as far as their band allows: its upper end over their sample rate is at
# most HIGHEST (interpolation.py), and their envelope is read linearly between samples, which
# LOWEST_RATE_HZ puts a centimetre of range apart.
HIGHEST = 0.49
LOWEST_RATE_HZ = 16_000.0
# Below this power, relative to the excitation's, a reference counts as silent: a muted loudspeaker
# must give nothing, not noise.
_SILENT_REFERENCE = 1e-6
# Rows that the transforms take at once. Two or three left over take longer, one by one, than a
# batch of four that is filled up with silence.
_BATCH = 4


@kernel
def _deconvolve(
    recording: FloatArray,
    inverse: ComplexArray,
    first_bin: int,
    one_sided: ComplexArray,
    mic: IntArray,
    lag: IntArray,
    out: ComplexArray,
) -> None:
    spectrum = scipy.fft.rfft(recording)
    for m in range(recording.shape[0]):
        bins, row = spectrum[m, first_bin:], one_sided[m, first_bin:]
        for k in range(inverse.shape[0]):
            row[k] = bins[k] * inverse[k]
    analytic = scipy.fft.ifft(one_sided)
    for p in range(out.shape[0]):
        out[p] = analytic[mic[p], lag[p] : lag[p] + out.shape[1]]


@kernel
def _reference_inverse(
    reference: FloatArray, gain: ComplexArray, first_bin: int, floor: np.float32, out: ComplexArray
) -> None:
    spectrum = scipy.fft.rfft(reference)
    peak = np.float32(0.0)
    for k in range(out.shape[0]):
        z = spectrum[first_bin + k]
        peak = max(peak, z.real * z.real + z.imag * z.imag)
    tikhonov = np.float32(TIKHONOV) * peak if peak > floor else floor
    for k in range(out.shape[0]):
        z = spectrum[first_bin + k]
        out[k] = gain[k] * np.conj(z) / (z.real * z.real + z.imag * z.imag + tikhonov)


def _decimation(
    period_samples: int, rate_hz: int, band_hz: tuple[float, float], speakers: int
) -> int:
    """Factor by which responses are decimated: it divides the period and every speaker's lag."""
    most = int(rate_hz / max(band_hz[1] / HIGHEST, LOWEST_RATE_HZ))
    return max((k for k in range(1, most + 1) if period_samples % (k * speakers) == 0), default=1)


def _unit_gain(window: Array, response: Complex128Array, samples: int) -> Array:
    """The band's window, scaled so that the envelope of a unit path peaks at 1.

    response: of excitation and inverse together, one-sided. samples: of the period, which the
    inverse transform divides by.
    """
    return np.asarray(window * samples / np.sum(window * np.real(response)))


@dataclass(frozen=True)
class Correction:
    """What calibration found out about the electronics.

    delay_s: from the loopback to the air, used only where a reference is given. gains: of each
    microphone relative to the others, divided out; () leaves them as they are.
    """

    delay_s: float = 0.0
    gains: tuple[float, ...] = ()


class Deconvolver:
    """One excitation and one rig; call it once per period.

    The result is band-limited: a unit-gain path of delay d gives the pulse g(t - d), where g has
    the excitation's band (flat, cosine-squared edges inside) and is scaled so that its envelope
    peaks at exactly 1. So a path of gain a has envelope peak a. With S speakers, speaker s is read
    from lag s * N // S on: the window must fit into N // S samples. A burst of k periods takes
    (k + 1) N samples and gives the same responses; its N is that of the grid.

    Responses come at `sample_rate_hz`, the recording's rate divided by a whole number: for 2-7.5
    kHz recorded at 48 kHz every third sample is enough. T = `window_samples`, at that rate.

    It keeps its working memory: one thread at a time.
    """

    def __init__(
        self,
        excitation: Excitation,
        rig: Rig,
        window_s: float = 0.04,
        correction: Correction | None = None,
    ) -> None:
        """window_s: length of the response from emission on [s]. Raises ConfigError where it does
        not fit into the period, or `correction` not to the rig.
        """
        correction = correction or Correction()
        n, rate, speakers = excitation.period_samples, excitation.sample_rate_hz, len(rig.speakers)
        grid = excitation.grid_samples
        self.period_samples = n
        decimation = _decimation(grid, rate, excitation.band_hz, speakers)
        self._periodic = n // decimation
        self.sample_rate_hz = rate / decimation
        self.window_samples = round(window_s * self.sample_rate_hz)
        self.band_hz = excitation.band_hz
        self.mics = len(rig.mics)
        if not 1 <= self.window_samples <= grid // decimation // speakers:
            raise ConfigError(
                f"a response window of {window_s:g} s does not fit: {speakers} speaker(s) share a "
                f"period of {grid / rate:g} s, so at most {grid // speakers / rate:g} s is "
                "possible; lengthen excitation.period_s or shorten the window"
            )
        self._mic = np.ascontiguousarray(rig.pairs[:, 1])
        self._lag = np.ascontiguousarray(rig.pairs[:, 0] * (grid // decimation) // speakers)

        if correction.gains and len(correction.gains) != self.mics:
            raise ConfigError(
                f"{len(correction.gains)} gains are given, but the rig has {self.mics} "
                "microphones: calibrate again"
            )
        gains = np.array(correction.gains, np.float32)[:, None]
        self._mic_gain = gains if correction.gains else None

        window = band_window(np.fft.rfftfreq(n, 1.0 / rate), excitation.band_hz)
        self._bins = np.flatnonzero(window)
        self._first_bin = int(self._bins[0])
        spectrum = excitation.spectrum[self._bins].astype(np.complex128)
        power = np.abs(spectrum) ** 2
        self._floor = np.float32(_SILENT_REFERENCE * power.max())
        inverse = np.conj(spectrum) / (power + TIKHONOV * power.max())
        gain = _unit_gain(window[self._bins], inverse * spectrum, self._periodic)
        self._inverse = (gain * inverse).astype(np.complex64)
        late = np.exp(2j * np.pi * (correction.delay_s * rate / n) * self._bins)
        self._reference_gain = (gain * late).astype(np.complex64)

        rows = self.mics if self.mics % _BATCH < 2 else -(-self.mics // _BATCH) * _BATCH
        self._recording = np.zeros((rows, n), np.float32)
        self._one_sided = np.zeros((rows, self._periodic), np.complex64)
        self._last_inverse, self._grid_bins = self._inverse, self._bins * (grid / n)

    def __call__(
        self, samples: FloatArray, reference: FloatArray | None = None, delay_samples: float = 0.0
    ) -> ComplexArray:
        """Analytic impulse responses (P, T) complex64 of one period (M, N) at `sample_rate_hz`,
        time 0 = emission; N = `period_samples`.

        reference: (N,) loopback of the playback, same clock. It replaces the excitation, so that
        delay, level and frequency response that both channels share cancel, and `delay_samples`,
        which is part of that delay, is not used. A silent reference gives responses near zero.
        Without one, `delay_samples` (may be fractional) is taken out. Raises ConfigError on a wrong
        shape.
        """
        recording = self._recording[: self.mics]
        recording[:] = self._checked(samples, (self.mics, self.period_samples), "samples")
        if self._mic_gain is not None:
            recording /= self._mic_gain
        if reference is not None:
            x = self._checked(reference, (self.period_samples,), "reference")
            inverse = np.empty_like(self._inverse)
            _reference_inverse(x, self._reference_gain, self._first_bin, self._floor, inverse)
        elif delay_samples:
            ramp = np.exp(2j * np.pi * (delay_samples / self.period_samples) * self._bins)
            inverse = (self._inverse * ramp).astype(np.complex64)
        else:
            inverse = self._inverse
        self._last_inverse = inverse
        out = np.empty((len(self._mic), self.window_samples), np.complex64)
        _deconvolve(
            self._recording, inverse, self._first_bin, self._one_sided, self._mic, self._lag, out
        )
        return out

    def noise_of_last(self, power: Array) -> FloatArray:
        """Root mean square (P,) that noise alone would have had in the newest responses.

        power: (M, N // 2 + 1) mean of |rfft|**2 of a period of noise, N samples of the grid, as it
        was recorded together with what was deconvolved.
        """
        frequency = np.arange(power.shape[1])
        longer = self.period_samples / (2.0 * (power.shape[1] - 1))
        heard = np.array([np.interp(self._grid_bins, frequency, row) for row in power]) * longer
        variance = heard @ np.abs(self._last_inverse.astype(np.complex128)) ** 2
        rms = np.sqrt(variance) / self._periodic
        if self._mic_gain is not None:
            rms = rms / self._mic_gain[:, 0]
        return np.asarray(rms[self._mic], np.float32)

    def _checked(self, a: FloatArray, shape: tuple[int, ...], name: str) -> FloatArray:
        if a.shape != shape:
            raise ConfigError(
                f"{name} has shape {a.shape}, {shape} is needed: the recording's channels or "
                "period do not fit rig and excitation"
            )
        return np.ascontiguousarray(a, np.float32)
