from dataclasses import replace

import numpy as np
import pytest

from edge.core.pose import N_JOINTS
from edge.core.rig import Camera
from edge.lifting.network_form import CONTEXT, network_context, sound_features
from edge.lifting.person_view import FEATURES, SIZE_LOG, PersonView, keypoint_view, make_view
from edge.lifting.ray_form import CHANNELS, RayForm, ray_sound
from edge.sound.pose_kernel import make_kernels
from tests.support.lifter_scene import BAND, CAMERA, RATE, echoes, make_rig, seen, standing

SPEC = RayForm()
FLOOR_FEATURES = slice(3 * N_JOINTS, 3 * N_JOINTS + 2)


def normalised(joints: np.ndarray, view: PersonView) -> tuple[np.ndarray, np.ndarray]:
    own = joints @ view.turn
    return np.log(own[:, 2] * view.size), (own[:, :2] / own[:, 2:] - view.centre) / view.size


def channel(sound: np.ndarray, name: str) -> np.ndarray:
    return sound.reshape(SPEC.bins, N_JOINTS, len(CHANNELS))[:, :, CHANNELS.index(name)]


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
    depth, xy, facts = (
        rng.normal(-0.7, 0.1, (3, 15)),
        rng.normal(size=(3, 15, 2)),
        rng.random((3, 3)),
    )
    batch = make_view(rays, there, down, height)
    context = network_context(batch, depth, xy, facts)
    assert context.shape == (3, CONTEXT)
    for i in range(3):
        one = make_view(rays[i], there[i], down[i], height[i])
        np.testing.assert_array_equal(batch.one(i).features, one.features)
        np.testing.assert_array_equal(context[i], network_context(one, depth[i], xy[i], facts[i]))
        np.testing.assert_allclose(
            batch.points(depth, xy)[i], one.points(depth[i], xy[i]), rtol=1e-12
        )


@pytest.mark.parametrize("offset", [-0.2, 0.0, 0.25])
@pytest.mark.parametrize("name", CHANNELS)
def test_an_echo_shows_at_its_depth(name: str, offset: float) -> None:
    """One scatterer on the mid-hip's ray: that joint's ray is loudest where the scatterer is,
    whatever was believed before.
    """
    joints = standing(2.6, CAMERA)
    rig = make_rig(CAMERA)
    view = keypoint_view(seen(joints, CAMERA), rig)
    assert view is not None
    depth, xy = normalised(joints, view)
    sound = channel(ray_sound(echoes(joints[8:9], rig), rig, view, depth - offset, xy, SPEC), name)
    found = SPEC.offsets[sound[:, 8].argmax()]
    assert found == pytest.approx(offset, abs=1.5 * (SPEC.offsets[1] - SPEC.offsets[0]))


def test_the_phase_keeping_sum_prefers_the_right_direction() -> None:
    """A reflector at the same distance but 50 degrees aside is as loud in the envelopes, not in
    phase.
    """
    joints = standing(2.6, CAMERA)
    rig = make_rig(CAMERA)
    view = keypoint_view(seen(joints, CAMERA), rig)
    assert view is not None
    depth, xy = normalised(joints, view)
    hip = joints[8]
    turn = np.radians(50.0)
    aside = np.array(
        [
            np.cos(turn) * hip[0] + np.sin(turn) * hip[2],
            hip[1],
            np.cos(turn) * hip[2] - np.sin(turn) * hip[0],
        ]
    )
    levels = {}
    for name, where in (("person", hip), ("aside", aside)):
        # A second, steady reflector far behind keeps the normalisation the same.
        k = echoes(where[None], rig)
        loud = np.abs(k.analytic).sum(axis=0).max()
        at_hip = rig.arrival_s(hip)
        phases = np.array(
            [
                np.interp(t * RATE, np.arange(640), row)
                for t, row in zip(at_hip, k.analytic, strict=True)
            ]
        )
        levels[name] = np.abs(phases.sum()) / loud
        assert np.isfinite(ray_sound(k, rig, view, depth, xy, SPEC)).all()
    assert levels["aside"] < 0.5 * levels["person"]


def test_the_order_of_pairs_and_their_repetition_do_not_matter() -> None:
    joints = standing(2.6, CAMERA)
    rig = make_rig(CAMERA)
    view = keypoint_view(seen(joints, CAMERA), rig)
    assert view is not None
    depth, xy = normalised(joints, view)
    kernels = echoes(joints, rig)
    sound = ray_sound(kernels, rig, view, depth, xy, SPEC)
    for order in (np.array([3, 1, 5, 0, 2, 4]), np.tile(np.arange(6), 2)):
        other = make_kernels(kernels.analytic[order], RATE, BAND)
        again = ray_sound(other, replace(rig, pairs=rig.pairs[order]), view, depth, xy, SPEC)
        np.testing.assert_allclose(again, sound, atol=1e-4)


def test_the_level_of_the_echo_does_not_matter() -> None:
    joints = standing(2.6, CAMERA)
    rig = make_rig(CAMERA)
    view = keypoint_view(seen(joints, CAMERA), rig)
    assert view is not None
    depth, xy = normalised(joints, view)
    kernels = echoes(joints, rig)
    louder = make_kernels(100.0 * kernels.analytic, RATE, BAND)
    a, b = (ray_sound(k, rig, view, depth, xy, SPEC) for k in (kernels, louder))
    np.testing.assert_allclose(a, b, atol=1e-4)


def test_silence_before_the_echo_looks_as_with_a_little_noise() -> None:
    rig, joints = make_rig(CAMERA), standing(2.6, CAMERA)
    view = keypoint_view(seen(joints, CAMERA), rig)
    assert view is not None
    clean = echoes(joints, rig)
    hip = int(rig.arrival_s(joints[8]).mean() * RATE)
    loud = np.sqrt(np.mean(np.abs(clean.analytic[:, hip - 40 : hip + 40]) ** 2))
    rng = np.random.default_rng(2)
    before = {}
    for sir_db in (None, 60.0, 20.0, 5.0):
        noise = (
            rng.normal(size=clean.analytic.shape)
            * loud
            * (0.0 if sir_db is None else 10.0 ** (-sir_db / 20.0))
        )
        kernels = make_kernels(clean.analytic + noise.astype(np.complex64), RATE, BAND)
        before[sir_db] = channel(
            ray_sound(kernels, rig, view, *normalised(joints, view), SPEC), "mean"
        )[:6].mean()
    assert before[60.0] == pytest.approx(before[None], abs=0.05)
    assert before[20.0] == pytest.approx(before[None], abs=0.4)
    assert before[5.0] > before[20.0] + 0.3  # what is really there still shows


def test_a_wide_rig_has_no_phase_keeping_channel() -> None:
    joints = standing(2.6, CAMERA)
    rig = make_rig(CAMERA, mics=4, spread_m=1.0)
    view = keypoint_view(seen(joints, CAMERA), rig)
    assert view is not None
    sound = ray_sound(echoes(joints, rig), rig, view, *normalised(joints, view), SPEC)
    assert (channel(sound, "coherent") == 0.0).all()
    assert channel(sound, "mean").std() > 0.1
    np.testing.assert_array_equal(sound_features(rig), np.float32([1.0, 0.0, 0.5]))
    np.testing.assert_array_equal(sound_features(make_rig(CAMERA)), np.float32([1.0, 1.0, 0.75]))
    assert (sound_features(None) == 0.0).all()


def test_a_person_beyond_the_window_is_no_error() -> None:
    joints = standing(9.0, CAMERA)
    rig = make_rig(CAMERA)
    view = keypoint_view(seen(joints, CAMERA), rig)
    assert view is not None
    sound = ray_sound(
        echoes(standing(2.0, CAMERA), rig), rig, view, *normalised(joints, view), SPEC
    )
    assert np.isfinite(sound).all()


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
    found, without, every = (
        keypoint_view(slip, rig),
        keypoint_view(hidden, rig),
        keypoint_view(whole, rig),
    )
    assert not found.seen[4]
    assert np.array_equal(found.features, without.features)
    assert every.seen[4]
