"""A room with one loudspeaker that plays what another program gives it, at levels in dB SPL."""

from dataclasses import dataclass

import numpy as np
import scipy.signal

from edge.core.arrays import Array, ComplexArray, FloatArray
from edge.core.contracts import AudioPeriod, Sounding
from edge.core.rig import Rig
from edge.sound.deconvolution import Deconvolver
from edge.sound.excitation import Excitation, band_window, make_excitation
from tests.support.bodies import compact_rig

RATE_HZ, BAND_HZ, WINDOW_S = 16_000, (2_000.0, 7_500.0), 0.04
FULL_SCALE_DB = 100.0  # SPL at the microphones of a full-scale sine
REVERBERATION_S, ECHO_AT_M = 0.4, 2.5


@dataclass(frozen=True, eq=False)
class ProgramRoom:
    """Impulse responses (M, L) per unit of pressure at 1 m: of the empty room, and what somebody
    adds.
    """

    rig: Rig
    empty: Array
    body: Array

    def excitation(self) -> Excitation:
        return make_excitation(RATE_HZ, BAND_HZ, 0.1, -20.0)

    def deconvolver(self) -> Deconvolver:
        return Deconvolver(self.excitation(), self.rig, WINDOW_S)

    def record(
        self,
        program: Array,
        level_db: float,
        ambient_db: float = 35.0,
        *,
        somebody: bool = True,
        seed: int = 0,
    ) -> tuple[FloatArray, FloatArray, float]:
        """Microphones (M, n) and reference (n,) while the loudspeaker plays `program` (n,) at
        level_db [SPL at 1 m, mean of where it sounds]; and pressure at 1 m over the reference.
        """
        loud = float(np.sqrt(np.mean(program[program != 0.0] ** 2)))
        gain = _pressure(level_db) / loud
        response = self.empty + self.body if somebody else self.empty
        heard = scipy.signal.fftconvolve(gain * program[None], response, axes=1)
        rng = np.random.default_rng([seed, 7])
        noise = rng.normal(size=(len(response), len(program)))
        # Most of a room's noise lies below the band: it falls by 6 dB per octave from 400 Hz on.
        noise = scipy.signal.lfilter([1.0], [1.0, -0.85], noise)
        noise *= _pressure(ambient_db) / noise.std()
        return (
            (heard[:, : len(program)] + noise).astype(np.float32),
            program.astype(np.float32),
            gain,
        )


def _pressure(level_db: float) -> float:
    """Root mean square, full scales."""
    return float(10.0 ** ((level_db - FULL_SCALE_DB) / 20.0) / np.sqrt(2.0))


def diffuse_room(seed: int = 0, echo: float = 0.2) -> ProgramRoom:
    """Diffuse reverberation, and a body at ECHO_AT_M: ten glints over 40 cm of range, with
    `echo` of the pressure that a mirror would return.
    """
    rng = np.random.default_rng(seed)
    rig = compact_rig()
    mics, length = len(rig.mics), RATE_HZ // 2
    t = np.arange(length) / RATE_HZ
    decay = np.exp(-6.9 * t / REVERBERATION_S)
    # Of a room of 50 m^3: the direct sound is as loud as the reverberation at 0.6 m.
    tail = rng.normal(size=(mics, length)) * decay
    tail /= np.sqrt(np.mean(np.sum(tail**2, axis=1))) * 0.6
    tail[:, : int(0.004 * RATE_HZ)] = 0.0
    distance = rig.direct_arrival_s * rig.speed_of_sound_m_s
    empty = tail + _impulses(rig.direct_arrival_s, 1.0 / distance, length)
    body = np.zeros((mics, length))
    for _ in range(10):
        at = np.array(
            [rng.normal(0.0, 0.15), rng.normal(0.0, 0.3), ECHO_AT_M + rng.uniform(0, 0.2)]
        )
        arrival = rig.arrival_s(at)
        gain = echo / np.sqrt(10.0) / ECHO_AT_M**2 * rng.normal()
        body += _impulses(arrival, np.full(mics, gain), length)
    return ProgramRoom(rig, empty, body)


def analytic(response: Array, window: int = round(WINDOW_S * RATE_HZ)) -> ComplexArray:
    """What a `Deconvolver` shows of impulse responses (M, L): (M, window)."""
    n = 2 * response.shape[1]
    hz = np.fft.fftfreq(n, 1.0 / RATE_HZ)
    pulse = np.where(hz > 0.0, band_window(np.abs(hz), BAND_HZ), 0.0)
    shown = np.fft.ifft(np.fft.fft(response, n) * pulse * (n / pulse.sum()))
    return np.asarray(shown[:, :window], np.complex64)


def periods(
    samples: FloatArray,
    reference: FloatArray | None,
    length: int = 1_600,
    sounding: Sounding = "silence",
) -> list[AudioPeriod]:
    """Cut a recording into contiguous periods."""
    return [
        AudioPeriod(
            k,
            k * length * 1_000_000_000 // RATE_HZ,
            samples[:, k * length : (k + 1) * length],
            None if reference is None else reference[k * length : (k + 1) * length],
            frame=k * length,
            sounding=sounding,
        )
        for k in range(samples.shape[1] // length)
    ]


def _impulses(delay_s: Array, gain: Array, length: int) -> Array:
    """Band-limited impulses (M, length)."""
    omega = 2j * np.pi * np.fft.rfftfreq(2 * length, 1.0 / RATE_HZ)
    spectrum = gain[:, None] * np.exp(-np.asarray(delay_s)[:, None] * omega)
    return np.asarray(np.fft.irfft(spectrum, 2 * length)[:, :length])
