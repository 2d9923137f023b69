"""Shape and scale: what the image gives, what the echo adds, and which it was."""

import numpy as np
import pytest

from edge.core.config import LifterConfig
from edge.core.pose import MID_HIP, Keypoints
from edge.core.stature import standing_height
from edge.lifting.body_shape import make_shape
from edge.lifting.geometric_lifter import GeometricLifter, echo_before, first_arrival_s
from tests.support.bodies import CAMERA, compact_rig, seen, standing
from tests.support.lifter_scene import echo, hiss


def test_standing_height_of_known_limbs() -> None:
    assert standing_height(standing(1.63)[:15]) == pytest.approx(1.63, rel=0.01)


@pytest.mark.parametrize("with_shape", [True, False])
def test_shape_projects_onto_the_joints_whatever_its_scale(with_shape: bool) -> None:
    joints = standing(1.8, (0.4, 3.5), lean=0.1)
    keypoints = seen(joints, with_shape=with_shape)
    shape = make_shape(keypoints, CAMERA)
    assert shape is not None
    np.testing.assert_allclose(
        CAMERA.project(0.7 * shape.joints), keypoints.pixels[:15, :2], atol=1e-6
    )
    if with_shape:
        scale = np.linalg.norm(joints[8]) / np.linalg.norm(shape.joints[8])
        np.testing.assert_allclose(shape.joints * scale, joints[:15], atol=0.02)


def test_too_few_joints_give_no_pose() -> None:
    pixels = np.zeros((25, 3))
    pixels[:3] = [[300, 200, 0.9], [310, 220, 0.9], [300, 230, 0.9]]
    assert (
        GeometricLifter(LifterConfig())(
            Keypoints(pixels, np.full((25, 3), np.nan), 1, 0.9), None, compact_rig()
        )
        is None
    )


@pytest.mark.parametrize("distance", [1.8, 2.6, 3.4, 4.2])
@pytest.mark.parametrize("height", [1.45, 1.85])
def test_sound_finds_the_distance_of_short_and_tall_people(distance: float, height: float) -> None:
    joints = standing(height, (0.2, distance))
    pose = GeometricLifter(LifterConfig())(
        seen(joints, noise_px=2.0), echo(joints, noise=2e-3 / distance**2), compact_rig()
    )
    assert pose is not None
    assert pose.scale_source == "sound"
    assert abs(pose.mid_hip_distance_m - np.linalg.norm(joints[8])) < 0.15
    assert 0.03 < pose.sigma[MID_HIP] < 0.3


def test_a_stronger_later_wall_path_does_not_win() -> None:
    errors = []
    for seed in range(8):
        joints = standing(1.75, (0.0, 2.5))
        pose = GeometricLifter(LifterConfig())(
            seen(joints), echo(joints, 5e-4, wall_gain=3.0, seed=seed), compact_rig()
        )
        assert pose is not None
        errors.append(abs(pose.mid_hip_distance_m - float(np.linalg.norm(joints[8]))))
    assert np.median(errors) < 0.15


def test_the_height_prior_decides_only_without_sound() -> None:
    joints = standing(1.7, (0.0, 3.0))
    short, tall = (GeometricLifter(LifterConfig(height_prior_m=h)) for h in (1.55, 1.85))
    heard = [lift(seen(joints), echo(joints, 1e-4), compact_rig()) for lift in (short, tall)]
    mute = [lift(seen(joints), None, compact_rig()) for lift in (short, tall)]
    noise = [
        lift(seen(joints), hiss(seed), compact_rig()) for seed in range(6) for lift in (short, tall)
    ]
    d_heard, d_mute, d_noise = (
        [p.mid_hip_distance_m for p in pair if p] for pair in (heard, mute, noise)
    )
    assert abs(d_heard[1] - d_heard[0]) < 0.1
    assert d_mute[1] - d_mute[0] > 0.4
    assert np.all(np.diff(np.reshape(d_noise, (6, 2)), axis=1) > 0.4)
    assert [p.scale_source for p in heard if p] == ["sound"] * 2
    assert [p.scale_source for p in mute + noise if p] == ["height"] * 14
    assert min(p.sigma[MID_HIP] for p in mute if p) > 1.5 * max(
        p.sigma[MID_HIP] for p in heard if p
    )


def test_first_arrival_is_before_the_body_and_not_at_once() -> None:
    joints = standing(1.7, (0.0, 3.0))
    gate = first_arrival_s(seen(joints), compact_rig(), LifterConfig())
    assert gate is not None
    body = compact_rig().arrival_s(joints[:15]).min(axis=1)
    assert (gate < body).all()
    assert (gate > 0.4 * body).all()


def test_a_placed_torso_tells_how_loud_its_echo_is_and_where_it_rises() -> None:
    joints = standing(1.75, (0.2, 3.0))
    torso = joints[[1, 2, 5, 8, 9, 12]].mean(axis=0)
    levels = []
    for noise in (0.001, 0.004, 0.016):
        sir_db, range_m = echo_before(torso, echo(joints, noise=noise, seed=4), compact_rig())
        levels.append(sir_db)
    assert levels[0] > levels[1] + 6.0 > levels[2] + 12.0
    _, range_m = echo_before(torso, echo(joints, noise=0.001, seed=4), compact_rig())
    assert np.linalg.norm(torso) - 0.45 <= range_m <= np.linalg.norm(torso)
    silent, _ = echo_before(torso, hiss(1), compact_rig())
    assert silent < 3.0
    assert np.isnan(echo_before(0.3 * torso, hiss(1), compact_rig())[0])
