"""Standing height from limb lengths."""

import numpy as np
import pytest

from edge.core.stature import BONE_RATIOS, limb_heights, standing_height, standing_heights
from tests.support.bodies import standing


def test_each_limb_tells_the_height() -> None:
    heights = limb_heights(standing(1.75)[:15])
    assert heights.shape == (len(BONE_RATIOS),)
    np.testing.assert_allclose(heights, 1.75, rtol=0.03)


def test_many_bodies_at_once_are_measured_as_each_alone() -> None:
    rng = np.random.default_rng(1)
    bodies = np.stack([standing(h)[:15] for h in (0.8, 1.3, 1.75, 2.1)])
    bodies = bodies + rng.normal(0.0, 0.02, bodies.shape)
    weight = rng.random(bodies.shape[:-1])
    weight[2, [4, 7]] = 0.0
    bodies[3, 10] = np.nan
    together = standing_heights(bodies, weight).tolist()
    assert together == [standing_height(b, w) for b, w in zip(bodies, weight, strict=True)]
    np.testing.assert_allclose(together, [0.8, 1.3, 1.75, 2.1], rtol=0.05)


def test_what_is_not_seen_has_no_say() -> None:
    joints = standing(1.7)[:15]
    joints[[3, 4, 6, 7]] += [0.0, 0.0, 2.0]
    weight = np.ones(15)
    weight[[3, 4, 6, 7]] = 0.0
    assert standing_height(joints, weight) == pytest.approx(1.7, rel=0.02)
    assert np.isnan(standing_height(joints, np.zeros(15)))
    assert np.isnan(standing_height(np.full((15, 3), np.nan)))
