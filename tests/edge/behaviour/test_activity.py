"""Posture, heading, speed and heights of stick figures, with noise and hidden joints."""

import numpy as np
import pytest

from edge.behaviour.activity import HOLD_S, VISIT_S, WINDOW_S, ActivityTracker
from edge.core.arrays import Array
from edge.core.config import ZoneConfig
from edge.core.pose import Activity, Posture
from tests.support.bodies import figure, lying, noisy, seated, watch

POSES: list[tuple[Posture, dict[str, float]]] = [
    ("standing", {}),
    ("standing", {"lean_deg": 20.0}),
    ("bending", {"lean_deg": 60.0, "hip": 0.5}),
    ("bending", {"lean_deg": 110.0, "hip": 0.48}),
    ("bending", {"hip": 0.3, "thigh_deg": 75.0, "shank_deg": -50.0, "lean_deg": 30.0}),  # crouching
    ("bending", {"hip": 0.27, "shank_deg": -88.0}),  # kneeling
    ("bending", {"hip": 0.27, "shank_deg": -88.0, "lean_deg": 85.0}),  # on all fours
    ("sitting", {"hip": 0.3, "thigh_deg": 90.0}),
    ("sitting", {"hip": 0.3, "thigh_deg": 90.0, "lean_deg": -25.0, "shank_deg": 25.0}),
    ("sitting", {"hip": 0.28, "thigh_deg": 90.0, "lean_deg": 35.0}),
    ("sitting", {"hip": 0.46, "thigh_deg": 90.0}),  # on a high chair
    ("sitting", {"hip": 0.06, "thigh_deg": 90.0, "shank_deg": 88.0}),  # on the floor
    ("lying", {"hip": 0.07, "lean_deg": -90.0, "thigh_deg": 90.0, "shank_deg": 90.0}),
    ("lying", {"hip": 0.3, "lean_deg": -85.0, "thigh_deg": 90.0, "shank_deg": 90.0}),  # on a bed
    ("lying", {"hip": 0.07, "lean_deg": -90.0, "thigh_deg": 130.0, "shank_deg": 40.0}),  # knees up
]


@pytest.mark.parametrize("height_m", [1.15, 1.7, 1.98])
@pytest.mark.parametrize(("posture", "shape"), POSES)
def test_postures_of_all_sizes(posture: Posture, shape: dict[str, float], height_m: float) -> None:
    activities = watch(ActivityTracker(), [figure(height_m, **shape)] * 20)  # type: ignore[arg-type]
    assert activities[-1].posture == posture
    assert activities[-1].standing_height_m == pytest.approx(height_m, abs=0.02)


@pytest.mark.parametrize(("posture", "shape"), POSES)
def test_postures_with_the_lifters_noise(posture: Posture, shape: dict[str, float]) -> None:
    activities = watch(ActivityTracker(), noisy([figure(1.7, **shape)] * 200, 0.06))[20:]  # type: ignore[arg-type]
    assert np.mean([a.posture == posture for a in activities]) > 0.9


@pytest.mark.parametrize("heading_deg", [-170.0, -90.0, 0.0, 45.0, 135.0])
def test_heading(heading_deg: float) -> None:
    activities = watch(ActivityTracker(), noisy([figure(heading_deg=heading_deg)] * 50, 0.02))
    off = (np.array([a.heading_deg for a in activities[20:]]) - heading_deg + 180.0) % 360.0 - 180.0
    assert np.abs(off).max() < 25.0
    assert np.abs(off.mean()) < 6.0


def test_who_lies_has_no_heading() -> None:
    assert watch(ActivityTracker(), [lying()] * 20)[-1].heading_deg is None


@pytest.mark.parametrize("speed_m_s", [0.7, 1.2])
def test_walking_has_a_speed_and_a_direction(speed_m_s: float) -> None:
    step = 0.1 * speed_m_s * np.array([np.sin(0.5), np.cos(0.5)])
    poses = [
        figure(place=tuple(np.array([-1.0, 2.0]) + k * step), heading_deg=-np.degrees(0.5))
        for k in range(40)
    ]
    activities = watch(ActivityTracker(), noisy(poses, 0.03))
    assert {a.posture for a in activities[12:]} == {"walking"}
    assert np.mean([a.speed_m_s for a in activities[12:]]) == pytest.approx(speed_m_s, rel=0.1)
    assert np.mean([a.heading_deg for a in activities[20:]]) == pytest.approx(
        -np.degrees(0.5), abs=6.0
    )
    stopped = watch_on(activities, noisy([poses[-1]] * 40, 0.03, seed=1), poses)
    assert stopped[-1].posture == "standing"
    assert stopped[-1].speed_m_s == pytest.approx(0.0, abs=0.2)


def watch_on(activities: list[Activity], more: list[Array], before: list[Array]) -> list[Activity]:
    """The activities after the same person goes on to do something else."""
    return watch(ActivityTracker(), [*before, *more])[len(activities) :]


def test_one_wrong_pose_changes_nothing_and_a_new_posture_is_reported_within_a_second() -> None:
    wrong = [lying() if k % 6 == 5 else figure() for k in range(60)]
    assert {a.posture for a in watch(ActivityTracker(), wrong)[1:]} <= {"standing", "walking"}
    activities = watch(ActivityTracker(), [figure()] * 20 + [seated()] * 20)
    first = [a.posture for a in activities].index("sitting")
    assert 20 < first <= 20 + round((WINDOW_S + HOLD_S) * 10) + 1


def test_heights_and_place() -> None:
    last = watch(ActivityTracker(), [seated(1.8, place=(0.5, 2.5))] * 10)[-1]  # type: ignore[arg-type]
    assert last.hip_height_m == pytest.approx(0.3 * 1.8)
    assert last.chest_height_m == pytest.approx((0.3 + 0.288) * 1.8)
    assert last.floor_m == pytest.approx((0.5, 2.5))


def test_without_a_room_frame_only_the_height_is_known() -> None:
    last = watch(ActivityTracker(), [figure(1.8)] * 10, room=False)[-1]
    assert last == Activity(standing_height_m=last.standing_height_m)
    assert last.standing_height_m == pytest.approx(1.8, abs=0.02)


def test_an_assumed_height_is_not_reported_as_a_measured_one() -> None:
    assert (
        watch(ActivityTracker(), [figure()] * 10, scale_source="height")[-1].standing_height_m
        is None
    )


def test_height_is_steady_and_belongs_to_one_visit() -> None:
    tracker = ActivityTracker()
    activities = watch(
        tracker, [figure(1.75 * size) for size in [1.0] * 15 + [1.3] * 5 + [1.0] * 10]
    )
    assert max(a.standing_height_m or 0.0 for a in activities) == pytest.approx(1.75, abs=0.02)
    (later,) = watch(tracker, [figure(1.1)], start_s=4.0 + VISIT_S)
    assert later.standing_height_m == pytest.approx(1.1, abs=0.02)


def test_joints_that_are_not_seen_are_not_used() -> None:
    hidden = np.full(15, 0.9)
    hidden[[10, 11, 13, 14]] = 0.1  # behind a table
    wrong = seated()
    wrong[[10, 11, 13, 14]] += [0.0, 0.0, 2.0]
    assert watch(ActivityTracker(), [wrong] * 20, confidence=hidden)[-1].posture == "sitting"
    hidden[:] = 0.9
    hidden[[8, 9, 12]] = 0.1
    last = watch(ActivityTracker(), [figure()] * 20, confidence=hidden)[-1]
    assert (last.posture, last.floor_m, last.hip_height_m) == ("unknown", None, None)
    assert last.chest_height_m is not None


def test_a_step_backwards_in_time_starts_anew() -> None:
    tracker = ActivityTracker()
    watch(tracker, [seated()] * 20, start_s=10.0)
    assert watch(tracker, [figure()], start_s=2.0)[0].posture == "standing"


@pytest.mark.parametrize("gap_s", [2.0, 60.0])
def test_whoever_is_elsewhere_after_a_gap_has_not_walked_there_at_once(gap_s: float) -> None:
    tracker = ActivityTracker()
    watch(tracker, [figure(place=(-1.5, 2.0))] * 20)
    there = watch(tracker, [figure(place=(1.5, 3.5))] * 20, start_s=2.0 + gap_s)
    assert {a.posture for a in there} == {"standing"}
    assert all(a.speed_m_s is None or a.speed_m_s < 0.1 for a in there)
    assert there[0].floor_m == pytest.approx((1.5, 3.5), abs=0.2)


def test_zones_follow_the_smoothed_place() -> None:
    zone = ZoneConfig("Sofa", ((-0.5, 2.5), (0.5, 2.5), (0.5, 3.5), (-0.5, 3.5)))
    activities = watch(
        ActivityTracker([zone]), noisy([figure()] * 30 + [figure(place=(1.5, 3.0))] * 30, 0.05)
    )
    assert activities[0].zones == ()
    assert activities[25].zones == ("Sofa",)
    assert activities[-1].zones == ()


def test_activities_do_not_depend_on_what_the_clock_says() -> None:
    walk = noisy([figure(1.7, lean_deg=2.0 * k) for k in range(40)], 0.03)
    one = watch(ActivityTracker(), walk, start_s=1.0)
    assert all(watch(ActivityTracker(), walk, start_s=s) == one for s in (7.7, 778.7, 123456.789))
