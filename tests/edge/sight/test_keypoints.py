"""BlazePose on real frames, against joints triangulated from four calibrated cameras; and its parts
against slow references.
"""

from pathlib import Path

import cv2
import numpy as np
import pytest

import edge
from edge.core.errors import ModelError
from edge.core.pose import BODY_25, MID_HIP
from edge.sight.keypoints import BlazePose
from edge.sight.landmarks import _refine, to_body25
from edge.sight.person_detector import (
    PersonDetector,
    Region,
    _anchors,
    search_windows,
    window_around,
)
from edge.sight.sides import Sides
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
    images, reference = (
        video.frames("cam04", step=6, count=4),
        video.reference_joints("cam04")[:12:3],
    )
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


def test_refinement_equals_the_obvious_loop() -> None:
    rng = np.random.default_rng(1)
    heatmaps = rng.normal(-1, 2, (64, 64, 7)).astype(np.float32)
    points = rng.uniform(-8, 264, (7, 2))
    points[0] = (0.0, 255.0)
    heatmaps[:, :, 3] = -9.0
    expected = points.copy()
    for i, (u, v) in enumerate(points):
        cx, cy = int(np.trunc(u / 4)), int(np.trunc(v / 4))
        if not (0 <= cx < 64 and 0 <= cy < 64):
            continue
        cells = [
            (x, y)
            for x in range(cx - 3, cx + 4)
            for y in range(cy - 3, cy + 4)
            if 0 <= x < 64 and 0 <= y < 64
        ]
        weights = np.array([1 / (1 + np.exp(-float(heatmaps[y, x, i]))) for x, y in cells])
        if weights.max() >= 0.5:
            expected[i] = 4 * (weights[:, None] * cells).sum(0) / weights.sum()
    np.testing.assert_allclose(_refine(points, heatmaps), expected, atol=1e-6)
    assert (expected[3] == points[3]).all()


def test_a_frame_taken_back_to_front_is_turned_back_until_the_network_insists() -> None:
    joints, relative = np.zeros((25, 3)), np.random.default_rng(0).normal(size=(25, 3))
    joints[[2, 9], 0], joints[[5, 12], 0] = -30.0, 30.0
    mirror = [
        BODY_25.index(n.replace("right", "?").replace("left", "right").replace("?", "left"))
        for n in BODY_25
    ]
    turned, turned_relative = joints[mirror], relative[mirror] * (1, 1, -1)
    sides = Sides()
    for _ in range(5):
        assert sides.keep(joints, relative, 300.0)[0] is joints
    for _ in range(5):
        kept, kept_relative = sides.keep(turned, turned_relative, 300.0)
        np.testing.assert_array_equal(kept, joints)
        np.testing.assert_array_equal(kept_relative, relative)
    assert sides.keep(turned, turned_relative, 300.0)[0] is turned
    assert sides.keep(turned, turned_relative, 300.0)[0] is turned


def test_a_person_who_turns_round_is_believed() -> None:
    sides = Sides()
    for turn in np.linspace(0, np.pi, 16):
        joints = np.zeros((25, 3))
        joints[[2, 9], 0], joints[[5, 12], 0] = -30 * np.cos(turn), 30 * np.cos(turn)
        np.testing.assert_array_equal(sides.keep(joints, joints, 300.0)[0], joints)


def test_body25_is_made_of_blazepose_landmarks() -> None:
    landmarks = np.arange(33.0)[:, None] * (1.0, 10.0)
    joints = dict(zip(BODY_25, to_body25(landmarks), strict=True))
    assert joints["neck"][0] == 11.5
    assert joints["mid_hip"][1] == 235.0
    assert [
        joints[n][0] for n in ("right_wrist", "left_ankle", "left_eye", "right_ear", "left_heel")
    ] == [16, 27, 2, 8, 29]
    assert np.isnan(joints["left_small_toe"]).all()


def test_a_folder_without_models_is_refused(tmp_path) -> None:
    with pytest.raises(ModelError, match=r"pose_detection\.tflite"):
        BlazePose(tmp_path)
