"""The person's frame and the features that the image gives."""

from dataclasses import replace

import numpy as np
import pytest

from edge.core.pose import N_JOINTS
from edge.core.rig import Camera
from edge.core.stature import BodySize
from edge.lifting.forms.network_form import CONTEXT, SOUND_FEATURES, network_context
from edge.lifting.person_view import FEATURES, SIZE_LOG, keypoint_view, make_view
from tests.support.scenes.lifter import CAMERA, make_rig, normalised, seen, standing

FLOOR_FEATURES = slice(3 * N_JOINTS, 3 * N_JOINTS + 2)


@pytest.mark.parametrize(
    "camera", [CAMERA, replace(CAMERA, height_m=None, tilt_deg=0.0, roll_deg=0.0)]
)
def test_true_depths_and_places_give_the_true_joints(camera: Camera) -> None:
    joints = standing(2.8, CAMERA)
    view = keypoint_view(seen(joints, camera), make_rig(camera))
    assert view is not None
    assert view.features.shape == (FEATURES,)
    np.testing.assert_allclose(view.points(*normalised(joints, view)), joints, atol=1e-9)


def test_the_persons_frame_looks_at_the_person_and_stands_upright() -> None:
    joints = standing(3.0, CAMERA, across_m=1.0)
    view = keypoint_view(seen(joints, CAMERA), make_rig(CAMERA))
    assert view is not None
    own = joints @ view.turn
    assert abs(own[:, :2].mean(axis=0)).max() < 0.35
    np.testing.assert_allclose(view.turn.T @ view.turn, np.eye(3), atol=1e-12)
    assert np.linalg.det(view.turn) == pytest.approx(1.0)
    down = -CAMERA.room_rotation[2] @ view.turn
    assert abs(down[0]) < 1e-12
    assert down[1] > 0.9


@pytest.mark.parametrize(
    ("distance", "tilt", "roll"), [(2.0, 0.0, 0.0), (3.5, 15.0, -4.0), (2.5, 20.0, 8.0)]
)
def test_the_floor_tells_how_far_a_standing_ankle_is(
    distance: float, tilt: float, roll: float
) -> None:
    camera = replace(CAMERA, tilt_deg=tilt, roll_deg=roll)
    joints = standing(distance, camera)
    view = keypoint_view(seen(joints, camera), make_rig(camera))
    assert view is not None
    depth, _ = normalised(joints, view)
    np.testing.assert_allclose(view.features[FLOOR_FEATURES], depth[[11, 14]] + SIZE_LOG, atol=1e-6)


def test_a_batch_equals_its_members() -> None:
    rng = np.random.default_rng(1)
    scenes = [standing(d, CAMERA) for d in (1.9, 2.6, 4.1)]
    rays = np.stack([CAMERA.rays(CAMERA.project(j)) for j in scenes])
    there = rng.random((3, 15)) > 0.3
    height, down = np.array([1.4, np.nan, 1.2]), np.stack([-CAMERA.room_rotation[2]] * 3)
    depth = rng.normal(-0.7, 0.1, (3, 15))
    xy = rng.normal(size=(3, 15, 2))
    facts = rng.random((3, SOUND_FEATURES))
    body = np.array([[np.log(1.2), 0.03], [np.nan, np.nan], [np.log(1.9), 0.08]])
    batch = make_view(rays, there, down, height, body)
    context = network_context(batch, depth, xy, facts)
    assert context.shape == (3, CONTEXT)
    for i in range(3):
        one = make_view(rays[i], there[i], down[i], height[i], body[i])
        np.testing.assert_array_equal(batch.one(i).features, one.features)
        np.testing.assert_array_equal(context[i], network_context(one, depth[i], xy[i], facts[i]))
        np.testing.assert_allclose(
            batch.points(depth, xy)[i], one.points(depth[i], xy[i]), rtol=1e-12
        )


def test_a_remembered_size_is_told_and_changes_nothing_else() -> None:
    keypoints, rig = seen(standing(2.6, CAMERA), CAMERA), make_rig(CAMERA)
    unknown = keypoint_view(keypoints, rig)
    tall = keypoint_view(keypoints, rig, BodySize(float(np.log(1.92)), 0.03))
    vague = keypoint_view(keypoints, rig, BodySize(float(np.log(1.6)), 0.06), mirror=True)
    assert unknown is not None
    assert tall is not None
    assert vague is not None
    np.testing.assert_array_equal(tall.features[:-3], unknown.features[:-3])
    assert (unknown.features[-3:] == 0.0).all()
    np.testing.assert_allclose(tall.features[-3:], [1.0, 3.0 * np.log(1.2), 0.0], atol=1e-6)
    np.testing.assert_allclose(vague.features[-3:], [1.0, 0.0, np.log(2.0)], atol=1e-6)


def test_missing_joints_are_marked_and_too_few_give_nothing() -> None:
    joints = standing(2.6, CAMERA)
    keypoints = seen(joints, CAMERA)
    keypoints.pixels[4] = np.nan
    keypoints.pixels[11, 2] = 0.1
    view = keypoint_view(keypoints, make_rig(CAMERA))
    assert view is not None
    assert (~view.seen).nonzero()[0].tolist() == [4, 11]
    assert (view.xy[[4, 11]] == 0.0).all()
    assert np.isfinite(view.features).all()
    for first in (3, 0):  # two joints are seen, none
        keypoints.pixels[first:, 2] = 0.0
        assert keypoint_view(keypoints, make_rig(CAMERA)) is None


def test_a_joint_far_outside_the_image_is_a_slip_and_does_not_turn_the_view() -> None:
    joints = standing(2.5, CAMERA)
    whole, slip = seen(joints, CAMERA), seen(joints, CAMERA)
    hidden = seen(joints, CAMERA)
    slip.pixels[4, :2] = 2.6 * CAMERA.width, 100.0
    hidden.pixels[4, 2] = 0.0
    rig = make_rig(CAMERA)
    found = keypoint_view(slip, rig)
    without = keypoint_view(hidden, rig)
    every = keypoint_view(whole, rig)
    assert not found.seen[4]
    assert np.array_equal(found.features, without.features)
    assert every.seen[4]
