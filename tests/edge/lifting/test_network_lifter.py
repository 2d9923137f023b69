"""The lifter that ships. PyTorch is not needed."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import edge.lifting.network_lifter
from edge.core.config import LifterConfig
from edge.core.inference.execution import Execution
from edge.core.pose import MID_HIP
from edge.core.rig import Rig
from edge.core.stature import BodySize, standing_height
from edge.lifting.geometric_lifter import GeometricLifter
from edge.lifting.lifter import make_lifter
from edge.lifting.mirror import FLIP, MIRROR, mirrored, mirrored_rig
from edge.lifting.network_lifter import NetworkLifter
from edge.lifting.person_view import keypoint_view
from edge.sound.pose_kernel import make_kernels
from tests.support.bodies import CAMERA, compact_rig, seen, standing
from tests.support.scenes.lifted_people import FLOAT, INT8, crowd, one, people
from tests.support.scenes.lifter import BAND, RATE, echo, hiss

AS_SHIPPED = Execution("", 1, 1, "int8", "")


@pytest.mark.parametrize("roll_deg", [180.0, 178.0])
def test_below_a_camera_upside_down_people_are_the_same_also_without_its_height(
    lifter: NetworkLifter, roll_deg: float
) -> None:
    rig = compact_rig()
    turned = compact_rig(replace(CAMERA, roll_deg=roll_deg))
    for joints in people():
        upright = one(lifter, seen(joints), None, rig.without_floor)
        flipped = seen(joints)
        flipped.pixels[:, :2] = [CAMERA.width, CAMERA.height] - flipped.pixels[:, :2]
        pose = one(lifter, flipped, None, turned.without_floor)
        assert upright is not None
        assert pose is not None
        np.testing.assert_allclose(pose.joints * [-1.0, -1.0, 1.0], upright.joints, atol=0.01)


def test_echo_and_image_place_a_person(lifter: NetworkLifter) -> None:
    rig = compact_rig()
    for joints in people():
        pose = one(lifter, seen(joints), echo(joints, noise=0.001), rig)
        assert pose is not None
        assert pose.joints.shape == (15, 3)
        assert np.linalg.norm(pose.joints[MID_HIP] - joints[MID_HIP]) < 0.35
        assert (pose.sigma > 0.0).all()


def test_without_sound_the_image_answers_and_says_so(lifter: NetworkLifter) -> None:
    rig = compact_rig()
    for joints in people():
        pose = one(lifter, seen(joints), None, rig)
        assert pose is not None
        assert pose.scale_source == "floor"
        assert (
            np.linalg.norm(pose.joints[MID_HIP] - joints[MID_HIP])
            < 0.12 * np.linalg.norm(joints[MID_HIP]) + 0.1
        )


def test_a_remembered_size_places_short_and_tall_people_without_sound(
    lifter: NetworkLifter,
) -> None:
    rig = compact_rig()
    unknown = replace(rig, camera=replace(CAMERA, height_m=None, tilt_deg=0.0, roll_deg=0.0))
    off = []
    for height in (1.25, 1.9):
        joints = standing(height, (0.2, 3.0))
        size = BodySize(float(np.log(standing_height(joints[:15]))), 0.02)
        for here, sources in ((rig, ("floor", "memory")), (unknown, ("height", "memory"))):
            poses = [lifter([seen(joints)], None, here, s)[0] for s in ([], [size])]
            assert tuple(p.scale_source for p in poses) == sources
            error = [abs(p.mid_hip_distance_m - np.linalg.norm(joints[MID_HIP])) for p in poses]
            assert error[1] < 0.15
            off.append(error)
            assert poses[1].sigma[MID_HIP] < poses[0].sigma[MID_HIP]
    # Nothing else told the size of these two.
    assert min(off[1][0], off[3][0]) > 0.2


def test_feet_out_of_sight_leave_only_an_assumed_height(lifter: NetworkLifter) -> None:
    keypoints = seen(people()[1])
    keypoints.pixels[[11, 14], 2] = 0.0
    assert one(lifter, keypoints, None, compact_rig()).scale_source == "height"


def test_noise_is_not_taken_for_a_person(lifter: NetworkLifter) -> None:
    rig = compact_rig()
    sources = [
        one(lifter, seen(joints), hiss(k), rig).scale_source
        for k, joints in enumerate(people() * 3)
    ]
    assert sources.count("sound") <= 3


def test_the_mirror_image_of_a_person_is_lifted_to_the_mirror_image_of_the_pose(
    lifter: NetworkLifter,
) -> None:
    joints, rig = people()[1], compact_rig()
    joints = joints + np.linspace(-0.1, 0.1, len(joints))[:, None] * (0.5, 0.0, 1.0)
    image_joints = joints * FLIP
    image_joints[:15] = mirrored(joints[:15])
    kernels, keypoints = echo(joints, noise=0.001), seen(joints)
    image = seen(image_joints)
    a, b = one(lifter, keypoints, kernels, rig), one(lifter, image, kernels, mirrored_rig(rig))
    assert a is not None
    assert b is not None
    np.testing.assert_allclose(b.joints, mirrored(a.joints), atol=1e-3)
    np.testing.assert_allclose(b.sigma, a.sigma[MIRROR], atol=1e-3)
    # One look alone has no such symmetry, so the two really are both asked.
    alone, other = (
        lifter.lift(keypoint_view(k, r), kernels, r)
        for k, r in ((keypoints, rig), (image, mirrored_rig(rig)))
    )
    assert np.abs(other.joints - mirrored(alone.joints)).max() > 2e-3


def test_the_image_alone_is_asked_once_for_a_person_and_once_for_the_mirror_image(
    lifter: NetworkLifter, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, fuse = [], lifter.fuse
    monkeypatch.setattr(lifter, "fuse", lambda *args: calls.append(args) or fuse(*args))
    keypoints, rig = [seen(j) for j in people()[:2]], compact_rig()
    lifter(keypoints, None, rig)
    assert len(calls) == 2 * len(keypoints)
    lifter(keypoints, crowd(people()[:2]), rig)
    assert len(calls) == 6 * len(keypoints)


def test_joints_that_are_not_seen_have_a_sigma_of_their_own(
    lifter: NetworkLifter, monkeypatch: pytest.MonkeyPatch
) -> None:
    joints, rig, hidden = people()[1], compact_rig(), [4, 7, 11]
    keypoints, kernels = seen(joints), echo(joints, noise=0.001)
    keypoints.pixels[hidden, 2] = 0.0
    before = one(lifter, keypoints, kernels, rig).sigma
    decoding = lifter.card.decoding
    wider = replace(decoding, unseen_sigma_factor=3.0 * decoding.unseen_sigma_factor)
    monkeypatch.setattr(lifter, "card", replace(lifter.card, decoding=wider))
    factor = np.where(np.isin(np.arange(15), hidden), 3.0, 1.0)
    np.testing.assert_allclose(
        one(lifter, keypoints, kernels, rig).sigma, factor * before, rtol=1e-6
    )


def test_the_images_scale_has_a_sigma_of_its_own(
    lifter: NetworkLifter, monkeypatch: pytest.MonkeyPatch
) -> None:
    joints, rig = people()[0], compact_rig()
    cases = [(seen(joints), echo(joints, noise=0.001)), (seen(joints), None)]
    before = [one(lifter, k, heard, rig) for k, heard in cases]
    assert [p.scale_source for p in before] == ["sound", "floor"]
    decoding = lifter.card.decoding
    wider = replace(decoding, image_sigma_factor=2.0 * decoding.image_sigma_factor)
    monkeypatch.setattr(lifter, "card", replace(lifter.card, decoding=wider))
    after = [one(lifter, k, heard, rig) for k, heard in cases]
    np.testing.assert_allclose(after[0].sigma, before[0].sigma, rtol=1e-6)
    np.testing.assert_allclose(after[1].sigma, 2.0 * before[1].sigma, rtol=1e-6)


def test_a_pose_with_sound_tells_what_the_image_alone_would_say(lifter: NetworkLifter) -> None:
    rig = compact_rig()
    for joints in people():
        silent = one(lifter, seen(joints), None, rig)
        heard = one(lifter, seen(joints), echo(joints, noise=0.001), rig)
        assert silent is not None
        assert heard is not None
        assert heard.image is not None
        assert silent.image is None
        assert heard.image.distance_m == pytest.approx(silent.mid_hip_distance_m)
        assert heard.image.sigma_m == pytest.approx(silent.sigma[MID_HIP])
        assert heard.image.scale_source == silent.scale_source


def test_the_order_of_the_pairs_does_not_matter(lifter: NetworkLifter) -> None:
    joints, rig = people()[1], compact_rig()
    kernels = echo(joints, noise=0.001)
    order = [4, 1, 0, 5, 3, 2]
    a = one(lifter, seen(joints), kernels, rig)
    b = one(
        lifter,
        seen(joints),
        make_kernels(kernels.analytic[order], RATE, BAND),
        replace(rig, pairs=rig.pairs[order]),
    )
    np.testing.assert_allclose(a.joints, b.joints, atol=1e-4)
    np.testing.assert_allclose(a.sigma, b.sigma, atol=1e-4)


@pytest.mark.parametrize("pairs", [1, 2, 3, 6])
def test_any_number_of_pairs_gives_a_pose(lifter: NetworkLifter, pairs: int) -> None:
    joints, rig = people()[1], compact_rig()
    kernels = make_kernels(echo(joints, noise=0.001).analytic[:pairs], RATE, BAND)
    pose = one(lifter, seen(joints), kernels, replace(rig, pairs=rig.pairs[:pairs]))
    assert np.linalg.norm(pose.joints[MID_HIP] - joints[MID_HIP]) < 0.35


def test_the_public_datasets_layout_gives_a_pose(lifter: NetworkLifter) -> None:
    """Four co-located pairs around the room, 96 kHz."""
    places = np.array([[-1.5, -0.4, 0.5], [1.5, -0.4, 0.5], [-1.5, 0.2, 3.0], [1.5, 0.2, 3.0]])
    rig = Rig(
        places,
        places.copy(),
        np.repeat(np.arange(4)[:, None], 2, axis=1),
        replace(CAMERA, height_m=None),
        343.0,
    )
    noise = (
        np.random.default_rng(1)
        .normal(size=(4, 3840, 2))
        .astype(np.float32)
        .view(np.complex64)[..., 0]
    )
    pose = one(lifter, seen(people()[1]), make_kernels(noise, 96000.0, (1000.0, 40000.0)), rig)
    assert pose is not None
    assert np.isfinite(pose.joints).all()


def test_int8_says_what_float_says() -> None:
    small, large, rig = NetworkLifter(INT8), NetworkLifter(FLOAT), compact_rig()
    for joints in people():
        kernels = echo(joints, noise=0.001)
        a, b = one(small, seen(joints), kernels, rig), one(large, seen(joints), kernels, rig)
        assert np.median(np.linalg.norm(a.joints - b.joints, axis=1)) < 0.03


def test_too_few_joints_give_no_pose(lifter: NetworkLifter) -> None:
    keypoints = seen(people()[0])
    keypoints.pixels[3:, 2] = 0.0
    assert one(lifter, keypoints, None, compact_rig()) is None


def test_a_missing_joint_has_no_confidence_and_is_guessed(lifter: NetworkLifter) -> None:
    joints = people()[1]
    keypoints = seen(joints)
    keypoints.pixels[4] = [np.nan, np.nan, 0.0]
    pose = one(lifter, keypoints, echo(joints, noise=0.001), compact_rig())
    assert pose.confidence[4] == 0.0
    assert pose.confidence[3] == 1.0
    assert np.linalg.norm(pose.joints[4] - joints[4]) < 0.6


def test_the_configuration_chooses_the_lifter() -> None:
    assert isinstance(make_lifter(LifterConfig(kind="geometric"), AS_SHIPPED), GeometricLifter)
    assert isinstance(make_lifter(LifterConfig(kind="ray"), AS_SHIPPED), NetworkLifter)


def test_nothing_of_the_training_is_loaded() -> None:
    assert Path(edge.lifting.network_lifter.__file__).parent.name == "lifting"
    loaded = [
        m
        for m in sys.modules["edge.lifting.network_lifter"].__dict__.values()
        if getattr(m, "__name__", "").startswith("torch")
    ]
    assert loaded == []
