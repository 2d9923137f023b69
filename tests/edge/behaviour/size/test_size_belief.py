"""The size that somebody keeps: how fast it is known, how sure, and what does not break it."""

from dataclasses import replace

import numpy as np
import pytest

from edge.behaviour.size.size_belief import (
    COMMON_SIGMA,
    CONTRADICTION,
    FOLDED_BIAS,
    PERIOD_SIGMA,
    PLACE_SIGMA,
    SHAPE_SIGMA,
    SizeBelief,
)
from edge.core.pose import LiftedPose
from tests.support.bodies import CAMERA, standing

TRUE_M = 1.62
PLACES = [(x, y) for y in (2.0, 2.8, 3.6, 4.4) for x in (-1.2, -0.4, 0.4, 1.2)]


def pose(
    height_m: float, at: tuple[float, float] = (0.0, 3.0), sigma_m: float = 0.06, source="sound"
) -> LiftedPose:
    joints = standing(height_m, at)[:15]
    return LiftedPose(joints, np.full(15, sigma_m), np.full(15, 0.9), source, 10.0)


def walk(rng: np.random.Generator, belief: SizeBelief, places: int, true_m: float = TRUE_M) -> None:
    """Three periods in each place; what is wrong there is the same in all three, and what is wrong
    with the body's shape and with sound is the same everywhere.
    """
    everywhere = np.hypot(SHAPE_SIGMA, COMMON_SIGMA["sound"]) * rng.standard_normal()
    for at in PLACES[:places]:
        wrong = everywhere + PLACE_SIGMA * rng.standard_normal()
        for _ in range(3):
            size = true_m * np.exp(wrong + PERIOD_SIGMA * rng.standard_normal())
            belief.update(pose(size, at))


def off(belief: SizeBelief) -> float:
    """Of the true size, in per cent."""
    assert belief.belief is not None
    return 100 * (belief.belief.log_height - float(np.log(TRUE_M)))


@pytest.mark.parametrize(("places", "per_cent"), [(1, 6.5), (4, 4.2), (16, 3.1)])
def test_it_is_as_sure_as_it_is_right(places: int, per_cent: float) -> None:
    errors, sigmas = [], []
    for seed in range(150):
        belief = SizeBelief()
        walk(np.random.default_rng(seed), belief, places)
        assert belief.belief is not None
        errors.append(off(belief))
        sigmas.append(100 * belief.belief.sigma)
    assert np.sqrt(np.mean(np.square(errors))) < per_cent
    within = np.mean(np.abs(errors) < sigmas)
    assert 0.6 <= within <= 0.76
    assert np.median(sigmas) < per_cent


def test_a_thousand_poses_in_one_place_are_no_surer_than_ten() -> None:
    few, many = SizeBelief(), SizeBelief()
    for k in range(1000):
        if k < 10:
            few.update(pose(1.7))
        many.update(pose(1.7))
    assert few.belief is not None
    assert many.belief is not None
    assert many.belief.sigma > 0.9 * few.belief.sigma > 0.038


@pytest.mark.parametrize("roll_deg", [0.0, 90.0, 180.0, -90.0])
def test_who_stands_is_upright_however_the_camera_is_turned(roll_deg: float) -> None:
    camera, upright = replace(CAMERA, roll_deg=roll_deg), SizeBelief()
    turned = SizeBelief(camera.image_down)
    joints = camera.from_room(CAMERA.to_room(pose(1.7).joints))
    upright.update(pose(1.7, source="floor"))
    turned.update(replace(pose(1.7, source="floor"), joints=joints))
    assert upright.belief is not None
    assert turned.belief is not None
    assert turned.belief.log_height == pytest.approx(upright.belief.log_height)
    turned.update(replace(pose(1.7), joints=joints))
    assert {place.kind for place in turned._places} == {"floor", "sound"}


def test_a_pose_without_evidence_teaches_nothing() -> None:
    belief = SizeBelief()
    for source in ("memory", "height"):
        belief.update(pose(1.7, source=source))
    belief.update(replace(pose(1.7), joints=np.full((15, 3), np.nan)))
    belief.update(replace(pose(1.7, source="floor"), joints=folded(1.7)))
    assert belief.belief is None


def folded(height_m: float) -> np.ndarray:
    """Sitting: the knees as high as the hips and in front of them, the legs down from there."""
    joints = standing(height_m, (0.0, 3.0))[:15].copy()
    for hip, knee, ankle in ((9, 10, 11), (12, 13, 14)):
        thigh, shin = np.linalg.norm(np.diff(joints[[hip, knee, ankle]], axis=0), axis=1)
        joints[knee] = joints[hip] - [0.0, 0.0, thigh]
        joints[ankle] = joints[knee] + [0.0, shin, 0.0]
    return joints


def test_the_floor_counts_as_one_witness_however_many_places_there_are() -> None:
    """The camera's height and tilt are off by the same everywhere: 2.7 %, and the shape by 2 %."""
    floor, sound, both = SizeBelief(), SizeBelief(), SizeBelief()
    for at in PLACES:
        for _ in range(5):
            floor.update(pose(1.7, at, source="floor"))
            sound.update(pose(1.6, at))
            both.update(pose(1.7, at, source="floor"))
            both.update(pose(1.6, at))
    assert floor.belief is not None
    assert sound.belief is not None
    assert both.belief is not None
    assert 0.033 < floor.belief.sigma < 0.04
    assert both.belief.sigma < sound.belief.sigma < 0.03
    # Sound over sixteen places is the surer one.
    share = (both.belief.log_height - np.log(1.6)) / np.log(1.7 / 1.6)
    assert 0.1 < share < 0.4


def test_who_sits_is_found_too_small_and_teaches_less() -> None:
    upright, sits = SizeBelief(), SizeBelief()
    for at in PLACES:
        upright.update(pose(1.7, at))
        moved = folded(1.7) + pose(1.7, at).joints[8] - folded(1.7)[8]
        sits.update(replace(pose(1.7, at), joints=moved))
    assert upright.belief is not None
    assert sits.belief is not None
    assert sits.belief.sigma > 2.5 * upright.belief.sigma
    assert sits.belief.log_height - upright.belief.log_height == pytest.approx(
        FOLDED_BIAS, abs=0.02
    )


def test_a_pose_that_is_hardly_better_than_a_guess_is_no_belief() -> None:
    belief = SizeBelief()
    belief.update(pose(1.7, sigma_m=0.6))
    assert belief.belief is None


def test_a_wall_taken_for_the_body_in_two_of_eight_places_moves_it_little() -> None:
    rng = np.random.default_rng(0)
    right, wrong = SizeBelief(), SizeBelief()
    for k, at in enumerate(PLACES[:8]):
        size = TRUE_M * np.exp(0.03 * rng.standard_normal())
        right.update(pose(size, at))
        wrong.update(pose(1.35 * size if k in (2, 5) else size, at))
    assert abs(off(wrong) - off(right)) < 4.0
    assert wrong.belief is not None
    assert right.belief is not None
    assert wrong.belief.sigma > 1.3 * right.belief.sigma


def test_a_wrong_first_echo_is_forgotten_within_a_few_places() -> None:
    belief = SizeBelief()
    belief.update(pose(1.4 * TRUE_M))
    for at in PLACES[:4]:
        for _ in range(3):
            belief.update(pose(TRUE_M, at))
    assert abs(off(belief)) < 4.0


def test_somebody_else_under_the_same_number_starts_anew() -> None:
    rng = np.random.default_rng(1)
    belief = SizeBelief()
    walk(rng, belief, 12)
    assert abs(off(belief)) < 4.0
    walk(rng, belief, 4, true_m=1.92)
    assert belief.belief is not None
    assert abs(100 * (belief.belief.log_height - np.log(1.92))) < 6.0
    assert belief.belief.sigma > 0.025, "of four places, not of sixteen"
    assert CONTRADICTION >= 3.0
