"""Scenes of several people do what their names say."""

import numpy as np
import pytest

from edge.core.pose import SEEN
from export.bodies.acting import RATE_HZ
from export.simulate.moving.scripts import (
    EMPTY_S,
    HIDDEN_S,
    come_and_go,
    crossing,
    entrance,
    occlusion,
)
from export.simulate.moving.sights import joints_shown, sights
from tests.support.bodies import CAMERA, standing

pytestmark = pytest.mark.export

EMPTY = round(EMPTY_S * RATE_HZ)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_two_people_who_cross_change_sides_and_stay_in_view(seed):
    scene = crossing(np.random.default_rng(seed))
    hips = scene.joints[EMPTY:, :, 8]
    bearing = hips[..., 0] / hips[..., 2]
    assert np.sign(bearing[0, 0] - bearing[0, 1]) == -np.sign(bearing[-1, 0] - bearing[-1, 1])
    assert np.linalg.norm(hips[:, 0] - hips[:, 1], axis=1).min() > 0.5
    assert scene.in_view[EMPTY:].all()
    steps = np.linalg.norm(np.diff(hips, axis=0), axis=-1) * RATE_HZ
    assert steps.max() < 3.0, "nobody jumps"


def test_somebody_is_hidden_behind_another_for_one_to_three_seconds():
    scene = occlusion(np.random.default_rng(0))
    hidden = scene.hidden
    seconds = hidden.sum(axis=0) / RATE_HZ
    assert seconds[0] == 0.0, "the one in front is never hidden"
    assert HIDDEN_S[0] <= seconds[1] <= 2 * HIDDEN_S[1]
    assert not hidden[EMPTY].any()
    assert not hidden[-1].any()


def test_people_come_and_go_one_by_one():
    scene = come_and_go(np.random.default_rng(0), people=3, seconds=30.0)
    there = np.isfinite(scene.joints[:, :, 8, 0])
    assert not there[:EMPTY].any()
    for person in there.T:
        assert np.abs(np.diff(person.astype(int))).sum() <= 2, "each comes once and leaves once"
    assert set(scene.in_view.sum(axis=1)) >= {0, 1, 2}


def test_an_entrance_begins_beside_the_image():
    scene = entrance(np.random.default_rng(0))
    first = int(np.flatnonzero(scene.in_view[:, 0])[0])
    assert first > EMPTY
    assert scene.in_view[first:].all()


def two(x_behind: float) -> np.ndarray:
    return np.stack([standing(position=(0.0, 3.0)), standing(position=(x_behind, 5.0))])


def test_a_person_right_behind_another_is_hidden_and_one_beside_is_not():
    behind = joints_shown(two(0.0), CAMERA)[:, :15]
    beside = joints_shown(two(1.2), CAMERA)[:, :15]
    assert behind[0].all()
    assert behind[1].mean() < 0.35
    assert beside.all()


def test_the_detector_finds_who_is_shown_the_larger_first():
    rng = np.random.default_rng(0)
    behind = [[q for q, _ in sights(rng, two(0.0), CAMERA)] for _ in range(50)]
    beside = [sights(rng, two(1.2), CAMERA) for _ in range(50)]
    assert sum(0 in found for found in behind) >= 45
    assert sum(1 in found for found in behind) <= 5
    assert sum([q for q, _ in found] == [0, 1] for found in beside) >= 40
    assert sights(rng, np.full((2, 25, 3), np.nan), CAMERA) == []


def test_joints_behind_another_body_are_told_as_hidden():
    rng, joints = np.random.default_rng(0), two(0.55)
    shown = joints_shown(joints, CAMERA)[1]
    assert 3 < shown[:15].sum() < 15
    seen = [k.pixels[:, 2] >= SEEN for _ in range(50) for q, k in sights(rng, joints, CAMERA) if q]
    assert seen
    assert not any(s[~shown].any() for s in seen)
