"""The empty room is learned, and what is left of it measured."""

import numpy as np

from edge.core.rig import Camera, Rig
from edge.sensor.pipeline import PeriodResponses
from edge.sound.health.usable_pairs import UsablePairs
from edge.sound.room.background import Background
from edge.tools.calibration.room_residual import WatchedRoom, learn_room


def learned(noise, person_from=None, periods=60):
    """Periods of one room, 0.1 s apart; somebody is seen from a number on."""
    rng = np.random.default_rng(1)
    rig = Rig(
        np.zeros((1, 3)),
        np.array([[0.1, 0.0, 0.0]]),
        np.zeros((1, 2), int),
        Camera(64, 48, 50, 50, 32, 24),
        343.0,
    )
    usable = UsablePairs(np.arange(1), rig)
    room = (rng.normal(size=(1, 640)) + 1j * rng.normal(size=(1, 640))) * np.exp(
        -np.arange(640) / 150
    )
    hiss = lambda: noise * (rng.normal(size=(1, 640)) + 1j * rng.normal(size=(1, 640)))  # noqa: E731
    measured = [
        PeriodResponses(k, k * 10**8, (room + hiss()).astype(np.complex64), usable)
        for k in range(periods)
    ]
    person = np.arange(periods) >= (periods if person_from is None else person_from)
    watched = WatchedRoom(measured, np.arange(periods) * 10**8, person)
    return learn_room(watched, Background(rig, 16000.0, (2000.0, 7500.0), 640))


def test_the_empty_room_is_learned_while_nobody_is_seen():
    part, step = learned(0.001)
    assert step.outcome == "ok"
    assert part.periods == 60
    assert part.left_db < -40
    loud, step = learned(0.2)
    assert loud is not None
    assert loud.left_db > part.left_db + 20
    assert step.outcome == "warning"
    part, _ = learned(0.001, person_from=40)
    assert part.periods == 30  # and none within a second of somebody
    part, step = learned(0.001, person_from=0)
    assert part is None
    assert step.outcome == "open"
