"""The empty room: learned without a body in it, followed through ten minutes of drift, saved."""

import errno
import os

import numpy as np
import pytest

from edge.core.errors import ConfigError, OtherSignalError
from edge.core.rig import Rig, speed_of_sound
from edge.sound.room.background import FIRST_PERIODS, Background
from edge.sound.room.drift.warp import fit, fit_from_afar, identity, inverse, warped
from edge.sound.room.occupant import Occupant
from tests.support import reference
from tests.support.scenes.signals import (
    BAND,
    CAMERA,
    PERIOD,
    RATE,
    UNCOMPILED,
    WINDOW,
    db,
    hundreds_of_steps,
    ring,
)

ROOM = (5.2, 4.1, 2.6)
ORIGIN = np.array([0.4, 2.0, 1.25])  # of the camera frame, in the room
BODY_RANGE_M = 2.5
RIG = ring()
BINS = np.arange(200, 751)
WINDOW_OF_BAND = reference.band_window(BINS * 10.0, BAND)


def room_frame(points):
    x, y, z = np.moveaxis(np.asarray(points), -1, 0)
    return ORIGIN + np.stack([z, -x, -y], axis=-1)


def responses(lengths_m, gains, c, jitter_s=0.0):
    """Analytic responses (6, T) to paths (6, K)."""
    delay = lengths_m / c + jitter_s
    spectrum = np.zeros((6, PERIOD), complex)
    # exp(-i w tau) on an even frequency grid is a geometric series: one exponential per path.
    value = gains * np.exp(-2j * np.pi * 10.0 * BINS[0] * delay)
    turn = np.exp(-2j * np.pi * 10.0 * delay)
    for k, w in zip(BINS, WINDOW_OF_BAND, strict=True):
        spectrum[:, k] = w * value.sum(axis=1)
        value = value * turn
    return (np.fft.ifft(spectrum)[:, :WINDOW] * PERIOD / WINDOW_OF_BAND.sum()).astype(np.complex64)


def walls():
    """Paths of the empty room (6, K), up to 13.5 m."""
    paths = [
        reference.shoebox_paths(ROOM, 0.85, room_frame(RIG.speakers[0]), room_frame(m), 13.5)
        for m in RIG.mics
    ]
    count = min(len(lengths) for lengths, _ in paths)
    order = [np.argsort(lengths)[:count] for lengths, _ in paths]
    lengths, gains = (
        np.array([p[k][o] for p, o in zip(paths, order, strict=True)]) for k in (0, 1)
    )
    return lengths, gains


def body(shift_m=0.0, breath_m=0.0):
    """Paths (6, K) over a standing person: 12 points, -12 dB target strength, direct and by way of
    the floor.

    breath_m: how far the chest has come out towards the array [m].
    """
    height = np.linspace(0.2, 1.75, 12)
    places = np.stack(
        [np.full(12, ORIGIN[0] + BODY_RANGE_M + shift_m), 2.1 + 0.05 * np.sin(9 * height), height],
        axis=-1,
    )
    places[:, 0] += 0.06 * np.cos(7 * height) - breath_m * ((height > 0.9) & (height < 1.5))
    speaker = room_frame(RIG.speakers[0])
    lengths, gains = [], []
    for mic in room_frame(RIG.mics):
        there = np.concatenate(
            [np.linalg.norm(places - s, axis=1) for s in (speaker, speaker * [1, 1, -1])]
        )
        back = np.tile(np.linalg.norm(places - mic, axis=1), 2)
        lengths.append(there + back)
        gains.append(0.25 / np.sqrt(12) / (there * back) * np.repeat([1.0, 0.85], 12))
    return np.array(lengths), np.array(gains)


WALLS, BODY = walls(), body()
FIRST_ARRIVAL = BODY[0].min(axis=1) / speed_of_sound(21.0)
STANDING = [Occupant(FIRST_ARRIVAL)]


def noise(rng, level):
    return (
        level * (rng.standard_normal((6, WINDOW)) + 1j * rng.standard_normal((6, WINDOW)))
    ).astype(np.complex64)


def noise_in_band(rng, level):
    """Noise as deconvolution leaves it: within the band, `level` is its norm over the window."""
    spectrum = np.zeros((6, PERIOD), complex)
    spectrum[:, BINS] = WINDOW_OF_BAND * (
        rng.standard_normal((6, len(BINS))) + 1j * rng.standard_normal((6, len(BINS)))
    )
    out = np.fft.ifft(spectrum)[:, :WINDOW]
    return (out * level / np.linalg.norm(out)).astype(np.complex64)


def background(**options):
    return Background(
        RIG, RATE, BAND, WINDOW, **({"adapt_s": 15.0, "leak_s": 1.2, "track_drift": True} | options)
    )


def learned(rng, seconds=12.0 if UNCOMPILED else 30.0, **options):
    """A background that saw the empty room at 20 degrees until t = 0."""
    room = background(**options)
    for t in np.arange(-seconds, 0.0, 1.0):
        room.step(empty(0.0, rng) + noise(rng, 2e-4), ns(t), [])
    assert room.ready
    return room


def empty(t_s, rng):
    """The room t seconds on: 1.5 degrees in 10 minutes, 0.3 us jitter."""
    c = speed_of_sound(20.0 + 1.5 * t_s / 600.0)
    return responses(*WALLS, c, rng.normal(0.0, 0.3e-6))


def ns(t_s):
    return round((t_s + 1_000.0) * 1e9)


def gate():
    """(6, T) True from the first arrival of the body to 35 % behind it."""
    t = np.arange(WINDOW) / RATE
    return (t >= FIRST_ARRIVAL[:, None] - 2e-4) & (t < 1.35 * FIRST_ARRIVAL[:, None])


def sir_db(found, true):
    return db(np.linalg.norm(true[gate()]) / np.linalg.norm((found - true)[gate()]))


def stand_for_ten_minutes(room, rng):
    """Somebody stands there all the time -> signal to interference (K,) [dB], equally spaced."""
    out = []
    for t in np.linspace(0.0, 600.0, 11 if UNCOMPILED else 61):
        k = responses(*BODY, speed_of_sound(20.0 + 1.5 * t / 600.0))
        found = room.step(empty(t, rng) + k + noise(rng, 2e-4), ns(t), STANDING)
        out.append(sir_db(found, k))
    return np.array(out)


@pytest.mark.parametrize("leak_s", [np.inf, 1.2])
def test_drifting_room_keeps_the_signal_above_the_interference(leak_s):
    rng = np.random.default_rng(0)
    sir = stand_for_ten_minutes(learned(rng, leak_s=leak_s), rng)
    at_3_min = sir[len(sir) * 3 // 10]
    print(
        f"signal to interference, leak {leak_s} s: {sir[0]:.1f} at once, "
        f"{at_3_min:.1f} at 3 min, {sir[-1]:.1f} dB at 10 min"
    )
    assert sir.min() > 5.0
    assert sir[-1] > 10.0


def test_without_tracking_the_same_room_drowns_the_signal():
    """The test above can fail: it is the tracking that helps."""
    rng = np.random.default_rng(0)
    assert stand_for_ten_minutes(learned(rng, leak_s=np.inf, track_drift=False), rng)[-1] < -10.0


def test_gains_and_offsets_of_each_microphone_are_followed():
    rng = np.random.default_rng(1)
    room = learned(rng)
    lengths, gains = WALLS
    k = responses(*BODY, speed_of_sound(20.0))
    for t in range(5):
        drift = responses(
            lengths + 1e-4 * np.arange(6)[:, None] * t,
            gains * (1.0 + 0.01 * np.arange(6)[:, None] * t),
            343.42,
        )
        found = room.step(drift + k, ns(t), STANDING)
    assert sir_db(found, k) > 15.0
    assert room.residual_db < -30.0


def test_nothing_is_given_before_the_room_was_empty():
    rng, room = np.random.default_rng(2), background()
    y = empty(0.0, rng) + responses(*BODY, 343.4)
    for t in range(20):
        assert room.step(y, ns(t), STANDING) is None
    assert not room.ready
    assert room.age_s == np.inf
    for t in range(20, 20 + FIRST_PERIODS):
        assert room.step(empty(0.0, rng), ns(t), []) is None
    assert room.ready
    assert room.step(empty(0.0, rng), ns(40), []) is not None
    assert room.age_s == 0.0


def test_follows_a_new_chair_within_adapt_s_only_while_nobody_is_seen():
    rng = np.random.default_rng(3)
    room = learned(rng)
    chair = responses(np.full((6, 1), 5.0), np.full((6, 1), 0.2), 343.42)
    left = [
        db(np.linalg.norm(room.step(empty(0.0, rng) + chair, ns(t), [])) / np.linalg.norm(chair))
        for t in range(60)
    ]
    assert left[1] > -3.0
    assert left[59] < -12.0


def chair_at(half_path_m, gain=0.03):
    """A chair's echoes (6, T): seat, back, and by way of the floor."""
    lengths = 2.0 * half_path_m + np.array([0.0, 0.15, 0.4])
    return responses(
        lengths + np.zeros((6, 1)), gain * np.array([1.0, 0.6, 0.7]) + np.zeros((6, 1)), 343.42
    )


def walk(room, seconds, added=0.0, begin_s=0.0, others=()):
    """Somebody walks to and fro in a room to which something was added; others: who are there, too,
    as occupants and what they add (6, T).
    """
    for k in range(round(10 * seconds)):
        t = begin_s + 0.1 * k
        heard = responses(*WALLS, 343.42) + responses(*body(0.6 * np.sin(1.7 * t)), 343.42) + added
        people = [Occupant(FIRST_ARRIVAL * 0.7, moved_m=0.7), *(o for o, _ in others)]
        room.step(heard + sum(k for _, k in others), ns(t), people)


def share_left(room, what, t_s):
    """Of what (6, T) is still heard at t_s, everybody being elsewhere."""
    found = room.step(responses(*WALLS, 343.42) + what, ns(t_s), [Occupant(FIRST_ARRIVAL * 0.7)])
    return float(np.vdot(what, found).real / np.vdot(what, what).real)


@hundreds_of_steps
def test_a_chair_that_was_brought_is_gone_after_seconds_of_walking_and_a_still_person_is_not():
    chair, still = chair_at(3.1), responses(*body(1.0), 343.42)
    room = learned(np.random.default_rng(4))
    walk(room, 8.0, chair)
    assert abs(share_left(room, chair, 8.1)) < 0.2
    other = learned(np.random.default_rng(4))
    first = (body(1.0)[0].min(axis=1) / 343.42) * 0.7
    walk(other, 20.0, others=[(Occupant(first), still)])
    left = share_left(other, still, 20.1)
    print(f"of a person who sits still beside a walker there is left: {left:.2f}")
    assert 0.85 < left < 1.15


@hundreds_of_steps
def test_what_was_changed_is_told_with_range_and_time_and_saved(tmp_path):
    chair, room = chair_at(3.1), learned(np.random.default_rng(4))
    walk(room, 6.0)
    assert room.changes == []
    walk(room, 8.0, chair, begin_s=6.0)
    ((change, ago_s),) = room.changes
    assert 6.0 < ago_s < 8.0
    assert 2.8 < change.from_m < 3.1 < change.to_m < 3.7
    assert 6.0 < change.t_ns * 1e-9 - 1_000.0 < 8.0
    room.save(tmp_path / "room.npz")
    again = background()
    again.load(tmp_path / "room.npz")
    assert abs(share_left(again, chair, 14.1)) < 0.3


def test_a_change_nearer_than_anybody_does_not_shift_the_whole_room():
    rng = np.random.default_rng(12)
    room, near, k = learned(rng), chair_at(1.1, 0.15), responses(*BODY, 343.42)
    still = [Occupant(FIRST_ARRIVAL * 0.8)]
    for t in np.arange(0.0, 2.0, 0.1):
        before = sir_db(room.step(empty(t, rng) + k, ns(t), still), k)
    for t in np.arange(2.0, 2.5, 0.1):
        after = sir_db(room.step(empty(t, rng) + k + near, ns(t), still), k)
    print(f"signal to interference before {before:.1f} dB, after {after:.1f} dB")
    assert before > 30.0
    assert after > before - 6.0


@pytest.mark.slow
@hundreds_of_steps
@pytest.mark.parametrize(("sir", "breath_m", "at_most_db"), [(10.0, 0.004, 1.0), (0.0, 0.004, 2.0)])
def test_somebody_who_keeps_still_for_an_hour_is_not_learned(sir, breath_m, at_most_db):
    """sir: body over noise, in the whole window [dB]."""
    rng = np.random.default_rng(9)
    room, walls_now = learned(rng, seconds=10.0), responses(*WALLS, 343.42)
    phases = [
        responses(*body(breath_m=breath_m * np.sin(p)), 343.42) for p in np.arange(16) * np.pi / 8
    ]
    level = 10.0 ** (-sir / 20.0) * np.linalg.norm(phases[0])
    left = []
    for n in range(240):
        k = phases[rng.integers(16)]
        found = room.step(
            walls_now + k + noise_in_band(rng, level),
            ns(15.0 * n),
            [Occupant(FIRST_ARRIVAL, moved_m=rng.uniform(0.0, 0.25))],
        )
        left.append(np.vdot(k, found).real / np.vdot(k, k).real)
    lost_db = -db(np.mean(left[-16:]) / np.mean(left[:16]))
    print(f"body lost in an hour at {sir} dB, breathing {1e3 * breath_m} mm: {lost_db:.2f} dB")
    assert abs(lost_db) < at_most_db


def test_faulty_periods_are_refused_and_teach_nothing():
    rng = np.random.default_rng(5)
    room, untouched = learned(rng, leak_s=np.inf), None
    k = responses(*BODY, 343.42)
    good = responses(*WALLS, 343.42) + k
    untouched = room.step(good, ns(0), STANDING)
    nan = np.full_like(good, np.nan)
    for n, bad in enumerate(
        [np.zeros_like(good), noise(rng, 1e-3), np.roll(good, 300, axis=1), nan]
    ):
        for people in (STANDING, []):
            assert room.step(bad, ns(1 + n), people) is None
    assert room.rejected == 8
    np.testing.assert_allclose(room.step(good, ns(5), STANDING), untouched, atol=2e-3)


def test_a_rig_that_was_moved_is_learned_anew_when_nobody_is_seen_for_adapt_s():
    rng = np.random.default_rng(6)
    room = learned(rng)
    moved = responses(WALLS[0] * 1.37, WALLS[1], 343.42)
    answers = [room.step(moved, ns(t), []) for t in range(20)]
    assert all(a is None for a in answers[:15])
    assert db(np.linalg.norm(answers[-1]) / np.linalg.norm(moved)) < -40.0


def test_saved_room_comes_back_for_the_same_rig_in_warmer_air(tmp_path):
    rng = np.random.default_rng(7)
    first, path = learned(rng), tmp_path / "room.npz"
    first.save(path)
    second = background()
    second.load(path)
    assert second.ready
    assert second.age_s < 60.0
    c = speed_of_sound(26.0)
    k = responses(*BODY, c)
    found = second.step(responses(*WALLS, c) + k, ns(0), STANDING)
    assert sir_db(found, k) > 5.0


def test_a_save_that_fails_leaves_the_room_saved_before(tmp_path, monkeypatch):
    room, path = learned(np.random.default_rng(11), seconds=10.0), tmp_path / "room.npz"
    room.save(path)
    before = path.read_bytes()

    def full(fd):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigError, match="No space left"):
        room.save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_saved_room_of_another_rig_is_refused(tmp_path):
    path = tmp_path / "room.npz"
    with pytest.raises(ConfigError, match="nothing to save"):
        background().save(path)
    learned(np.random.default_rng(8), seconds=10.0).save(path)
    other = Rig(
        RIG.speakers,
        RIG.mics + np.array([0.0, 0.0, 0.01]),
        RIG.pairs,
        CAMERA,
        RIG.speed_of_sound_m_s,
    )
    with pytest.raises(ConfigError, match="mics_m"):
        Background(other, RATE, BAND, WINDOW).load(path)
    with pytest.raises(OtherSignalError, match="band_hz"):
        Background(RIG, RATE, (1_000.0, 7_500.0), WINDOW).load(path)
    with pytest.raises(OtherSignalError, match="window_samples"):
        Background(RIG, RATE, BAND, WINDOW - 1).load(path)
    for damage in (b"", b"\0nonsense", path.read_bytes()[:5_000]):
        broken = tmp_path / "broken.npz"
        broken.write_bytes(damage)
        with pytest.raises(ConfigError, match="not an empty room"):
            background().load(broken)
    with pytest.raises(ConfigError, match="not an empty room"):
        background().load(tmp_path / "absent.npz")
    with pytest.raises(ConfigError, match="responses have shape"):
        background().step(np.zeros((2, 3), np.complex64), 0, [])


def test_fit_finds_stretch_offset_and_gain():
    still = responses(*WALLS, 343.42)
    length = np.full(6, 1_000)
    found = fit(responses(*WALLS, 344.0, 1e-6) * 1.1, still, length, identity(6), 4)
    assert found.stretch == pytest.approx(344.0 / 343.42 - 1.0, rel=0.02)
    np.testing.assert_allclose(found.offset, -1e-6 * RATE, atol=0.01)
    np.testing.assert_allclose(found.gain, 1.1, rtol=0.01)
    for c in (334.0, 353.0):
        far = fit_from_afar(responses(*WALLS, c), still, length, 14.0, 2)
        assert far.stretch == pytest.approx(c / 343.42 - 1.0, rel=0.02)


def test_inverse_undoes_a_warp():
    still = responses(*WALLS, 343.42)
    there = fit(responses(*WALLS, 344.0), still, np.full(6, 1_000), identity(6), 3)
    again = warped(np.nan_to_num(warped(still, there)), inverse(there))
    assert db(np.abs(again - still)[:, 20:-20].max() / np.abs(still).max()) < -60.0
