"""The empty room: learned without a body in it, and followed through ten minutes of drift."""

import numpy as np
import pytest

from edge.core.rig import speed_of_sound
from edge.sound.room.background import FIRST_PERIODS
from edge.sound.room.occupant import Occupant
from tests.support.scenes.drifting_room import (
    BODY,
    FIRST_ARRIVAL,
    STANDING,
    WALLS,
    background,
    chair_at,
    empty,
    learned,
    noise,
    ns,
    responses,
    sir_db,
)
from tests.support.scenes.signals import UNCOMPILED, db


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
