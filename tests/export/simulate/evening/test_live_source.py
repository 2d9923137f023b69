"""A simulated evening as a live source: levels, responses and times."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.fft

from edge.core.arrays import Array, ComplexArray
from edge.core.contracts import AudioPeriod
from edge.core.errors import EndOfStreamError
from edge.sound.burst import make_burst
from edge.sound.deconvolution import Deconvolver
from edge.sound.loudness import a_weights
from export.simulate.evening.ambience import PASCAL_AT_0_DB, Ambience, dba
from export.simulate.evening.home import Evening, make_evening
from export.simulate.evening.live_source import (
    LATE_NS,
    PERIOD_NS,
    START_NS,
    SimulatedAudio,
    SimulatedCamera,
)
from export.simulate.evening.responses import Responses, empty_rooms
from export.simulate.evening.script import Role

pytestmark = pytest.mark.export


@pytest.fixture(scope="module")
def evening() -> Evening:
    """With nobody there."""
    made = make_evening(2, 0, 0.02)
    nobody = [replace(r, rows=np.full_like(r.rows, -1)) for r in made.roles]
    return replace(made, roles=tuple(nobody))


@pytest.fixture(scope="module")
def responses(evening: Evening) -> Responses:
    return Responses((), empty_rooms(evening))


def _quiet(audio: SimulatedAudio) -> SimulatedAudio:
    audio._stream.noise[:] = 0.0
    return audio


def _read(audio: SimulatedAudio, count: int) -> list[AudioPeriod]:
    audio.now_ns = START_NS + 10**12
    found = [audio.read(0.0) for _ in range(count)]
    return [p for p in found if p is not None]


def _responses(evening: Evening, period: AudioPeriod) -> ComplexArray:
    signal = evening.sound.signal
    played = make_burst(signal, period.burst) if period.burst else signal
    deconvolve = Deconvolver(played, evening.sound.scene.rig.measured)
    return deconvolve(period.samples, period.reference)


def test_the_steady_state_is_that_of_one_circular_period(
    evening: Evening, responses: Responses
) -> None:
    period = _read(_quiet(SimulatedAudio(evening, responses)), 9)[-1]
    assert (period.sounding, period.fault, period.samples.shape[1]) == ("continuous", "", 1600)
    recorder = evening.sound.recorder(0.0, np.random.default_rng(0))
    raw = recorder.period(evening.sound.empty(float(evening.warmth_c[8])), 0).astype(np.float32)
    layout = evening.sound.scene.rig.layout
    samples = np.ascontiguousarray(raw[:, list(layout.mic_channels)].T) / np.float32(32768.0)
    reference = raw[:, layout.reference_channel or 0] / np.float32(32768.0)
    wanted = _responses(evening, replace(period, samples=samples, reference=reference))
    found = _responses(evening, period)
    assert np.linalg.norm(found - wanted) < 0.02 * np.linalg.norm(wanted)


def test_a_burst_comes_as_one_period_and_shows_the_same_room(
    evening: Evening, responses: Responses
) -> None:
    audio = _quiet(SimulatedAudio(evening, responses))
    audio.set_continuous(False)
    audio.probe(2, 0.5)
    audio.probe(3, 1.0)  # dropped
    burst, after = _read(audio, 2)
    assert (burst.sounding, burst.burst, burst.gain) == ("burst", 2, 0.5)
    assert burst.samples.shape == (6, 3 * 1600)
    assert (after.index, after.sounding) == (3, "silence")
    assert after.t_ns - burst.t_ns == 3 * PERIOD_NS
    steady = _read(_quiet(SimulatedAudio(evening, responses)), 9)[-1]
    early = slice(0, 200)  # later the steady state has what sounds on from the period before
    a, b = (_responses(evening, p)[:, early] for p in (burst, steady))
    assert np.linalg.norm(a - b) < 0.06 * np.linalg.norm(b)


def test_levels_at_1_m_are_those_of_the_evening(evening: Evening, responses: Responses) -> None:
    audio = SimulatedAudio(evening, responses)
    _read(audio, 5)
    level = 10.0 * np.log10(audio.own_pa2[2] / PASCAL_AT_0_DB**2)
    assert level == pytest.approx(evening.loudspeaker_dba, abs=0.3)
    loudness = audio.loudspeaker.loudness
    assert loudness.dba(evening.sound.signal) == pytest.approx(evening.loudspeaker_dba, abs=0.01)
    music = np.random.default_rng(0).normal(size=16000).astype(np.float32)
    assert audio.loudspeaker.dba(audio.loudspeaker.scaled(music, 55.0)) == pytest.approx(
        55.0, abs=0.1
    )


def test_music_is_on_the_reference_and_in_the_room_but_not_the_sensors_own(
    evening: Evening, responses: Responses
) -> None:
    music = 0.01 * np.random.default_rng(0).normal(size=16000).astype(np.float32)
    audio = _quiet(SimulatedAudio(evening, responses, music))
    audio.set_continuous(False)
    period = _read(audio, 3)[-1]
    assert period.sounding == "silence"
    assert period.reference is not None
    assert np.std(period.reference) == pytest.approx(0.01, rel=0.1)
    assert np.std(period.samples) > 1e-4
    assert not audio.own_pa2.any()


def test_nothing_is_heard_before_it_has_passed(evening: Evening, responses: Responses) -> None:
    audio = SimulatedAudio(evening, responses)
    camera = SimulatedCamera(evening, audio, 2)
    assert audio.read(0.0) is None
    first = camera.read(0.0)
    assert audio.now_ns == first.t_ns + LATE_NS
    assert audio.read(0.0) is not None  # its end is 50 ms after the image
    assert audio.read(0.0) is None
    camera.read(0.0)
    assert [audio.read(0.0) is None for _ in range(3)] == [False, False, True]
    audio.close()
    with pytest.raises(EndOfStreamError):
        audio.read(0.0)


def test_a_muted_loudspeaker_makes_no_sound_and_drops_what_was_asked_for(
    evening: Evening, responses: Responses
) -> None:
    audio = SimulatedAudio(evening, responses)
    audio.set_continuous(False)
    audio.set_muted(True)
    audio.probe(1, 1.0)
    assert {p.sounding for p in _read(audio, 4)} == {"silence"}
    audio.set_muted(False)
    assert {p.sounding for p in _read(audio, 4)} == {"silence"}
    assert not audio.own_pa2.any()


def test_the_quiet_room_has_its_level_and_speech_comes_on_top() -> None:
    rng = np.random.default_rng(0)
    levels = {}
    for index in (0, 1):
        noise = Ambience.of_evening(index).noise(1, 16000, rng)[0]
        levels[index] = dba(noise, a_weights(len(noise), 16000))
    # 35 dB(A) of room, 28 of fridge and 31 of the microphone; then 48 of a television.
    assert levels[0] == pytest.approx(36.9, abs=0.4)
    assert levels[1] == pytest.approx(48.3, abs=0.4)


def _echo_at(evening: Evening, responses: Responses, periods: int, away_m_s: float) -> float:
    """Time [s] of the echo of somebody who goes away from the sensor, as a burst shows it."""
    (one,) = evening.roles
    joints = np.zeros((1, 25, 3)) + np.array([0.0, 0.0, 2.5])
    velocity = np.tile([0.0, 0.0, away_m_s], (evening.periods, 1))
    role = Role(
        one.body,
        joints,
        one.vertices[:1],
        np.zeros(evening.periods, np.int64),
        one.states,
        velocity,
    )
    echo: Array = np.zeros((1, 6, 1600), np.float32)
    echo[0, :, 240] = 0.05
    there = replace(evening, roles=(role,))
    found = []
    for bodies in (echo, 0.0 * echo):
        audio = _quiet(SimulatedAudio(there, Responses((bodies,), responses.empty)))
        audio.set_continuous(False)
        audio.probe(periods, 1.0)
        found.append(_responses(there, _read(audio, 1)[0]))
    kernel = np.abs(scipy.fft.ifft(scipy.fft.fft(found[0] - found[1], axis=1), axis=1)).mean(axis=0)
    late = slice(150, 420)
    power = kernel[late] ** 2
    return float(150 + np.sum(power * np.arange(len(power))) / power.sum()) / 16000.0


def test_a_sweep_puts_who_walks_away_off_by_the_doppler_shift(
    evening: Evening, responses: Responses
) -> None:
    still, walking = (_echo_at(evening, responses, 1, v) for v in (0.0, 1.0))
    # 4.75 kHz, moved by 2 v / c, at 55 kHz a second: 0.5 ms, or 8.6 cm of range.
    assert abs(walking - still) == pytest.approx(0.5e-3, rel=0.3)
