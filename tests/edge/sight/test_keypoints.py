"""BlazePose on real frames, against joints triangulated from four calibrated cameras."""

from pathlib import Path

import cv2
import numpy as np
import pytest

import edge
from edge.core.errors import ModelError
from edge.core.pose import MID_HIP
from edge.sight.keypoints import BlazePose
from edge.sight.person_detector import PersonDetector, search_windows
from tests.support import calibrated_video as video

MODELS = Path(edge.__file__).parent / "models"


def beside(left, right, scale: float):
    """One picture of two, the right one scaled and standing on the same edge."""
    right = cv2.resize(right, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    out = np.full((left.shape[0], left.shape[1] + right.shape[1], 3), 128, np.uint8)
    out[:, : left.shape[1]] = left
    out[-right.shape[0] :, left.shape[1] :] = right
    return cv2.resize(out, None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA)


@pytest.mark.parametrize(
    ("serial", "bound_px"), [("cam01", 24), ("cam02", 18), ("cam03", 27), ("cam04", 18)]
)
def test_joints_project_onto_the_reference_and_move_smoothly(serial: str, bound_px: float) -> None:
    find = BlazePose(MODELS)
    images, reference = video.frames(serial, step=6, count=8), video.reference_joints(serial)[::3]
    seen = [find(image) for image in images]
    assert all(k is not None for k in seen)
    pixels = np.array([k.pixels[:15] for k in seen])
    truth = video.cameras()[serial].camera.project(reference[:8, :15])
    assert np.median(np.linalg.norm(pixels[..., :2] - truth, axis=-1)) < bound_px
    assert np.median(pixels[..., 2]) > 0.9
    assert min(k.presence for k in seen) > 0.5
    # The torso moves by up to 55 px from frame to frame here; a swap of sides or a jump to a
    # bystander is hundreds.
    torso = pixels[:, [1, 2, 5, 8, 9, 12], :2]
    assert np.linalg.norm(np.diff(torso, axis=0), axis=-1).max() < 110
    for k in seen:
        assert np.isnan(k.pixels[[20, 23], :2]).all()
        assert (k.pixels[[20, 23], 2] == 0).all()
        assert np.isnan(k.relative[[20, 23]]).all()
        np.testing.assert_allclose(k.relative[MID_HIP], 0.0)


def test_lite_finds_the_same_person() -> None:
    find = BlazePose(MODELS, "lite", threads=1)
    images = video.frames("cam04", step=6, count=4)
    reference = video.reference_joints("cam04")[:12:3]
    pixels = np.array([find(image).pixels[:15, :2] for image in images])
    truth = video.cameras()["cam04"].camera.project(reference[:, :15])
    assert np.median(np.linalg.norm(pixels - truth, axis=-1)) < 22


def test_relative_shape_follows_the_axes_of_the_ray_to_the_person() -> None:
    # cam04 is rolled by 26 degrees: axes that stayed those of the turned crop would be 30 cm off.
    image, reference = video.frames("cam04", count=1)[0], video.reference_joints("cam04")[0, :15]
    keypoints = BlazePose(MODELS)(image)
    ray = reference[MID_HIP] / np.linalg.norm(reference[MID_HIP])
    axis = np.cross([0, 0, 1], ray)
    to_ray = cv2.Rodrigues(axis / np.linalg.norm(axis) * np.arccos(ray[2]))[0]
    shape, truth = keypoints.relative[:15] @ to_ray.T, reference - reference[MID_HIP]
    scale = (shape * truth).sum() / (shape * shape).sum()
    assert 0.75 < scale < 1.3
    assert np.linalg.norm(scale * shape - truth, axis=-1).mean() < 0.14


@pytest.mark.parametrize(
    "make",
    [np.zeros, lambda s, t: np.random.default_rng(0).integers(0, 255, s, t)],
    ids=["black", "noise"],
)
def test_nobody_is_none(make) -> None:
    find = BlazePose(MODELS)
    image = make((480, 640, 3), np.uint8)
    assert [find(image) for _ in range(4)] == [None] * 4


def test_a_person_who_leaves_is_lost_and_one_who_returns_is_found() -> None:
    find = BlazePose(MODELS, "lite")
    image = video.frames("cam03", count=1)[0]
    empty = np.full_like(image, 110)
    assert find(image) is not None
    assert find(empty) is None
    assert find(image) is not None


def test_of_two_people_the_larger_is_lifted_and_both_are_counted() -> None:
    big, small = video.frames("cam04", count=1)[0], video.frames("cam01", count=1)[0]
    image = beside(big, small, 0.6)
    find = BlazePose(MODELS, detect_every=3)
    seen = [find(image) for _ in range(20)]
    middle = (
        video.cameras()["cam04"].camera.project(video.reference_joints("cam04")[0, MID_HIP]) * 0.4
    )
    for k in seen:
        assert np.linalg.norm(k.pixels[MID_HIP, :2] - middle) < 25
    assert seen[-1].people == 2


def test_attention_moves_to_a_more_prominent_person() -> None:
    far, near = video.frames("cam03", count=1)[0], video.frames("cam01", count=1)[0]
    alone = np.full((768, 900, 3), 110, np.uint8)
    alone[150:630, 60:332] = cv2.resize(far, (272, 480), interpolation=cv2.INTER_AREA)
    joined = alone.copy()
    joined[:, 468:] = cv2.resize(near, (432, 768), interpolation=cv2.INTER_AREA)
    find = BlazePose(MODELS, detect_every=3)
    assert 60 < find(alone).pixels[MID_HIP, 0] < 332
    after = [find(joined).pixels[MID_HIP, 0] for _ in range(4)]
    assert after[0] < 332
    assert after[-1] > 468


def test_a_small_distant_person_is_found_in_a_window() -> None:
    image = video.frames("cam03", count=1)[0]
    small = cv2.resize(image, None, fx=0.12, fy=0.12, interpolation=cv2.INTER_AREA)
    room = np.full((720, 1280, 3), 100, np.uint8)
    room[200 : 200 + small.shape[0], 900 : 900 + small.shape[1]] = small
    assert PersonDetector(MODELS / "pose_detection.tflite", 1, 0.5)(room) == []
    find = BlazePose(MODELS, "lite")
    keypoints = next(
        k for k in (find(room) for _ in range(len(search_windows(1280, 720)) + 1)) if k is not None
    )
    u, v = keypoints.pixels[MID_HIP, :2]
    assert 900 < u < 900 + small.shape[1]
    assert 200 < v < 200 + small.shape[0]


def test_a_folder_without_models_is_refused(tmp_path) -> None:
    with pytest.raises(ModelError, match=r"pose_detection\.tflite"):
        BlazePose(tmp_path)
