"""The floor's height, learned slowly from the feet of those who stand, and used for all heights."""

import numpy as np
import pytest

from edge.behaviour.activity import ActivityTracker
from edge.behaviour.floor import FARTHEST_M, MEMORY_S, Feet, FloorLevel
from edge.core.arrays import Array
from tests.support.bodies import figure, lying, noisy, seated, watch

RAISED = np.array([0.0, 0.0, 0.12])  # the error of the calibration [m]


def raised(poses: list[Array], by: float = 1.0) -> list[Array]:
    """As seen by a camera whose calibrated height is too large."""
    return [p + by * RAISED for p in poses]


def lie_height_m(tracker: ActivityTracker, before: list[Array]) -> float:
    """Reported height of the hips, really 0.12 m, of somebody who lies down afterwards."""
    activity = watch(tracker, noisy([*before, *raised([lying()] * 10)], 0.04))[-1]
    assert activity.hip_height_m is not None
    return activity.hip_height_m


def test_standing_shows_where_the_floor_is() -> None:
    assert lie_height_m(ActivityTracker(), []) == pytest.approx(0.24, abs=0.03)
    assert lie_height_m(ActivityTracker(), raised([figure()] * 300)) == pytest.approx(
        0.12, abs=0.04
    )
    walk = [figure(place=(0.0, 2.0 + 0.05 * k)) for k in range(60)]
    assert lie_height_m(ActivityTracker(), raised((walk + walk[::-1]) * 3)) == pytest.approx(
        0.12, abs=0.04
    )


def test_a_moment_counts_in_part() -> None:
    assert 0.16 < lie_height_m(ActivityTracker(), raised([figure()] * 30)) < 0.21


@pytest.mark.parametrize(
    "pose",
    [
        seated(),
        lying(),
        figure(hip=0.48, lean_deg=110.0),
        figure(hip=0.27, shank_deg=-88.0),
        figure(hip=0.07, thigh_deg=90),
    ],
)
def test_only_those_on_their_feet_show_it(pose: Array) -> None:
    assert lie_height_m(ActivityTracker(), raised([pose] * 300)) == pytest.approx(0.24, abs=0.03)


def test_feet_that_are_not_seen_show_nothing() -> None:
    tracker, hidden = ActivityTracker(), np.full(15, 0.9)
    hidden[[11, 14]] = 0.1
    watch(tracker, raised([figure()] * 300), confidence=hidden)
    (activity,) = watch(tracker, raised([lying()]), start_s=40.0)
    assert activity.hip_height_m == pytest.approx(0.24, abs=0.01)


def test_it_is_the_cameras_and_outlasts_a_visit() -> None:
    tracker = ActivityTracker()
    watch(tracker, raised([figure()] * 300))
    (activity,) = watch(tracker, raised([lying()]), start_s=100.0)
    assert activity.hip_height_m == pytest.approx(0.12, abs=0.03)


def level(feet_m: list[float], start_s: float = 1.0, floor: FloorLevel | None = None) -> FloorLevel:
    """The floor after somebody 1.7 m tall stood with feet at these heights, 0.1 s each."""
    floor = floor or FloorLevel()
    feet = Feet(floor)
    for k, foot_m in enumerate(feet_m):
        feet(foot_m + 0.82, foot_m, 1.0, 1.7, start_s + 0.1 * k)
    return floor


def test_it_stays_within_bounds() -> None:
    assert level([1.0] * 2000).offset_m == FARTHEST_M
    assert level([-1.0] * 2000).offset_m == -FARTHEST_M


def test_wrong_poses_do_not_move_it() -> None:
    steady = level([0.09] * 300).offset_m
    wild = level([0.8 if k % 3 == 0 else 0.09 for k in range(300)]).offset_m
    assert wild == pytest.approx(steady, abs=0.01)


def test_it_follows_a_camera_that_was_moved_within_its_memory() -> None:
    floor = level([0.09] * round(20 * MEMORY_S))
    before = floor.offset_m
    level([0.24] * round(10 * MEMORY_S), start_s=1.0 + 2.0 * MEMORY_S, floor=floor)
    assert floor.offset_m - before == pytest.approx(0.15 * MEMORY_S / (MEMORY_S + 3.0), abs=0.02)


def test_a_clock_that_steps_back_does_not_stop_it() -> None:
    floor = level([0.09] * 300, start_s=1e6)
    before = floor.offset_m
    level([0.29] * 600, start_s=1.0, floor=floor)
    assert floor.offset_m > before + 0.1


def test_everybody_shows_the_same_floor() -> None:
    floor = FloorLevel()
    standing, lies_down = ActivityTracker(floor=floor), ActivityTracker(floor=floor)
    watch(standing, raised([figure()] * 300))
    (activity,) = watch(lies_down, raised([lying()]))
    assert activity.hip_height_m == pytest.approx(0.12, abs=0.03)


def test_two_people_show_it_as_often_as_one_each() -> None:
    floor = FloorLevel()
    a, b = Feet(floor), Feet(floor)
    for k in range(300):
        a(0.91, 0.09, 1.0, 1.7, 0.1 * k)
        b(1.06, 0.24, 1.0, 1.7, 0.1 * k)
    low, high = level([0.09] * 300).offset_m, level([0.24] * 300).offset_m
    assert low + 0.03 < floor.offset_m < high - 0.03
