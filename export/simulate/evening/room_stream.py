"""From what is played to what the array records, period by period: the room and the people as they
are when the sound meets them, and the evening's noise.
"""

import numpy as np
import scipy.fft

from edge.core.arrays import Array, ComplexArray, FloatArray
from edge.sources.session.writer import FULL_SCALE
from export.acoustics.drifting_room import GUARD_SAMPLES
from export.bodies.acting import RATE_HZ
from export.simulate.electronics import REFERENCE_NOISE
from export.simulate.evening.home import Evening
from export.simulate.evening.responses import EVERY_S, Responses

FINE = 16  # times the sample rate, between whose samples a moving body's echo is interpolated


class RoomStream:
    """Recording of one evening. A period can be taken once the one after it was added: pulses of a
    limited band begin before their time of arrival. noise: (M, L) of the evening at the microphones
    [full scales], repeated.
    """

    def __init__(self, evening: Evening, responses: Responses, pascal: float) -> None:
        """pascal: at 1 m of full scale, for the noise."""
        sound, electronics = evening.sound, evening.sound.electronics
        self._evening, self._responses, self._electronics = evening, responses, electronics
        self._n, rate = sound.signal.period_samples, sound.signal.sample_rate_hz
        self._rig = sound.scene.rig.true
        self._mics = len(self._rig.mics)
        self._rng = np.random.default_rng([*evening.seed, 22])
        self._peak = float(np.abs(sound.signal.samples).max())
        self._transducers = (
            electronics.gain * electronics.speaker_response[0] * electronics.mic_response
        )
        self._long = scipy.fft.next_fast_len(responses.empty.shape[-1] + 2 * self._n, real=True)
        self._short = scipy.fft.next_fast_len(2 * self._n, real=True)
        long_hz, self._short_hz = (
            np.fft.rfftfreq(k, 1.0 / rate) for k in (self._long, self._short)
        )
        self._turns = -2j * np.pi * long_hz
        # The converters' delay, which the loopback has, too.
        self._delay_s = electronics.delay_samples / rate
        impulses = scipy.fft.irfft(self._transducers, self._n)
        rooms = scipy.fft.rfft(responses.empty, self._long, axis=-1)
        rooms *= scipy.fft.rfft(impulses, self._long)
        loopback = np.exp(self._turns * (GUARD_SAMPLES / rate))
        loopback = np.broadcast_to(loopback, (len(rooms), 1, len(loopback)))
        self._rooms = np.concatenate([rooms, loopback], axis=1).astype(np.complex64)
        self._bodies: dict[tuple[int, int], ComplexArray] = {}
        # Begins GUARD_SAMPLES before the next period.
        self._stream = np.zeros((self._mics + 1, GUARD_SAMPLES + 2 * self._n + self._long))
        self._next = 0
        noise = evening.ambience.noise(self._mics, rate, np.random.default_rng(evening.seed))
        self.noise = noise * np.float32(electronics.gain / pascal)

    def add(self, period: int, played: FloatArray) -> None:
        """What is played (N,) in this period, full scale = 1."""
        if not played.any():
            return
        x = played.astype(np.float64)
        distorted = x + self._electronics.third_harmonic * x**3 / self._peak**2
        begin = (period - self._next) * self._n
        delay_s = self._delay_s + self._rng.normal(0.0, self._electronics.air_jitter_s)
        played_spectra = np.broadcast_to(
            scipy.fft.rfft(distorted, self._long), (self._mics + 1, len(self._turns))
        ).copy()
        played_spectra[self._mics] = scipy.fft.rfft(x, self._long)
        room = self._room(period) * np.exp(self._turns * delay_s)
        heard = scipy.fft.irfft(played_spectra * room, self._long)
        self._stream[:, begin : begin + self._long] += heard
        for which, role in enumerate(self._evening.roles):
            row = int(role.rows[min(period, self._evening.periods - 1)])
            if row >= 0:
                hip, velocity = role.joints[row, 8], role.velocity[period]
                body = self._body(which, row)
                self._echo(begin + GUARD_SAMPLES, distorted, body, hip, velocity, delay_s)

    def take(self, period: int) -> FloatArray:
        """What is recorded in this period, the next one: (M + 1, N), the loopback last."""
        if period != self._next:
            raise ValueError(f"period {period}: number {self._next} is the next one")
        n = self._n
        out = self._stream[:, GUARD_SAMPLES : GUARD_SAMPLES + n].copy()
        self._stream = np.roll(self._stream, -n, axis=1)
        self._stream[:, -n:] = 0.0
        self._next += 1
        at = np.arange(period * n, (period + 1) * n) % self.noise.shape[1]
        out[: self._mics] += self.noise[:, at]
        out[self._mics] += self._rng.normal(0.0, REFERENCE_NOISE, n)
        raw = np.clip(np.rint(out * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1)
        return np.asarray(raw / FULL_SCALE, np.float32)

    def _room(self, period: int) -> ComplexArray:
        """The empty room and the loopback now (M + 1, F)."""
        at = min(period, self._evening.periods - 1) / RATE_HZ / EVERY_S
        share = np.float32(at - int(at))
        before, after = self._rooms[int(at)], self._rooms[int(at) + 1]
        return np.asarray((np.float32(1.0) - share) * before + share * after)

    def _body(self, which: int, row: int) -> ComplexArray:
        """What a body changes (M, F)."""
        if (which, row) not in self._bodies:
            spectrum = scipy.fft.rfft(self._responses.bodies[which][row]) * self._transducers
            whole = scipy.fft.irfft(spectrum, self._n)
            self._bodies[which, row] = scipy.fft.rfft(whole, self._short).astype(np.complex64)
        return self._bodies[which, row]

    def _echo(
        self,
        begin: int,
        played: Array,
        body: ComplexArray,
        hip: Array,
        velocity: Array,
        delay_s: float,
    ) -> None:
        """Add a body's echo of one period that is played from `begin` of the stream on."""
        ways = [hip - self._rig.speakers[0], hip - self._rig.mics.mean(axis=0)]
        away_m_s = sum(float(velocity @ way) / float(np.linalg.norm(way)) for way in ways)
        met = _stretched(played, away_m_s / self._rig.speed_of_sound_m_s)
        turn = np.exp(-2j * np.pi * self._short_hz * delay_s)
        heard = scipy.fft.irfft(body * (scipy.fft.rfft(met, self._short) * turn), self._short)
        self._stream[: self._mics, begin : begin + self._short] += heard


def _stretched(played: Array, rate: float) -> Array:
    """One period (N,) as it comes back from a body whose path grows by `rate` of the sound's way in
    the same time: that of its middle is in the body's response.
    """
    if rate == 0.0:
        return played
    n = len(played)
    spectrum = np.zeros(FINE * n + 1, np.complex128)
    spectrum[: n + 1] = scipy.fft.rfft(played, 2 * n)
    fine = scipy.fft.irfft(spectrum) * FINE
    at = np.arange(n) - rate * (np.arange(n) - 0.5 * n)
    return np.asarray(np.interp(at * FINE, np.arange(len(fine)), fine))
