"""Reverberation that outlasts the period: separated by its drift, which helps and never harms."""

import itertools
import threading

import numpy as np
import pytest

from edge.core.config import Config, DeviceConfig, SourceConfig
from edge.core.errors import ConfigError, OtherSignalError
from edge.core.rig import speed_of_sound
from edge.sensor.loops import offline_poses
from edge.sensor.pipeline import Pipeline
from edge.sensor.plan import make_plan
from edge.sound.room.background import FIRST_PERIODS, Background
from edge.sound.room.drift.late_reverberation import LateReverberation
from edge.sound.room.occupant import Occupant
from edge.sources.session.reader import DEMO_SESSION
from tests.support.scenes.signals import db, hundreds_of_steps, ring

RIG = ring()
RATE, BAND, PERIOD_S, WINDOW = 16_000, (2_000.0, 7_500.0), 0.1, 640
LINES = np.arange(round(BAND[0] * PERIOD_S), round(BAND[1] * PERIOD_S) + 1)
SAMPLES = round(PERIOD_S * RATE)
FIRST_ARRIVAL_S = np.full(6, 0.011)
BODY = slice(176, 240)  # 11 to 15 ms
STARTED_C = 20.0


class Room:
    """A room that reverberates for t60_s, as a sum of paths up to 0.35 s long."""

    def __init__(self, t60_s, seed=0):
        rng = np.random.default_rng(seed)
        # Denser and denser paths, each as random for every microphone as a diffuse field is.
        self.delay_s = np.sort(0.35 * rng.random((6, 900)) ** 0.6, axis=1)
        self.delay_s[:, 0] = 1e-3
        gain = (
            rng.standard_normal(self.delay_s.shape)
            * 10.0 ** (-3.0 * self.delay_s / t60_s)
            / np.sqrt(self.delay_s)
        )
        gain[:, 0] = 300.0
        self.gain = gain

    def at(self, celsius, rng, noise=0.05):
        """Responses (P, T) in the steady state: what is late is folded onto what is early."""
        delay = self.delay_s * speed_of_sound(STARTED_C) / speed_of_sound(celsius)
        spectrum = np.zeros((6, SAMPLES), complex)
        value = self.gain * np.exp(-2j * np.pi * LINES[0] / PERIOD_S * delay)
        turn = np.exp(-2j * np.pi / PERIOD_S * delay)
        for line in LINES:
            spectrum[:, line] = value.sum(axis=1)
            value = value * turn
        taper = np.sin(np.pi * (np.arange(len(LINES)) + 0.5) / len(LINES)) ** 0.5
        spectrum[:, LINES] *= taper
        spectrum[:, LINES] += noise * (
            rng.standard_normal((6, len(LINES))) + 1j * rng.standard_normal((6, len(LINES)))
        )
        return np.fft.ifft(spectrum, axis=1)[:, :WINDOW].astype(np.complex64)


def background(**options):
    return Background(RIG, RATE, BAND, WINDOW, **({"period_s": PERIOD_S} | options))


def learned(room, rng, swing_c=0.3, heard=24, **options):
    """A background that has learned the room, then heard its air warm and cool once."""
    made = background(**options)
    for k in range(FIRST_PERIODS):
        made.step(room.at(STARTED_C, rng), k * 10**8, [])
    for phase in np.linspace(0.0, 2.0 * np.pi, heard):
        made.remember(room.at(STARTED_C + swing_c * np.sin(phase), rng))
    return made


def left_db(made, room, rng, warmer_c, t_s=100.0):
    """Residual of the empty room over the room itself, where a body would be heard [dB]."""
    heard = room.at(STARTED_C + warmer_c, rng)
    left = made.step(heard, round(t_s * 1e9), [Occupant(FIRST_ARRIVAL_S)])
    return db(np.linalg.norm(left[:, BODY]) / np.linalg.norm(heard[:, BODY]))


@hundreds_of_steps
@pytest.mark.parametrize("warmer_c", [0.1, -0.2])
def test_a_sensor_that_has_heard_its_air_swing_leaves_far_less_of_the_room(warmer_c):
    rng, room = np.random.default_rng(0), Room(0.4)
    without = left_db(learned(room, rng, period_s=None), room, rng, warmer_c)
    fresh = left_db(learned(room, rng, heard=0), room, rng, warmer_c)
    settled = left_db(learned(room, rng), room, rng, warmer_c)
    print(
        f"{warmer_c:+} deg C: stretch only {without:.1f}, fresh {fresh:.1f}, "
        f"settled {settled:.1f} dB"
    )
    assert fresh == pytest.approx(without, abs=0.5)
    assert settled < without - 6.0


@hundreds_of_steps
def test_it_learns_by_itself_while_nobody_is_there():
    """Sound for a moment every six seconds; the air warms by a third of a degree and cools again;
    then somebody comes.

    Right after each silence late reverberation is missing: nothing must be learned from that.
    """
    rng, room, dry = np.random.default_rng(1), Room(0.4), Room(0.4)
    dry.gain[dry.delay_s > PERIOD_S] = 0.0
    by_itself, without = background(), background(period_s=None)
    for k in range(72):
        for tenth in range(6):
            heard = (dry if tenth == 0 and k else room).at(
                STARTED_C + 0.3 * np.sin(np.pi * k / 72), rng
            )
            for made in (by_itself, without):
                made.step(heard, (60 * k + tenth) * 10**8, [])
    for warmer_c in (0.02, 0.05, 0.1, 0.15):
        found, other = (
            left_db(m, room, rng, warmer_c, 440.0 + 1e2 * warmer_c) for m in (by_itself, without)
        )
    print(f"with what it learned {found:.1f}, without {other:.1f} dB")
    assert found < other - 5.0


@hundreds_of_steps
def test_nothing_is_learned_of_the_air_while_somebody_is_there():
    rng, room = np.random.default_rng(2), Room(0.4)
    made = learned(room, rng, heard=0)
    for k in range(24):
        made.step(
            room.at(STARTED_C + 0.3 * np.sin(0.26 * k), rng),
            (20 + 6 * k) * 10**9,
            [Occupant(FIRST_ARRIVAL_S)],
        )
    assert made._drift.late.state() == {}


@hundreds_of_steps
def test_a_chair_that_was_moved_does_no_harm():
    """The early part changes while the air warms: what was learned stays useful."""
    rng, room = np.random.default_rng(3), Room(0.4)
    moved = Room(0.4)
    early = (moved.delay_s > 8e-3) & (moved.delay_s < 20e-3)
    moved.gain[early] *= np.random.default_rng(9).choice([-1.0, 1.0], early.sum())
    made, without = (learned(room, rng, **options) for options in ({}, {"period_s": None}))
    for k in range(120):  # the average of the room takes a while to follow
        heard = moved.at(STARTED_C + 0.1 + 0.2 * np.sin(0.1 * k), rng)
        for m in (made, without):
            m.step(heard, (20 + k) * 10**9, [])
    now = STARTED_C + 0.1 + 0.2 * np.sin(0.1 * 119) - STARTED_C
    found, other = (left_db(m, moved, rng, now + 0.1, 140.0) for m in (made, without))
    assert found < other - 1.0


@pytest.mark.slow
@hundreds_of_steps
def test_what_was_learned_lasts_for_many_hours_and_degrees():
    rng, room = np.random.default_rng(4), Room(0.4)
    made = learned(room, rng)
    for k in range(400):  # 2.5 degrees up, and a new hour whenever the stretch has come too far
        made.remember(room.at(STARTED_C + 2.5 * k / 400, rng))
        if k % 4 == 0:
            made.step(room.at(STARTED_C + 2.5 * k / 400, rng), (20 + k // 4) * 10**9, [])
    for k in range(40):
        made.step(room.at(STARTED_C + 2.5, rng), (120 + k) * 10**9, [])
    assert (
        left_db(made, room, rng, 2.6, 165.0)
        < left_db(learned(room, rng, heard=0), room, rng, 0.1) - 6.0
    )


@hundreds_of_steps
def test_a_restart_keeps_it(tmp_path):
    rng, room = np.random.default_rng(5), Room(0.4)
    made, path = learned(room, rng), tmp_path / "room.npz"
    made.save(path)
    loaded = background()
    loaded.load(path)
    assert left_db(loaded, room, rng, 0.1) == pytest.approx(left_db(made, room, rng, 0.1), abs=1.5)
    with pytest.raises(OtherSignalError, match=r"period_s 0\.1, 0\.05 is needed"):
        background(period_s=0.05).load(path)


def test_a_file_without_it_is_read_and_a_damaged_one_refused(tmp_path):
    rng, room = np.random.default_rng(6), Room(0.4)
    path = tmp_path / "room.npz"
    learned(room, rng, heard=4).save(path)
    with np.load(path) as file:
        content = {name: file[name] for name in file.files}
    older = {
        name: a for name, a in content.items() if not name.startswith("tail") and name != "period_s"
    }
    np.savez(path, **older)
    made = background()
    made.load(path)
    assert made.ready
    for damage in (
        {"tail_gram": content["tail_gram"][:-1]},
        {"tail_heard": np.full_like(content["tail_heard"], np.nan)},
        {"tail_gram": content["tail_gram"].real},
        {"tail_gram": np.full_like(content["tail_gram"], 1e300)},
    ):
        np.savez(path, **(content | damage))
        with pytest.raises(ConfigError, match="saved empty room is damaged"):
            background().load(path)
    np.savez(path, **{name: a for name, a in content.items() if name != "tail_gram"})
    with pytest.raises(ConfigError, match="tail_gram"):
        background().load(path)


@hundreds_of_steps
def test_a_microphone_that_is_off_for_a_moment_spoils_nothing(tmp_path):
    rng, room = np.random.default_rng(7), Room(0.4)
    made, before = learned(room, rng), learned(room, np.random.default_rng(7))
    for k in range(6):
        off = room.at(STARTED_C, rng)
        off[2] = 0.0
        made.remember(off)
        made.step(off, (20 + k) * 10**9, [Occupant(FIRST_ARRIVAL_S)])
    made.remember(room.at(STARTED_C, rng))
    assert left_db(made, room, rng, 0.1) < left_db(before, room, rng, 0.1) + 3.0
    made.save(tmp_path / "room.npz")
    background().load(tmp_path / "room.npz")


@pytest.mark.slow
@hundreds_of_steps
@pytest.mark.parametrize("warmer_c", [2.0, -4.0])
def test_a_night_without_sound_does_no_harm(warmer_c):
    """Switched off, the sensor misses degrees: what it learned must do no harm."""
    rng, room = np.random.default_rng(8), Room(0.4)
    left = []
    for made in (learned(room, rng), learned(room, rng, period_s=None)):
        for k in range(160):
            made.step(room.at(STARTED_C + warmer_c, rng), 10**13 + k * 10**8, [])
        left.append(left_db(made, room, rng, warmer_c + 0.1, 10_016.0))
    print(f"{warmer_c:+} deg C overnight: {left[0]:.1f}, without {left[1]:.1f} dB")
    assert left[0] < left[1] + 0.5


@pytest.mark.slow
@hundreds_of_steps
def test_noise_bursts_and_still_air_do_not_wash_it_out():
    rng, room = np.random.default_rng(9), Room(0.4)
    made = learned(room, rng)
    for k in range(400):
        made.remember(room.at(STARTED_C, rng, noise=6.0 if k % 4 == 0 else 0.05))
    assert (
        left_db(made, room, rng, 0.1) < left_db(learned(room, rng, heard=0), room, rng, 0.1) - 10.0
    )


@hundreds_of_steps
def test_heavy_furniture_that_was_moved_does_no_harm():
    rng, room, moved = np.random.default_rng(10), Room(0.15), Room(0.15)
    early = (moved.delay_s > 8e-3) & (moved.delay_s < 40e-3)
    moved.gain[early] *= np.random.default_rng(9).choice([-1.0, 1.0], early.sum())
    made, without = (learned(room, rng, **options) for options in ({}, {"period_s": None}))
    for k in range(150):
        heard = moved.at(STARTED_C + 0.15, rng)
        for m in (made, without):
            m.step(heard, (20 + k) * 10**9, [])
    found, other = (left_db(m, moved, rng, -0.05, 171.0) for m in (made, without))
    print(f"after the move {found:.1f}, without {other:.1f} dB")
    assert found < other + 1.0


@pytest.mark.parametrize("apart_s", [0.1, 3.0])
def test_an_empty_room_is_followed_at_any_pace(apart_s):
    rng, room = np.random.default_rng(11), Room(0.1)
    made = learned(room, rng, heard=0)
    for k in range(30):
        made.step(room.at(STARTED_C, rng), 10**9 + round(k * apart_s * 1e9), [])
    assert made.age_s < 2.0 * apart_s + 0.1


def test_a_silent_room_teaches_nothing_and_breaks_nothing():
    late = LateReverberation(2, 64, 160.0)
    silent = np.zeros((2, 64), np.complex64)
    for _ in range(3):
        late.observe(silent, silent, 0)
    change = late.change(1e-4)
    assert change is None or not change.value.any()


@pytest.mark.slow
@hundreds_of_steps
def test_still_air_for_ever_teaches_nothing():
    """The shipped session's empty room with noise of its own strength in every period: what is
    learned of late parts must not grow.
    """
    plan = make_plan(
        Config(DeviceConfig("loop"), SourceConfig("replay", str(DEMO_SESSION), realtime=False))
    )
    pipeline, source, empty = Pipeline(plan.config, plan.rig, plan.excitation), plan.open(), []
    step = pipeline.room.background.step

    def watched(responses, t_ns, people, **how):
        if people is not None and len(people) == 0:
            empty.append(responses.copy())
        return step(responses, t_ns, people, **how)

    pipeline.room.background.step = watched
    assert list(offline_poses(pipeline, source, threading.Event(), lambda stage: None))
    source.close()
    front_end = pipeline.deconvolve
    made, without = (
        Background(
            plan.rig,
            front_end.sample_rate_hz,
            front_end.band_hz,
            front_end.window_samples,
            period_s=period_s,
        )
        for period_s in (PERIOD_S, None)
    )
    assert len(empty) > FIRST_PERIODS
    rng, still = np.random.default_rng(3), np.mean(empty, axis=0)
    noise_rms = min(np.std(one - other) for one, other in itertools.pairwise(empty)) / np.sqrt(2.0)
    for k in range(1200):
        noise = noise_rms * np.sqrt(0.5) * rng.normal(size=(2, *still.shape))
        heard = (still + noise[0] + 1j * noise[1]).astype(np.complex64)
        left, other = (b.step(heard, k * 10**9, []) for b in (made, without))
    assert np.linalg.norm(left) < 1.2 * np.linalg.norm(other)
