"""The empty room from bursts that are seconds apart, and one pair that comes late."""

from dataclasses import replace

import numpy as np
import pytest

from edge.sound.room.background import FIRST_PERIODS, Background
from edge.sound.room.occupant import Occupant
from tests.support.scenes.signals import BAND, RATE, WINDOW, C, db, echo, ring

RIG = ring()
SPEAKER = RIG.speakers[0]
BODY = np.array([0.2, 0.1, 2.6])
WALLS = [np.array(p) for p in ((2.4, 0.0, 1.0), (-2.2, 0.3, 1.5), (0.3, 0.2, 4.2), (0.0, 1.3, 1.0))]
EVERY_NS = 10_000_000_000
FIRST = RIG.arrival_s(BODY) - 0.3 / C


def room(warmer_deg: float = 0.0) -> np.ndarray:
    """Direct sound and four walls, in air that is so much warmer."""
    rig = replace(RIG, speed_of_sound_m_s=C + 0.606 * warmer_deg)
    direct = [8.0 * row for row in echo(rig, SPEAKER)]
    walls = sum(0.5 * echo(rig, w) for w in WALLS)
    return np.asarray(direct + walls, np.complex64)


def noise(rng: np.random.Generator, level: float = 2e-4) -> np.ndarray:
    return (level * (rng.standard_normal((6, WINDOW)) + 1j * rng.standard_normal((6, WINDOW)))
            ).astype(np.complex64)  # fmt: skip


def background() -> Background:
    return Background(RIG, RATE, BAND, WINDOW, period_s=0.1)


def learned(rng: np.random.Generator, periods: int = FIRST_PERIODS) -> tuple[Background, int]:
    back, t_ns = background(), 0
    for _ in range(periods):
        back.step(room() + noise(rng), t_ns, [], burst=True)
        t_ns += EVERY_NS
    assert back.ready
    return back, t_ns


def left_db(kernels: np.ndarray, body: np.ndarray) -> float:
    """The error of the kernels beside the body's echo."""
    return db(np.linalg.norm(kernels - body) / np.linalg.norm(body))


def test_eight_bursts_ten_seconds_apart_are_a_room_and_drift_is_followed() -> None:
    rng = np.random.default_rng(0)
    back, t_ns = learned(rng)
    body = 0.05 * echo(RIG, BODY)
    for k in range(12):  # the air gets warmer by half a degree
        kernels = back.step(
            room(0.5 * k / 12) + body + noise(rng), t_ns, [Occupant(FIRST)], burst=True
        )
        t_ns += EVERY_NS
        assert kernels is not None
        assert left_db(kernels, body) < -4.0
    # Subtracting the room as it was would leave this.
    assert db(np.linalg.norm(room(0.5) - room()) / np.linalg.norm(body)) > 18.0


def test_every_burst_teaches_the_room_and_not_every_other_one() -> None:
    rng = np.random.default_rng(1)
    back, t_ns = learned(rng)
    chair = 0.1 * echo(RIG, np.array([1.0, 0.4, 1.8]))
    for _ in range(12):
        kernels = back.step(room() + chair + noise(rng), t_ns, [], burst=True)
        t_ns += EVERY_NS
    assert kernels is not None
    assert db(np.linalg.norm(kernels) / np.linalg.norm(chair)) < -10.0


def test_a_room_of_the_continuous_form_is_learned_anew_from_a_few_bursts() -> None:
    """What arrives a period late is in the one and not in the other."""
    rng = np.random.default_rng(2)
    folded = 0.2 * echo(RIG, np.array([0.5, -0.4, 3.4]))
    back, t_ns = background(), 0
    for _ in range(60):
        back.step(room() + folded + noise(rng), t_ns, [])
        t_ns += 10**8
    assert back.settled
    for k in range(FIRST_PERIODS):
        kernels = back.step(room() + noise(rng), t_ns, [], burst=True)
        t_ns += EVERY_NS
        assert back.settled == (k == FIRST_PERIODS - 1)
    assert kernels is not None
    assert db(np.linalg.norm(kernels) / np.linalg.norm(folded)) < -15.0


@pytest.mark.parametrize("burst", [False, True])
def test_a_microphone_that_was_dead_while_the_room_was_learned_is_learned_by_itself(
    burst: bool,
) -> None:
    rng = np.random.default_rng(3)
    every_ns = EVERY_NS if burst else 10**8
    dead = np.ones((6, 1), np.complex64)
    dead[2] = 0.0
    back, t_ns = background(), 0
    for _ in range(20):
        back.step(dead * (room() + noise(rng)), t_ns, [], burst=burst)
        t_ns += every_ns
    assert back.ready
    assert back.known.tolist() == [True, True, False, True, True, True]
    body = 0.05 * echo(RIG, BODY)
    # It works again while somebody is there: the others go on, this one waits.
    kernels = back.step(room() + body + noise(rng), t_ns, [Occupant(FIRST)], burst=burst)
    assert kernels is not None
    assert not kernels[2].any()
    assert left_db(np.delete(kernels, 2, 0), np.delete(body, 2, 0)) < -6.0
    for _ in range(FIRST_PERIODS + 1):
        t_ns += every_ns
        back.step(room() + noise(rng), t_ns, [], burst=burst)
    assert back.known.all()
    t_ns += every_ns
    kernels = back.step(room() + body + noise(rng), t_ns, [Occupant(FIRST)], burst=burst)
    assert kernels is not None
    assert left_db(kernels[2], body[2]) < -6.0
    assert back.rejected == 0
