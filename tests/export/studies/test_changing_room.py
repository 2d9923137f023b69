"""The study of changing rooms in small: a home, its sounds, and the tables."""

import numpy as np
import pytest

from export.studies.changing_room import CHANGED_S, SILENT, ChangeOutcome
from export.studies.changing_room_report import changes_table, still_table
from export.studies.living_room import KINDS, Detector, breathing, make_home

pytestmark = pytest.mark.export


def test_a_home_has_a_person_in_view_who_walks_or_sits_there_and_breathes() -> None:
    walker, sitter = make_home(1, 0, 6.0), make_home(1, 0, 3.0, seated=True)
    assert walker.joints.shape == (60, 25, 3)
    assert len(walker.vertices) == 60
    assert np.ptp(walker.joints[:, 8], axis=0).max() > 0.4
    assert np.ptp(sitter.joints[:, 8], axis=0).max() < 0.1
    breaths = breathing(sitter, 4, np.array([0.02, 0.0, 0.0]))
    moved = np.linalg.norm(breaths.vertices[1] - breaths.vertices[3], axis=1)
    assert 0.008 < moved.max() < 0.011
    np.testing.assert_allclose(breaths.joints[0] - sitter.joints[0], [[0.02, 0.0, 0.0]] * 25)


def test_a_homes_person_is_found_with_errors_that_last_and_are_the_same_each_time() -> None:
    home = make_home(1, 0, 1.0)
    true = home.sound.scene.rig.true.camera.project(home.joints[0])[:15]
    off = []
    for seed in range(30):
        first, again = (Detector(home, np.random.default_rng(seed)) for _ in range(2))
        found = [first(0, t_s).pixels[:15, :2] for t_s in (0.0, 0.1, 0.2, 10.0)]
        np.testing.assert_array_equal(found[0], again(0, 0.0).pixels[:15, :2])
        off.append([f - true for f in found])
    now, next_one, soon, later = np.moveaxis(np.array(off), 1, 0)
    apart = [np.median(np.abs(other - now)) for other in (next_one, soon, later)]
    assert apart[0] < 0.65 * apart[2]
    assert apart[0] < apart[1] < 0.8 * apart[2]


def test_the_tables_give_means_after_the_change_over_those_without_one() -> None:
    after = np.where(np.arange(200) >= CHANGED_S * 10, 12.0, 5.0)
    errors = dict.fromkeys((*KINDS, SILENT), after)
    errors |= {"unchanged": np.full(200, 8.0), "dog": 1.1 * after}
    noticed = {kind: [2.0] if kind == "chair" else [] for kind in (*KINDS, SILENT)}
    lines = changes_table([ChangeOutcome(10.0, errors, noticed)]).splitlines()
    assert "| 8.0 | 1.00 |" in lines[2]
    assert "| a chair is moved | 12.0 | 1.50 | 12.0 | 12.0 | 12.0 | 12.0 | 0 | 1 |" in lines
    assert lines[6].endswith("| 1 | 0 |")  # the dog
    assert lines[-1].endswith("| - | - |")
    still = still_table([np.concatenate([np.full(120, 5.0), np.full(120, 6.0)])])
    assert still.splitlines()[-1] == "| 1 | 5.0 (5.0) | 6.0 (6.0) | 6.0 |"
