"""The size that sound alone finds: wrong guesses, late echoes, and how sure it may be."""

from dataclasses import replace

import numpy as np
import pytest

from edge.behaviour.places import LEAST_PERIODS
from edge.behaviour.size.heard_size import ECHO_SIGMA, MOST_SIGMA, HeardSize
from edge.core.pose import ImageDistance, LiftedPose
from edge.core.stature import DepthProfile, standing_height
from tests.support.bodies import standing

PLACES = [(x, y) for y in (2.0, 2.8, 3.6, 4.4) for x in (-1.2, -0.4, 0.4, 1.2)]
IMAGE_SIGMA = 0.1  # as a network says that sees no floor
GUESS_SIGMA = 0.13  # as it is
OFFSETS = np.linspace(-0.45, 0.45, 64)
CHILD, ADULT = float(np.log(1.28)), float(np.log(1.6))


def lifted(
    guess: float, echoes: dict[float, float], at: tuple[float, float], *, told: bool = True
) -> LiftedPose:
    """What a lifter makes of somebody with echoes. guess: log height by the
    image. echoes: how loud (log likelihood) at which log height. told: with what sound alone says.
    """
    body = standing(float(np.exp(guess)), at)[:15]
    distance = float(np.linalg.norm(body[8]))
    prior = -0.5 * (OFFSETS / IMAGE_SIGMA) ** 2
    heard = np.zeros(len(OFFSETS))
    for size, loud in echoes.items():
        heard = np.logaddexp(heard, loud - 0.5 * ((OFFSETS - size + guess) / 0.02) ** 2)
    p = np.exp(prior + heard - (prior + heard).max())
    p /= p.sum()
    mean = float(p @ OFFSETS)
    spread = float(np.sqrt(p @ (OFFSETS - mean) ** 2))
    return LiftedPose(
        body * np.exp(mean),
        np.full(15, spread * distance * np.exp(mean)),
        np.full(15, 0.9),
        "sound",
        10.0,
        image=ImageDistance(distance, IMAGE_SIGMA * distance, "height"),
        heard=DepthProfile(np.log(distance) + OFFSETS, heard) if told else None,
    )


def test_an_echo_that_is_soft_but_comes_again_wins_against_a_wrong_guess() -> None:
    """A child whom the image takes for an adult: in each place most poses stay near the guess."""
    belief, repeated = HeardSize(), []
    for at in PLACES[:6]:
        both = lifted(ADULT, {CHILD: 2.5}, at)
        for _ in range(3):
            belief.update(both)
        repeated.append(np.log(standing_height(both.joints)) - CHILD)
    assert np.mean(repeated) > 0.1, "the poses themselves"
    assert belief.belief is not None
    assert abs(belief.belief.log_height - CHILD) < 0.06
    assert belief.belief.sigma < 0.08


def test_a_late_echo_beside_the_guess_makes_nobody_sure() -> None:
    """By way of a wall, in every second place: the child's own echo is not heard there."""
    belief, sure = HeardSize(), HeardSize()
    for k, at in enumerate(PLACES[:4]):
        belief.update(lifted(ADULT, {CHILD + 0.2 * (k % 2): 3.0}, at))
        sure.update(lifted(ADULT, {CHILD: 3.0}, at))
    assert sure.belief is not None
    assert abs(sure.belief.log_height - CHILD) < 0.08
    if belief.belief is not None:
        assert belief.belief.sigma > abs(belief.belief.log_height - CHILD)
        assert belief.belief.sigma > 1.3 * sure.belief.sigma


def test_it_is_as_sure_as_it_is_right_where_echoes_are_wrong_more_often_than_not() -> None:
    """People of whom the image is wrong as it usually is; half of the echoes are late, and one in
    ten is somebody else's.
    """
    errors, sigmas, guesses = [], [], []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        true = float(np.log(1.5)) + 0.14 * rng.standard_normal()
        guess = true + GUESS_SIGMA * rng.standard_normal()
        belief = HeardSize()
        for at in PLACES[:5]:
            drawn = rng.random()
            heard = true + ECHO_SIGMA * rng.standard_normal()
            if drawn < 0.5:
                heard += rng.uniform(0.0, 0.4)
            elif drawn < 0.6:
                heard = true + rng.uniform(-0.4, 0.4)
            belief.update(lifted(guess, {heard: rng.uniform(1.0, 5.0)}, at))
        if belief.belief is not None:
            errors.append(belief.belief.log_height - true)
            sigmas.append(belief.belief.sigma)
            guesses.append(guess - true)
    assert len(errors) > 60
    assert 0.6 <= np.mean(np.abs(errors) < sigmas) <= 0.95
    assert np.sqrt(np.mean(np.square(errors))) < 0.8 * np.sqrt(np.mean(np.square(guesses)))
    assert max(sigmas) <= MOST_SIGMA


def test_sound_that_repeats_the_image_teaches_nothing() -> None:
    belief = HeardSize()
    for at in PLACES:
        both = lifted(ADULT, {}, at)
        belief.update(both)
        belief.update(replace(both, scale_source="memory"))
        belief.update(replace(both, heard=None, image=None))
    assert belief.belief is None


def test_a_thousand_poses_in_one_place_are_no_surer_than_ten() -> None:
    few, many = HeardSize(), HeardSize()
    for k in range(1000):
        pair = lifted(ADULT, {ADULT: 4.0}, PLACES[0])
        if k < 10:
            few.update(pair)
        many.update(pair)
    assert few.belief is not None
    assert many.belief is not None
    assert many.belief.sigma == pytest.approx(few.belief.sigma, rel=0.05)


def test_a_lifter_without_profiles_is_heard_by_its_mean_and_sigma() -> None:
    belief, same = HeardSize(), HeardSize()
    for at in PLACES[:6]:
        belief.update(lifted(ADULT, {CHILD: 9.0}, at, told=False))
        same.update(lifted(ADULT, {}, at, told=False))
    assert belief.belief is not None
    assert abs(belief.belief.log_height - CHILD) < 0.05
    assert same.belief is None


def test_somebody_else_under_the_same_number_starts_anew() -> None:
    belief, tall = HeardSize(), float(np.log(1.85))
    for at in PLACES[:6]:
        belief.update(lifted(CHILD, {CHILD: 5.0}, at))
    assert belief.belief is not None
    assert abs(belief.belief.log_height - CHILD) < 0.03
    for at in PLACES[6:12]:
        for _ in range(LEAST_PERIODS):
            belief.update(lifted(tall, {tall: 5.0}, at))
    assert belief.belief is not None
    assert abs(belief.belief.log_height - tall) < 0.1
