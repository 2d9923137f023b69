"""From a room's response to the raw channels of a sound card: loudspeaker, microphones, converters,
clock and noise.

Everything is in the periodic steady state: one period of the recording is the circular convolution
of one period of the excitation with the room's response wrapped to one period.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.fft

from edge.core.arrays import Array, ComplexArray
from edge.sound.excitation import Excitation, band_window, speaker_signals
from edge.sources.session.writer import FULL_SCALE
from export.acoustics.surface import Float32Array

REFERENCE_NOISE = 10.0 ** (-90.0 / 20.0)
RUMBLE_HZ = 400.0  # below it room noise rises by 6 dB per octave


@dataclass(frozen=True)
class ChannelLayout:
    """The raw channels of an array, counted from 0. The others carry a processed signal, here the
    mean of the microphones.
    """

    channels: int
    mic_channels: tuple[int, ...]
    reference_channel: int | None = None

    def __post_init__(self) -> None:
        used = [
            *self.mic_channels,
            *([] if self.reference_channel is None else [self.reference_channel]),
        ]
        if len(set(used)) != len(used) or not all(0 <= c < self.channels for c in used):
            raise ValueError(
                f"channels {used} of {self.channels}: each microphone and the reference need a "
                "channel of their own"
            )

    def split(self, raw: npt.NDArray[np.int16]) -> tuple[Float32Array, Float32Array | None]:
        """Raw channels (N, C) -> microphones (M, N) and reference (N,) in full scales, as a source
        of sound gives them.
        """
        channels = np.ascontiguousarray(raw.T, np.float32) / np.float32(FULL_SCALE)
        reference = None if self.reference_channel is None else channels[self.reference_channel]
        return np.ascontiguousarray(channels[list(self.mic_channels)]), reference


RESPEAKER_USB_V2 = ChannelLayout(channels=6, mic_channels=(1, 2, 3, 4), reference_channel=5)


@dataclass(frozen=True, eq=False)
class Electronics:
    """Everything between digital samples and air.

    speaker_response (S, F), mic_response (M, F): complex gain at the period's frequencies. gain:
    full scales per unit of sound pressure (direct sound of a full-scale signal at 1 m = 1).
    delay_samples: from playback to capture, the same for all channels, may be fractional.
    noise_rms: full scales, of each microphone. air_jitter_s: RMS of the delay from period to
    period. third_harmonic: amplitude of the cubic distortion at the excitation's peak. skew_ppm: of
    the capture clock against the playback clock.
    """

    speaker_response: ComplexArray
    mic_response: ComplexArray
    gain: float = 1.0
    delay_samples: float = 0.0
    noise_rms: float = 0.0
    air_jitter_s: float = 0.0
    third_harmonic: float = 0.0
    skew_ppm: float = 0.0


class Recorder:
    """Turns responses into raw periods, one after the other."""

    def __init__(
        self,
        excitation: Excitation,
        layout: ChannelLayout,
        electronics: Electronics,
        rng: np.random.Generator,
    ) -> None:
        """rng: noise and jitter. Raises ValueError where layout and electronics disagree."""
        if len(layout.mic_channels) != len(electronics.mic_response):
            raise ValueError(
                f"the layout has {len(layout.mic_channels)} microphones, the electronics "
                f"{len(electronics.mic_response)}: "
                "they must agree"
            )
        self._layout, self._electronics, self._rng = layout, electronics, rng
        self._n, self._rate = excitation.period_samples, excitation.sample_rate_hz
        played = speaker_signals(excitation, len(electronics.speaker_response)).astype(np.float64)
        peak = np.abs(excitation.samples).max()
        distorted = played + electronics.third_harmonic * played**3 / peak**2
        self._emitted = scipy.fft.rfft(distorted) * electronics.speaker_response
        self._reference = scipy.fft.rfft(played[0])
        self._frequencies = np.fft.rfftfreq(self._n, 1.0 / self._rate)
        self._noise_shape = np.sqrt(1.0 + (RUMBLE_HZ / np.maximum(self._frequencies, 20.0)) ** 2)

    def microphones(self, response: ComplexArray) -> Float32Array:
        """Microphone signals (M, N) in full scales for a response (S, M, F), without noise."""
        spectrum = np.einsum("sf,smf->mf", self._emitted, response) * self._electronics.mic_response
        return np.asarray(scipy.fft.irfft(self._electronics.gain * spectrum, self._n), np.float32)

    def period(self, response: ComplexArray, index: int = 0) -> npt.NDArray[np.int16]:
        """Raw channels (N, C) of period number `index` for a response (S, M, F) in the air."""
        e, n, mics = self._electronics, self._n, len(self._layout.mic_channels)
        # Within one period the skew is far below a sample; from period to period it adds up.
        delay_s = (e.delay_samples + e.skew_ppm * 1e-6 * (index + 0.5) * n) / self._rate
        jitter_s = self._rng.normal(0.0, e.air_jitter_s)
        spectrum = np.einsum("sf,smf->mf", self._emitted, response) * (e.gain * e.mic_response)
        spectrum *= np.exp(-2j * np.pi * self._frequencies * (delay_s + jitter_s))
        noise = scipy.fft.rfft(self._rng.normal(0.0, e.noise_rms, (mics, n))) * self._noise_shape
        received = scipy.fft.irfft(spectrum + noise, n)
        raw = np.repeat(received.mean(axis=0)[:, None], self._layout.channels, axis=1)
        raw[:, list(self._layout.mic_channels)] = received.T
        if self._layout.reference_channel is not None:
            loopback = scipy.fft.irfft(
                self._reference * np.exp(-2j * np.pi * self._frequencies * delay_s), n
            )
            raw[:, self._layout.reference_channel] = loopback + self._rng.normal(
                0.0, REFERENCE_NOISE, n
            )
        return np.asarray(np.clip(np.rint(raw * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1), np.int16)


def random_response(
    rng: np.random.Generator, frequencies_hz: Array, ripple_db: float
) -> ComplexArray:
    """A random minimum-phase response (F,) of a transducer: `ripple_db` RMS, mean 0 dB."""
    octave = np.log2(np.maximum(frequencies_hz, 50.0) / 50.0)
    rate, phase = rng.uniform(0.1, 1.2, 6), rng.uniform(0.0, 2.0 * np.pi, 6)
    level = (
        ripple_db / np.sqrt(3.0) * np.cos(2.0 * np.pi * octave[:, None] * rate + phase).sum(axis=1)
    )
    nepers = (level - level.mean()) * np.log(10.0) / 20.0
    # The phase of a minimum-phase response is the Hilbert transform of its log level: fold the
    # cepstrum.
    cepstrum = np.fft.irfft(nepers)
    half = len(cepstrum) // 2
    cepstrum[1:half] *= 2.0
    cepstrum[half + 1 :] = 0.0
    return np.asarray(np.exp(np.fft.rfft(cepstrum)), np.complex64)


def random_transducers(
    rng: np.random.Generator,
    frequencies_hz: Array,
    speakers: int,
    mics: int,
    ripple_db: tuple[float, float],
) -> tuple[ComplexArray, ComplexArray]:
    """Responses of the loudspeakers (S, F) and microphones (M, F); ripple_db: of each kind."""
    speaker_db, mic_db = ripple_db
    return (
        np.stack([random_response(rng, frequencies_hz, speaker_db) for _ in range(speakers)]),
        np.stack([random_response(rng, frequencies_hz, mic_db) for _ in range(mics)]),
    )


def peak_level(
    excitation: Excitation, layout: ChannelLayout, electronics: Electronics, response: ComplexArray
) -> np.float32:
    """Highest level [full scales] at any microphone for a response (S, M, F), without noise."""
    recorder = Recorder(excitation, layout, electronics, np.random.default_rng(0))
    return np.float32(np.abs(recorder.microphones(response)).max())


def noise_for_sir(
    excitation: Excitation, body: ComplexArray, first_arrival_s: float | Array, sir_db: float
) -> float:
    """Noise RMS [sound pressure of the response] at which the body is `sir_db` above it after
    deconvolution of one period.

    body: (M, F), of the microphones. The echo is measured from 0.3 m before to 0.7 m after the
    first arrival [s], in half path lengths; of several people (Q,), within the reach of any.
    """
    n, rate = excitation.period_samples, excitation.sample_rate_hz
    window = band_window(np.fft.rfftfreq(n, 1.0 / rate), excitation.band_hz)
    kernel = scipy.fft.irfft(body * window, n)
    gates = [
        np.arange(
            max(0, int((first - 2 * 0.3 / 343.0) * rate)), int((first + 2 * 0.7 / 343.0) * rate)
        )
        for first in np.atleast_1d(first_arrival_s)
    ]
    gate = np.take(kernel, np.unique(np.concatenate(gates)), axis=-1, mode="wrap")
    inside = window > 0.0
    per_noise = np.sqrt(
        2.0 / n * np.sum((window[inside] / np.abs(excitation.spectrum[inside])) ** 2)
    )
    return float(np.sqrt(np.mean(gate**2)) / per_noise * 10.0 ** (-sir_db / 20.0))
