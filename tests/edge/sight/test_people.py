"""People found in real frames, against joints triangulated from four calibrated cameras."""

from pathlib import Path

import cv2
import numpy as np
import pytest

import edge
from edge.core.errors import ModelError
from edge.core.pose import MID_HIP, SEEN
from edge.sight.people import PeopleFinder
from tests.support import calibrated_video as video

MODELS = Path(edge.__file__).parent / "models"
HIPS_AND_LEGS = [8, 9, 10, 11, 12, 13, 14]


@pytest.fixture(scope="module")
def find():
    return PeopleFinder(MODELS, threads=1, look_every=0)


def shrunk(image, factor: float):
    return cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)


def true_pixels(serial: str, count: int):
    reference = video.reference_joints(serial)[:count, :15]
    return video.cameras()[serial].camera.project(reference)


@pytest.mark.parametrize("serial", video.SERIALS)
def test_joints_project_onto_the_reference_with_their_sides(find, serial: str) -> None:
    images, truth = video.frames(serial, step=16, count=5), true_pixels(serial, 50)[::8][:5]
    seen = [find(image)[0] for image in images]
    pixels = np.array([k.pixels[:15] for k in seen])
    assert np.median(np.linalg.norm(pixels[..., :2] - truth, axis=-1)) < 28
    assert np.median(pixels[..., 2]) > 0.6
    for k, true in zip(seen, truth, strict=True):
        size = np.ptp(true, axis=0).max()
        # BlazePose took the back for the front in a quarter of camera 2's frames.
        for side in ([2, 9], [5, 12]):
            assert np.linalg.norm(k.pixels[side, :2] - true[side], axis=1).mean() < 0.1 * size
        assert np.isnan(k.pixels[19:, :2]).all()
        assert (k.pixels[19:, 2] == 0).all()
        assert 0.6 < k.score <= 1.0


@pytest.mark.parametrize(
    "make",
    [np.zeros, lambda s, t: np.random.default_rng(0).integers(0, 255, s, t)],
    ids=["black", "noise"],
)
def test_nobody_is_an_empty_list(make) -> None:
    find = PeopleFinder(MODELS, threads=1, look_every=2)
    assert [find(make((480, 640, 3), np.uint8)) for _ in range(4)] == [[]] * 4


def test_two_people_are_two_in_an_image_across_and_upright(find) -> None:
    near, far = video.frames("cam04", count=1)[0], shrunk(video.frames("cam01", count=1)[0], 0.6)
    across = np.full((near.shape[0], near.shape[1] + far.shape[1], 3), 128, np.uint8)
    across[:, : near.shape[1]] = near
    across[-far.shape[0] :, near.shape[1] :] = far
    upright = np.concatenate([across, np.full_like(across, 128)])
    for image in (across, upright):
        people = find(shrunk(image, 0.4))
        assert len(people) == 2
        for k, (serial, scale, corner) in zip(
            people,
            (("cam04", 1.0, (0, 0)), ("cam01", 0.6, (near.shape[1], -far.shape[0]))),
            strict=True,
        ):
            corner = np.array(corner) + np.array([0, near.shape[0] if corner[1] < 0 else 0])
            hip = 0.4 * (true_pixels(serial, 1)[0, MID_HIP] * scale + corner)
            assert np.linalg.norm(k.pixels[MID_HIP, :2] - hip) < 25


def test_what_something_hides_is_known_as_hidden(find) -> None:
    below = []
    for serial in video.SERIALS:
        for image, true in zip(
            video.frames(serial, step=30, count=3), true_pixels(serial, 50)[::15], strict=False
        ):
            painted = image.copy()
            painted[int(true[1, 1]) + 80 :] = 110  # a hand's breadth below the neck
            for k in find(painted):
                if np.linalg.norm(k.pixels[1, :2] - true[1]) < 100:  # not the bystander
                    below.append(k.pixels[HIPS_AND_LEGS, 2])
    assert len(below) >= 3
    assert (np.array(below) < SEEN).all()


def test_joints_outside_the_image_are_known_as_hidden(find) -> None:
    image, true = video.frames("cam03", count=1)[0], true_pixels("cam03", 1)[0]
    cut = image[: int(true[[10, 13], 1].min()) - 40]
    (k,) = find(cut)
    assert (k.pixels[[11, 14], 2] < SEEN).all()
    assert (k.pixels[[2, 5, 9, 12], 2] > SEEN).all()


def test_somebody_far_away_is_found_by_a_closer_look_and_kept() -> None:
    image = shrunk(video.frames("cam01", count=1)[0], 0.12)
    room = np.full((720, 1280, 3), 100, np.uint8)
    room[250 : 250 + image.shape[0], 600 : 600 + image.shape[1]] = image
    assert PeopleFinder(MODELS, threads=1, look_every=0)(room) == []
    find = PeopleFinder(MODELS, threads=1, look_every=2)
    counts = [len(find(room)) for _ in range(8)]
    assert counts == [0] + [1] * 7
    # Who has gone is not kept.
    assert find(np.full_like(room, 100)) == []


def test_a_folder_without_models_is_refused(tmp_path) -> None:
    with pytest.raises(ModelError, match=r"movenet_multipose_256x160_int8\.tflite"):
        PeopleFinder(tmp_path)
