"""What was changed while somebody is there becomes the room's; who keeps still does not."""

import numpy as np
import pytest

from edge.sound.room.occupant import Occupant
from tests.support.scenes.drifting_room import (
    BINS,
    FIRST_ARRIVAL,
    WALLS,
    WINDOW_OF_BAND,
    background,
    body,
    chair_at,
    learned,
    ns,
    responses,
)
from tests.support.scenes.signals import PERIOD, WINDOW, db, hundreds_of_steps


def noise_in_band(rng, level):
    """Noise as deconvolution leaves it: within the band, `level` is its norm over the window."""
    spectrum = np.zeros((6, PERIOD), complex)
    spectrum[:, BINS] = WINDOW_OF_BAND * (
        rng.standard_normal((6, len(BINS))) + 1j * rng.standard_normal((6, len(BINS)))
    )
    out = np.fft.ifft(spectrum)[:, :WINDOW]
    return (out * level / np.linalg.norm(out)).astype(np.complex64)


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
