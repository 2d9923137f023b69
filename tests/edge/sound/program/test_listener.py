"""When program sound is worth listening to, and what it does to the sensor's own sound."""

from dataclasses import replace

import numpy as np
import pytest

from edge.sound.burst import make_burst
from edge.sound.program.listener import LOUD_BESIDE_DB, LOUD_DBFS, ProgramListener
from edge.sound.program.own_sound import OwnSound
from export.simulate.program_sound import load_program_sound
from tests.support.scenes.program import analytic, diffuse_room, periods

pytestmark = pytest.mark.export


@pytest.fixture(scope="module")
def room():
    return diffuse_room()


def listen(room, cut, empty, noise=None):
    listener = ProgramListener(room.excitation(), room.rig, room.deconvolver())
    return [(listener(p, empty, noise), listener.sounding) for p in cut]


def test_music_is_answered_once_a_second_once_there_is_enough(room):
    samples, reference, gain = room.record(load_program_sound("system"), 65.0)
    cut = periods(samples, reference)
    answers = listen(room, cut, analytic(room.empty) * gain)
    times = [k for k, (heard, _) in enumerate(answers) if heard is not None]
    assert times[0] == 13  # 1.3 s are needed
    assert np.diff(times).max() == 10  # no sound is in two of them
    assert all(sounding for _, sounding in answers)
    for k in times:
        age_s = 0.1 * (k + 1) - answers[k][0].middle_ns / 1e9
        assert 0.1 < age_s < 1.0


def test_pauses_give_nothing(room):
    samples, reference, gain = room.record(0.01 * np.ones(80_000), 65.0)
    silent = periods(samples, 0.0 * reference)
    assert not any(h or s for h, s in listen(room, silent, analytic(room.empty) * gain))


def test_speech_is_used_while_it_sounds_and_not_when_the_pause_is_longer_than_the_memory(room):
    speech = load_program_sound("speech")
    pause = np.zeros(3 * 16_000)
    program = np.concatenate([speech, pause])
    samples, reference, gain = room.record(program, 65.0)
    answers = listen(room, periods(samples, reference), analytic(room.empty) * gain)
    assert any(heard is not None for heard, _ in answers[13:50])
    assert not any(heard is not None or sounding for heard, sounding in answers[52:])


def test_music_below_the_noise_is_not_solved(room):
    samples, reference, gain = room.record(load_program_sound("system"), 5.0, 60.0)
    noise, _, _ = room.record(load_program_sound("system"), -60.0, 60.0)
    power = np.mean([np.abs(np.fft.rfft(p.samples)) ** 2 for p in periods(noise, None)], axis=0)
    answers = listen(room, periods(samples, reference), analytic(room.empty) * gain, power)
    assert not any(heard is not None for heard, _ in answers)


def test_a_gap_begins_anew_and_no_reference_gives_nothing(room):
    samples, reference, gain = room.record(load_program_sound("system"), 65.0)
    empty = analytic(room.empty) * gain
    cut = periods(samples, reference)
    late = [replace(p, frame=p.frame + (100 if k >= 10 else 0)) for k, p in enumerate(cut)]
    times = [k for k, (heard, _) in enumerate(listen(room, late, empty)) if heard is not None]
    assert times[0] == 10 + 13
    assert not any(h or s for h, s in listen(room, periods(samples, None), empty))


@pytest.mark.parametrize("burst", [0, 1, 3])
def test_own_sound_is_told_from_music_on_the_reference(room, burst):
    excitation = room.excitation()
    own = OwnSound(excitation)
    signal = make_burst(excitation, burst).samples if burst else excitation.samples
    rng = np.random.default_rng(0)
    late = np.roll(signal, 5) + 10 ** (-90 / 20) * rng.normal(size=len(signal))
    music = load_program_sound("system")[: len(signal)] / 0.3
    kind = "burst" if burst else "continuous"
    level = np.sqrt(np.mean(signal**2))
    period = periods(np.zeros((1, len(signal)), np.float32), late, len(signal), kind)[0]
    period = replace(period, burst=burst)
    assert own.program_db(period)[1] < LOUD_BESIDE_DB
    beside = replace(period, reference=(late + 0.3 * level * music).astype(np.float32))
    level_db, beside_db = own.program_db(beside)
    assert level_db > LOUD_DBFS
    assert beside_db > LOUD_BESIDE_DB
    silent = replace(beside, reference=music.astype(np.float32), sounding="silence", burst=0)
    level_db, beside_db = own.program_db(silent)
    assert level_db > LOUD_DBFS
    assert beside_db == np.inf
