"""Shape and scale: what the image gives, what the echo adds, and which it was."""

import numpy as np
import pytest

from edge.core.config import LifterConfig
from edge.core.pose import MID_HIP, Keypoints, LiftedPose
from edge.core.stature import BodySize, standing_height
from edge.lifting.body_shape import make_shape
from edge.lifting.geometric_lifter import GeometricLifter, echo_before, first_arrival_s
from edge.lifting.lifter import MODELS, VISION
from edge.lifting.vision_model import VisionModel
from edge.sound.pose_kernel import Kernels
from tests.support.bodies import CAMERA, compact_rig, seen, standing
from tests.support.scenes.lifter import echo, hiss


def test_standing_height_of_known_limbs() -> None:
    assert standing_height(standing(1.63)[:15]) == pytest.approx(1.63, rel=0.01)


def one(
    lifter: GeometricLifter, keypoints: Keypoints, kernels: Kernels | None
) -> LiftedPose | None:
    """The pose of somebody alone."""
    (pose,) = lifter([keypoints], kernels, compact_rig())
    return pose


@pytest.mark.parametrize("vision", [None, VisionModel(MODELS / VISION)])
def test_shape_projects_onto_the_joints_whatever_its_scale(vision: VisionModel | None) -> None:
    joints = standing(1.8, (0.4, 3.5), lean=0.1)
    keypoints = seen(joints)
    shape = make_shape(keypoints, compact_rig(), vision)
    assert shape is not None
    off_px = CAMERA.project(0.7 * shape.joints) - keypoints.pixels[:15, :2]
    assert np.abs(off_px).max() < (1e-6 if vision is None else 8.0)
    scale = np.linalg.norm(joints[8]) / np.linalg.norm(shape.joints[8])
    assert np.linalg.norm(shape.joints * scale - joints[:15], axis=1).max() < 0.25


def test_too_few_joints_give_no_pose() -> None:
    pixels = np.zeros((25, 3))
    pixels[:3] = [[300, 200, 0.9], [310, 220, 0.9], [300, 230, 0.9]]
    assert one(GeometricLifter(LifterConfig()), Keypoints(pixels, 0.9), None) is None


@pytest.mark.parametrize("distance", [1.8, 2.6, 3.4, 4.2])
@pytest.mark.parametrize("height", [1.45, 1.85])
def test_sound_finds_the_distance_of_short_and_tall_people(distance: float, height: float) -> None:
    joints = standing(height, (0.2, distance))
    pose = one(
        GeometricLifter(LifterConfig()),
        seen(joints, noise_px=2.0),
        echo(joints, noise=2e-3 / distance**2),
    )
    assert pose is not None
    assert pose.scale_source == "sound"
    assert abs(pose.mid_hip_distance_m - np.linalg.norm(joints[8])) < 0.15
    assert 0.03 < pose.sigma[MID_HIP] < 0.3


def test_a_stronger_later_wall_path_does_not_win() -> None:
    errors = []
    for seed in range(8):
        joints = standing(1.75, (0.0, 2.5))
        pose = one(
            GeometricLifter(LifterConfig()),
            seen(joints),
            echo(joints, 5e-4, wall_gain=3.0, seed=seed),
        )
        assert pose is not None
        errors.append(abs(pose.mid_hip_distance_m - float(np.linalg.norm(joints[8]))))
    assert np.median(errors) < 0.15


def test_the_height_prior_decides_only_without_sound() -> None:
    joints = standing(1.7, (0.0, 3.0))
    short, tall = (GeometricLifter(LifterConfig(height_prior_m=h)) for h in (1.55, 1.85))
    heard = [one(lift, seen(joints), echo(joints, 1e-4)) for lift in (short, tall)]
    mute = [one(lift, seen(joints), None) for lift in (short, tall)]
    noise = [one(lift, seen(joints), hiss(seed)) for seed in range(6) for lift in (short, tall)]
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


def test_a_pose_with_sound_tells_what_the_image_alone_would_say() -> None:
    joints = standing(1.5, (0.2, 2.6))
    lifter = GeometricLifter(LifterConfig())
    silent = one(lifter, seen(joints), None)
    loud = one(lifter, seen(joints), echo(joints, noise=2e-3 / 2.6**2))
    assert silent is not None
    assert loud is not None
    assert loud.image is not None
    assert silent.image is None
    assert loud.image.distance_m == pytest.approx(silent.mid_hip_distance_m)
    assert loud.image.sigma_m == pytest.approx(silent.sigma[MID_HIP])
    assert loud.image.scale_source == silent.scale_source == "height"


def test_a_remembered_size_takes_the_place_of_the_height_prior() -> None:
    lift, rig = GeometricLifter(LifterConfig()), compact_rig()
    people = [standing(1.3, (0.5, 3.0)), standing(1.9, (-0.5, 3.0))]
    sizes = [BodySize(float(np.log(1.3)), 0.02), BodySize(float(np.log(1.9)), 0.02)]
    keypoints = [seen(joints) for joints in people]
    known, forgotten = lift(keypoints, None, rig, sizes), lift(keypoints, None, rig, [None, None])
    for joints, with_size, without in zip(people, known, forgotten, strict=True):
        assert with_size is not None
        assert without is not None
        distance = np.linalg.norm(joints[8])
        assert abs(with_size.mid_hip_distance_m - distance) < 0.35
        assert abs(without.mid_hip_distance_m - distance) > 0.25
        assert with_size.sigma[MID_HIP] < without.sigma[MID_HIP]
    with pytest.raises(ValueError, match="zip"):
        lift(keypoints, None, rig, sizes[:1])


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


def test_each_of_several_people_has_a_pose_in_their_order() -> None:
    pair = [standing(1.75, (0.4, 3.4)), standing(1.75, (-0.5, 2.3))]
    lift, kernels = GeometricLifter(LifterConfig()), echo(pair[1], 2e-4)
    scarce = seen(pair[0])
    scarce.pixels[3:, 2] = 0.0
    first, none, second = lift([seen(pair[0]), scarce, seen(pair[1])], kernels, compact_rig())
    assert none is None
    assert first is not None
    assert second is not None
    assert abs(second.mid_hip_distance_m - np.linalg.norm(pair[1][8])) < 0.15
    again = lift([seen(pair[1]), seen(pair[0])], kernels, compact_rig())
    np.testing.assert_array_equal(again[0].joints, second.joints)
    np.testing.assert_array_equal(again[1].joints, first.joints)
