"""Images made smaller."""

import cv2
import numpy as np
import pytest

from edge.sight.shrinking import shrunk


def gradient(height: int, width: int) -> np.ndarray:
    across, down = np.meshgrid(np.linspace(0, 255, width), np.linspace(255, 0, height))
    return np.stack([across, down, 0.5 * (across + down)], axis=-1).astype(np.uint8)


@pytest.mark.parametrize("size", [(1081, 1919), (960, 540), (257, 300), (100, 77)])
def test_what_is_in_an_image_stays_where_it_is(size: tuple[int, int]) -> None:
    image = gradient(*size)
    expected = cv2.resize(image, (160, 144), interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(shrunk(image, 160, 144).astype(int), expected, atol=3)


def test_noise_is_averaged() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (960, 1280, 3), np.uint8)
    assert shrunk(noise, 320, 240).std() < 0.3 * noise.std()
    assert shrunk(noise, 250, 190).std() < 0.5 * noise.std()
