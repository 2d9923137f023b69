"""Which images MultiPose skips, on frames of a real person."""

from pathlib import Path

import numpy as np
import pytest

import edge
from edge.core.pose import MID_HIP
from edge.sight.movenet import MultiPose
from edge.sight.people import PeopleFinder
from edge.sight.steady import STEADY_IMAGES
from tests.support import calibrated_video as video

MODELS = Path(edge.__file__).parent / "models"
PERIOD_NS = 66_666_667  # 15 images a second


class Finder:
    """A PeopleFinder that is fed with images at a steady rate. looks: images that MultiPose looked
    at, counted from 0.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, period_ns: int = PERIOD_NS) -> None:
        self.find = PeopleFinder(MODELS, threads=1)
        self.looks: list[int] = []
        self._count, self._period_ns = -1, period_ns
        call = MultiPose.__call__

        def look(network: MultiPose, *args: object) -> list:
            if self._count not in self.looks:
                self.looks.append(self._count)
            return call(network, *args)  # type: ignore[arg-type]

        monkeypatch.setattr(MultiPose, "__call__", look)

    def __call__(self, image: np.ndarray) -> list:
        self._count += 1
        return self.find(image, 10**12 + self._count * self._period_ns)


def steps(count: int) -> list[np.ndarray]:
    """Frames of somebody who walks."""
    return video.frames("cam03", step=4, count=count)


def test_somebody_alone_is_followed_as_well_without_every_second_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    images = steps(24)
    with monkeypatch.context() as patch:
        finder = Finder(patch)
        followed = [finder(image) for image in images]
    always = PeopleFinder(MODELS, threads=1)
    looked = [always(image) for image in images]
    assert len(finder.looks) <= STEADY_IMAGES + (len(images) - STEADY_IMAGES) // 2 + 3
    assert all(len(people) == 1 for people in followed)
    skipped = sorted(set(range(len(images))) - set(finder.looks))
    assert len(skipped) >= 5
    assert min(np.diff(skipped)) >= 2
    for k in skipped:
        (a,), (b,) = followed[k], looked[k]
        size = np.nanmax(np.ptp(b.pixels[:15, :2], axis=0))
        apart = np.linalg.norm(a.pixels[:15, :2] - b.pixels[:15, :2], axis=1)
        assert np.median(apart) < 0.02 * size
        assert np.median(np.abs(a.pixels[:15, 2] - b.pixels[:15, 2])) < 0.15


def test_images_far_apart_in_time_or_of_no_known_time_are_all_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    images = steps(14)
    with monkeypatch.context() as patch:
        slow = Finder(patch, period_ns=200_000_000)
        for image in images:
            slow(image)
        assert slow.looks == list(range(len(images)))
    with monkeypatch.context() as patch:
        timeless = Finder(patch)
        for k, image in enumerate(images):
            timeless._count = k
            timeless.find(image)
        assert timeless.looks == list(range(len(images)))


def test_somebody_new_is_found_in_the_second_image_at_the_latest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    image, later = video.frames("cam03", step=40, count=2)
    width = image.shape[1]
    alone = np.full((image.shape[0], 2 * width, 3), 128, np.uint8)
    alone[:, :width] = image
    both = alone.copy()
    both[:, width:] = later
    for wait in (STEADY_IMAGES + 2, STEADY_IMAGES + 3):
        with monkeypatch.context() as patch:
            finder = Finder(patch)
            assert [len(finder(alone)) for _ in range(wait)] == [1] * wait
            counts = [len(finder(both)) for _ in range(3)]
        assert counts[1:] == [2, 2]


def test_whoever_comes_into_an_empty_room_is_found_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    image = video.frames("cam03", count=1)[0]
    scene = rng.integers(60, 160, (24, 14, 3)).astype(np.uint8)
    scene = np.kron(scene, np.ones((80, 78, 1), np.uint8))[: image.shape[0], : image.shape[1]]

    def noisy() -> np.ndarray:
        return np.clip(scene + rng.normal(0.0, 6.0, scene.shape), 0, 255).astype(np.uint8)

    for wait in (STEADY_IMAGES + 6, STEADY_IMAGES + 7):
        with monkeypatch.context() as patch:
            finder = Finder(patch)
            assert [len(finder(noisy())) for _ in range(wait)] == [0] * wait
            assert len(finder.looks) < wait - 1
            people = finder(image)
        assert len(people) == 1
        assert people[0].pixels[MID_HIP, 2] > 0.3
