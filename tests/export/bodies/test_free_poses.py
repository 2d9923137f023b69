"""Free poses: wide, within the joints' limits, and no part of the body inside another."""

import numpy as np
import pytest

from export.bodies.body import pose_body, sample_body
from export.bodies.free_poses import ATTEMPTS, free_pose
from export.bodies.skeleton import FOREARM, SHANK, THIGH, UPPER_ARM, Pose, angle_deg

pytestmark = pytest.mark.export


def poses(count: int) -> list[tuple[Pose, np.ndarray, float]]:
    """Poses, their joints, and how tall the body is."""
    rng = np.random.default_rng(5)
    body = sample_body(rng, "train", 1.75)
    drawn = [free_pose(rng, body) for _ in range(count)]
    assert all(drawn)
    return [(p, pose_body(body, p).joints, body.height_m) for p in drawn if p is not None]


def test_knees_and_elbows_bend_as_far_as_they_can_and_no_farther() -> None:
    drawn = [p for p, _, _ in poses(150)]
    elbow, knee = (
        np.array([angle_deg(p.segments[k, a], p.segments[k, b]) for p in drawn for k in (0, 1)])
        for a, b in ((UPPER_ARM, FOREARM), (THIGH, SHANK))
    )
    assert 120.0 < elbow.max() <= 145.1
    assert 100.0 < knee.max() <= 140.1
    # Knees bend backwards only: the shank points behind the thigh, seen from the pelvis.
    for p in drawn:
        for side in (0, 1):
            thigh, shank = p.segments[side, THIGH] @ p.pelvis, p.segments[side, SHANK] @ p.pelvis
            turned = np.cross(thigh, shank)
            assert turned[0] > -0.35 * np.linalg.norm(turned)


def test_arms_stay_out_of_the_trunk_and_the_legs_apart() -> None:
    for _, joints, height in poses(60):
        trunk = joints[8] + np.linspace(0.3, 0.9, 5)[:, None] * (joints[1] - joints[8])
        for wrist, ankle in ((4, 11), (7, 14)):
            assert np.linalg.norm(trunk - joints[wrist], axis=1).min() > 0.08 * height
            assert joints[ankle, 2] > -0.02
        assert np.linalg.norm(joints[11] - joints[14]) > 0.03 * height
        assert joints[:, 2].min() > -0.05


def test_limbs_go_where_no_everyday_pose_takes_them() -> None:
    """Hands before, beside and above the body, hips from a squat to upright."""
    drawn = poses(150)
    hips = np.array([j[8, 2] / h for _, j, h in drawn])
    assert hips.min() < 0.35
    assert hips.max() > 0.48
    ahead = [-(p.segments[k, UPPER_ARM] @ p.chest)[1] for p, _, _ in drawn for k in (0, 1)]
    raised = [(p.segments[k, UPPER_ARM] @ p.chest)[2] for p, _, _ in drawn for k in (0, 1)]
    assert max(ahead) > 0.9
    assert min(ahead) < -0.2
    assert max(raised) > 0.8
    assert ATTEMPTS >= 10
