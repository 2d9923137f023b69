"""Search windows, regions and anchors of the person detector."""

import numpy as np
import pytest

from edge.sight.person_detector import Region, _anchors, search_windows, window_around


def test_windows_cover_the_image_and_stay_inside() -> None:
    for width, height in ((640, 480), (1080, 1920), (500, 500)):
        covered = np.zeros((height, width), int)
        for x, y, side in search_windows(width, height):
            assert x >= 0
            assert y >= 0
            assert x + side <= width
            assert y + side <= height
            covered[y : y + side, x : x + side] += 1
        assert covered.min() >= 1
    x, y, side = window_around(Region(630.0, 10.0, 200.0, 0.0), 640, 480)
    assert (x, y, side) == (340, 0, 300)


def test_region_turns_with_the_person() -> None:
    region = Region.around([100.0, 50.0], [140.0, 50.0])  # head to the right
    assert region.angle == pytest.approx(np.pi / 2)
    assert region.side == pytest.approx(2 * 1.25 * 40)
    to_image = region.to_image(256)
    np.testing.assert_allclose(to_image @ [128, 128, 1], [100, 50])
    np.testing.assert_allclose(
        to_image @ [128, 0, 1], [150, 50], atol=1e-9
    )  # the crop's top is where the head is


def test_anchors() -> None:
    anchors = _anchors()
    assert anchors.shape == (2254, 2)
    np.testing.assert_allclose(anchors[:3] * 28, [[0.5, 0.5], [0.5, 0.5], [1.5, 0.5]])
    np.testing.assert_allclose(anchors[-6:] * 7, [[6.5, 6.5]] * 6)
