"""Patterns: on-axis gain, mirrored images, and agreement of the kernels with the formula."""

import numpy as np
import pytest

from export.acoustics.capsules import capsule_surface
from export.acoustics.directivity import (
    Directivity,
    omnidirectional,
    pattern_gain,
    sample_directivity,
)
from export.acoustics.physical_optics import PeriodGrid
from export.acoustics.room_response import body_response, empty_response
from export.acoustics.shoebox import Room

pytestmark = pytest.mark.export

C = 343.4
GRID = PeriodGrid(48000, 4800, (2000.0, 7500.0))
SPEAKER, MIC = np.array([[-0.5, 0.1, 0.2]]), np.array([[0.6, -0.1, 0.4]])


def a_room(wall: float = 0.0, index: int = 0) -> Room:
    reflections = np.zeros(6)
    reflections[index] = wall
    return Room(np.array([5.0, 6.0, 2.7]), reflections, np.eye(3), np.array([2.5, 1.0, 1.2]))


def test_a_cardioid_has_gain_zero_behind_and_one_on_its_axis():
    axis = np.array([0.0, 0.0, 1.0])
    assert pattern_gain(
        axis, np.array([[0.0, 0.0, 3.0], [0.0, 0.0, -2.0], [1.0, 0.0, 0.0]])
    ) == pytest.approx([1.0, 0.0, 0.5])
    assert pattern_gain(0.0 * axis, np.array([0.3, 0.2, 0.1])) == pytest.approx(1.0)


def test_drawn_patterns_look_forward_and_are_weak():
    d = sample_directivity(np.random.default_rng(1), np.array([0.0, 0.0, 1.0]), 300, 4)
    strength = np.linalg.norm(d.speakers, axis=1)
    assert strength.max() <= 0.6
    assert (d.speakers[:, 2] > 0.0).mean() > 0.95
    assert np.ptp(d.mics, axis=0).max() == 0.0
    turn = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    assert d.turned(turn).speakers[0] == pytest.approx(turn @ d.speakers[0])


@pytest.mark.parametrize("wall", range(6))
def test_a_mirrored_path_has_the_directions_of_the_geometry(wall):
    """One wall only: the direct path and a reflection, weighed at both their ends."""
    aims = Directivity(np.array([[0.3, -0.2, 0.4]]), np.array([[-0.1, 0.5, 0.2]]))
    room = a_room(0.9, wall)

    def reflected(directivity: Directivity) -> np.ndarray:
        with_wall, without = (
            empty_response(r, SPEAKER, MIC, GRID, C, 0.05, directivity) for r in (room, a_room())
        )
        return with_wall[0, 0] - without[0, 0]

    band = GRID.band_gain > 0.5
    got = (
        np.abs(reflected(aims)[band]).mean()
        / np.abs(reflected(omnidirectional(SPEAKER, MIC))[band]).mean()
    )
    axis, end = wall // 2, wall % 2
    s, m = room.place(SPEAKER[0]), room.place(MIC[0])
    mirror = m.copy()
    mirror[axis] = 2.0 * (room.size_m[axis] if end else 0.0) - m[axis]
    share = abs(s[axis] - (room.size_m[axis] if end else 0.0)) / abs(s[axis] - mirror[axis])
    bounce = s + share * (mirror - s)
    wanted = pattern_gain(aims.speakers[0], bounce - s) * pattern_gain(aims.mics[0], bounce - m)
    assert got == pytest.approx(wanted, rel=1e-3)


def test_an_echo_is_weaker_behind_the_speaker():
    ball = capsule_surface(
        np.array([[0.0, 0.0, 2.5, 0.0, 0.0, 2.501, 0.06]]), 0.006, 0.0, np.random.default_rng(0)
    )

    def level(axis: float) -> float:
        aims = Directivity(np.array([[0.0, 0.0, axis]]), np.zeros((1, 3)))
        return float(
            np.abs(
                body_response(a_room(), ball, SPEAKER, MIC, GRID, C, order=0, directivity=aims)
            ).mean()
        )

    towards = np.array([0.0, 0.0, 2.5]) - SPEAKER[0]
    cosine = towards[2] / np.linalg.norm(towards)
    assert level(-0.5) / level(0.5) == pytest.approx(
        (1.0 - 0.5 * cosine) / (1.0 + 0.5 * cosine), rel=1e-3
    )
