"""Several people in one image and one sound, through the lifter that ships."""

import numpy as np

from edge.core.pose import MID_HIP
from edge.lifting.network_lifter import NetworkLifter
from tests.support.bodies import compact_rig, seen, standing
from tests.support.scenes.lifted_people import crowd, one, people
from tests.support.scenes.lifter import echo


def test_the_order_of_people_does_not_matter(lifter: NetworkLifter) -> None:
    joints, rig = people(), compact_rig()
    kernels = crowd(joints)
    keypoints = [seen(j) for j in joints]
    in_order = lifter(keypoints, kernels, rig)
    for order in ([3, 1, 0, 2], [1, 3, 2, 0]):
        again = lifter([keypoints[k] for k in order], kernels, rig)
        for k, pose in zip(order, again, strict=True):
            np.testing.assert_allclose(pose.joints, in_order[k].joints, atol=1e-4)
            np.testing.assert_allclose(pose.sigma, in_order[k].sigma, atol=1e-4)


def test_somebody_of_whom_too_little_is_seen_leaves_a_gap(lifter: NetworkLifter) -> None:
    joints, rig = people()[1], compact_rig()
    scarce = seen(people()[3])
    scarce.pixels[3:, 2] = 0.0
    kernels = echo(joints, noise=0.001)
    none, pose = lifter([scarce, seen(joints)], kernels, rig)
    assert none is None
    np.testing.assert_array_equal(pose.joints, one(lifter, seen(joints), kernels, rig).joints)
    assert lifter([], kernels, rig) == []


def test_several_people_are_placed_from_one_sound(lifter: NetworkLifter) -> None:
    """The nearer by sound, better than the image can; the far one behind them not far off, and not
    by the nearer one's echo.
    """
    rig = compact_rig()
    near, far = pair = [standing(1.7, (-0.6, 2.2)), standing(1.8, (0.6, 3.4))]
    keypoints = [seen(j) for j in pair]
    first, second = lifter(keypoints, crowd(pair), rig)
    silent = lifter(keypoints, None, rig)[0]
    off = [np.linalg.norm(p.joints[MID_HIP] - near[MID_HIP]) for p in (first, silent)]
    assert first.scale_source == "sound"
    assert off[0] < 0.12 < off[1]
    assert np.linalg.norm(second.joints[MID_HIP] - far[MID_HIP]) < 0.5


def test_who_is_hidden_behind_anothers_echo_says_so(lifter: NetworkLifter) -> None:
    rig = compact_rig()
    beside = [standing(1.7, (-0.5, 2.8)), standing(1.7, (0.5, 2.8))]
    for pose in lifter([seen(j) for j in beside], crowd(beside), rig):
        assert pose.scale_source == "floor"
        assert np.isnan(pose.sound_confidence)
        assert np.isnan(pose.echo_range_m)
    apart = [standing(1.7, (-0.5, 2.0)), standing(1.7, (0.5, 3.6))]
    for pose in lifter([seen(j) for j in apart], crowd(apart), rig):
        assert np.isfinite(pose.sound_confidence)


def test_sound_that_is_not_trusted_does_not_pull_somebody_far_away_among_the_others(
    lifter: NetworkLifter,
) -> None:
    rig = compact_rig()
    scene = [standing(1.4, (-0.7, 2.3)), standing(1.8, (0.5, 3.4)), standing(1.7, (0.3, 7.5))]
    keypoints = [seen(j) for j in scene]
    far, silent = lifter(keypoints, crowd(scene), rig)[2], lifter(keypoints, None, rig)[2]
    assert far.scale_source == "floor"
    np.testing.assert_allclose(far.joints, silent.joints)
    np.testing.assert_allclose(far.sigma, silent.sigma)
    assert np.linalg.norm(far.joints[MID_HIP] - scene[2][MID_HIP]) < 1.0
    # A contradiction is more than an estimate that sound has moved a little.
    near = lifter([seen(j) for j in people()], crowd(people()), rig)
    alone = lifter([seen(j) for j in people()], None, rig)
    untrusted = [k for k, pose in enumerate(near) if pose.scale_source != "sound"]
    assert any(np.abs(near[k].joints - alone[k].joints).max() > 0.01 for k in untrusted)
