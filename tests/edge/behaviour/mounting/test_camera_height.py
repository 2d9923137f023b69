"""A camera whose height was told wrong is noticed by the feet of those whom sound places."""

import dataclasses
import re

import numpy as np
import pytest

from edge.behaviour.mounting.camera_height import LEAST_PLACES, MOST_PLACES, SOLE_M, CameraHeight
from edge.core.pose import LiftedPose, ScaleSource
from tests.support.bodies import HANGS_M, WALK, WALK_POSES, figure, hung_camera, lifted, seated


def found(told_m: float | None, poses: list[LiftedPose], each: int = 4) -> str | None:
    check = CameraHeight(hung_camera(told_m))
    for pose in (p for p in poses for _ in range(each)):
        check([pose])
    return None if check.problem is None else check.problem.found


@pytest.mark.parametrize(("off_m", "where"), [(0.3, "above"), (-0.2, "below")])
def test_a_wrong_height_is_told(off_m: float, where: str) -> None:
    words = re.search(r"about (\d+) cm (\w+) the floor", str(found(HANGS_M + off_m, WALK_POSES)))
    assert words is not None
    assert int(words[1]) == pytest.approx(100.0 * abs(off_m), abs=10.0)
    assert words[2] == where


def test_the_right_one_is_not_nor_an_error_of_the_tape_measure() -> None:
    for told_m in (HANGS_M, HANGS_M + 0.05, HANGS_M - 0.05):
        poses = [lifted(p, jitter_m=0.08, seed=k) for k, p in enumerate(WALK)]
        assert found(told_m, poses) is None


def test_it_is_over_when_people_stand_on_the_floor_again() -> None:
    poses = [lifted(p) for p in WALK]
    check = CameraHeight(hung_camera(HANGS_M + 0.3))
    raised = [lifted(p + np.array([0.0, 0.0, -0.3])) for p in WALK]
    problems = [check([pose]) is not None for p in (*poses, *raised) for pose in [p] * 20]
    assert any(problems)
    assert not problems[-1]


@pytest.mark.parametrize("source", ["floor", "memory", "height"])
def test_only_sound_tells(source: ScaleSource) -> None:
    assert found(HANGS_M + 0.3, [lifted(p, source) for p in WALK]) is None


def test_somebody_on_a_stool_or_a_seat_is_no_reason() -> None:
    up = np.array([0.0, 0.0, 0.5])
    on_the_floor, stool = [lifted(p) for p in WALK], lifted(figure(place=(0.5, 5.0)) + up)
    assert found(HANGS_M, [*on_the_floor, *[stool] * 20]) is None
    assert (
        found(HANGS_M + 0.3, [lifted(seated() + np.array([x, 0.0, 0.0])) for x in range(9)]) is None
    )


def test_it_says_how_high_the_camera_hangs_by_their_feet() -> None:
    check = CameraHeight(hung_camera(HANGS_M + 0.3))
    assert check.camera.height_m == pytest.approx(HANGS_M + 0.3)
    for pose in [p for p in WALK_POSES for _ in range(4)]:
        check([pose])
    assert check.camera.height_m == pytest.approx(HANGS_M, abs=0.051)
    assert check.camera.tilt_deg == 10.0
    assert check.problem is not None
    assert "its height of 1.80 m" in check.problem.cause
    assert f"about {check.camera.height_m:.2f} m" in check.problem.remedy


def test_what_is_told_does_not_come_and_go_with_every_step() -> None:
    """Off by little more than counts, sound by 4 % from place to place and as much from pose to
    pose.
    """
    for seed in range(12):
        rng, check = np.random.default_rng(seed), CameraHeight(hung_camera(HANGS_M + 0.22))
        of_place = 1.0 + 0.04 * rng.standard_normal(len(WALK))
        problems = []
        for k in rng.integers(len(WALK), size=500):
            off = of_place[k] * (1.0 + 0.04 * rng.standard_normal())
            pose = dataclasses.replace(WALK_POSES[k], joints=WALK_POSES[k].joints * off)
            problems.append(check([pose]))
        known = [problem is not None for problem in problems]
        assert np.abs(np.diff(known)).sum() <= 4
        assert len({problem.found for problem in problems if problem is not None}) <= 3


def on_a_platform(places: int) -> list[LiftedPose]:
    up = np.array([0.0, 0.0, 0.3])
    return [lifted(figure(place=(0.7 * (k % 5) - 1.4, 3.5 + 0.7 * (k // 5))) + up) for k in
            range(places)]  # fmt: skip


@pytest.mark.parametrize("floor_places", [2, 4, 9])
def test_who_comes_down_from_a_platform_is_believed_within_minutes(floor_places: int) -> None:
    check, platform = CameraHeight(hung_camera(HANGS_M)), on_a_platform(12)
    for pose in platform * 12:
        check([pose])
    assert check.problem is not None
    assert "platform" in check.problem.cause
    floor = [lifted(figure(place=(0.7 * k - 2.0, 2.0))) for k in range(floor_places)]
    both_ways = [*floor, *on_a_platform(2)]  # and now and then somebody goes up once more
    for pose in (p for _ in range(40) for p in both_ways for _ in range(2)):
        check([pose])
    assert check.problem is None


def test_a_camera_that_slips_is_noticed_though_not_all_its_places_are_seen_again() -> None:
    check = CameraHeight(hung_camera(HANGS_M + 0.3))
    raised = [lifted(p + np.array([0.0, 0.0, -0.3])) for p in WALK]
    for pose in raised * 20:
        check([pose])
    assert check.problem is None
    for pose in (WALK_POSES[k] for _ in range(20) for k in (0, 1, 2, 4, 5)):
        check([pose])
    assert check.problem is not None


def test_somebody_who_climbs_stairs_is_no_reason() -> None:
    climb = [
        lifted(figure(place=(0.3, 3.0 + 0.56 * k)) + np.array([0.0, 0.0, 0.34 * (k + 1)]))
        for k in range(9)
    ]
    assert found(HANGS_M, climb, each=2) is None


def test_of_short_people_not_those_errors_alone_count_that_lift_them() -> None:
    """A woman of 1.55 m whose soles sound puts where it puts everybody's, give or take 5 cm."""
    check, shown = CameraHeight(hung_camera(HANGS_M)), lifted(figure(1.55, (0.0, 3.0)))
    below_m = -(shown.joints @ hung_camera(HANGS_M).room_rotation.T)[:, 2].min()
    for off_m in (SOLE_M + 0.05, SOLE_M - 0.05) * 5:
        check([dataclasses.replace(shown, joints=shown.joints * (1.0 - off_m / below_m))])
    (place,) = check._places
    assert len(place.soles) == 10
    assert abs(np.mean(place.soles)) < 0.02


def test_all_the_places_of_a_large_room_count_until_there_are_too_many() -> None:
    check = CameraHeight(hung_camera(HANGS_M))
    for number in range(MOST_PLACES + 5):
        check([lifted(figure(place=(0.0, 2.0 + number)))])
        assert len(list(check._places)) == min(number + 1, MOST_PLACES)
    assert list(check._places)[-1].where[1] == pytest.approx(2.0 + number, abs=0.3)


def test_a_few_places_are_too_few() -> None:
    few = [lifted(p) for p in WALK[: LEAST_PLACES - 1]]
    assert found(HANGS_M + 0.3, few, each=40) is None


def test_without_a_height_nothing_is_judged() -> None:
    assert found(None, [lifted(p) for p in WALK]) is None
