"""Dark and covered images are known as such, and not by turns."""

import numpy as np
import pytest

from edge.sight.visibility import COVERED, TOO_DARK, Visibility
from tests.support import calibrated_video as video


@pytest.fixture(scope="module")
def image():
    return video.frames("cam01", count=1)[0]


def dimmed(image, light: float):
    noise = np.random.default_rng(0).normal(0.0, 2.0, image.shape)
    return np.clip(light * image + noise, 0, 255).astype(np.uint8)


def test_a_lit_room_is_seen_and_a_dark_one_is_not(image) -> None:
    assert Visibility()(image) is None
    assert Visibility()(dimmed(image, 0.1)) is None
    assert Visibility()(dimmed(image, 0.05)) == TOO_DARK
    assert Visibility()(np.zeros_like(image)) == TOO_DARK


def test_at_dusk_it_does_not_change_its_mind_with_every_image(image) -> None:
    why = Visibility()
    said = [why(dimmed(image, light)) is None for light in (0.1, 0.05, 0.062, 0.05, 0.062, 0.1)]
    assert said == [True, False, False, False, False, True]
    # The same light that is too dim to be seen in again was enough before.
    assert Visibility()(dimmed(image, 0.062)) is None


def test_a_covered_lens_shows_nothing(image) -> None:
    hand = np.full_like(image, 90) + np.random.default_rng(1).integers(0, 6, image.shape)
    assert Visibility()(hand.astype(np.uint8)) == COVERED
    assert Visibility()((0.2 * image + 80).astype(np.uint8)) is None
