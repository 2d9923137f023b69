"""Joints as bones: following the bones gives the joints, and what is not known is not turned."""

import math

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from edge.core.arrays import Array
from edge.output.skeleton import JOINT_OF_NODE, N_BONES, NAMES, PARENTS, SkeletonPose, fit, upright
from tests.support.bodies import CAMERA, figure, lying, seated

REST = {
    8: (0.0, 0.0, 0.0), 1: (0.0, 0.5, 0.0), 12: (0.1, 0.0, 0.0), 9: (-0.1, 0.0, 0.0),
    13: (0.1, -0.4, 0.0), 10: (-0.1, -0.4, 0.0), 14: (0.1, -0.8, 0.0), 11: (-0.1, -0.8, 0.0),
    5: (0.2, 0.5, 0.0), 2: (-0.2, 0.5, 0.0), 6: (0.5, 0.5, 0.0), 3: (-0.5, 0.5, 0.0),
    7: (0.8, 0.5, 0.0), 4: (-0.8, 0.5, 0.0),
    0: (0.0, 0.5 + 0.2 * math.cos(math.radians(37)), 0.2 * math.sin(math.radians(37))),
}  # fmt: skip


def at_rest() -> Array:
    return np.array([REST[joint] for joint in range(15)])


def followed(pose: SkeletonPose) -> Array:
    """Joints (15, 3) at the ends of the bones, by another library's rotations."""
    world, places = [Rotation.from_quat(pose.turns[0])], [np.array(pose.root)]
    for node in range(1, len(NAMES)):
        before = world[PARENTS[node]]
        places.append(places[PARENTS[node]] + before.apply(pose.offsets[node]))
        if node < N_BONES:
            world.append(before * Rotation.from_quat(pose.turns[node]))
    joints = np.full((15, 3), np.nan)
    for node, joint in enumerate(JOINT_OF_NODE):
        joints[joint] = places[node]
    return joints


def turned_deg(pose: SkeletonPose, name: str) -> Array:
    """Axis times angle [degrees]."""
    return np.degrees(Rotation.from_quat(pose.turns[NAMES.index(name)]).as_rotvec())


def test_at_rest_no_bone_is_turned() -> None:
    pose = fit(at_rest().tolist())
    for turn in pose.turns:
        np.testing.assert_allclose(turn, (0.0, 0.0, 0.0, 1.0), atol=1e-12)
    np.testing.assert_allclose(pose.offsets[NAMES.index("LeftForeArm")], (0.3, 0.0, 0.0))
    np.testing.assert_allclose(pose.offsets[NAMES.index("RightFoot")], (0.0, -0.4, 0.0))


@pytest.mark.parametrize("seed", range(20))
def test_following_the_bones_gives_the_joints(seed: int) -> None:
    joints = np.random.default_rng(seed).normal(size=(15, 3))
    np.testing.assert_allclose(followed(fit(joints.tolist())), joints, atol=1e-12)


@pytest.mark.parametrize("body", [figure(), figure(heading_deg=180.0), seated(), lying()])
def test_people_stand_sit_and_lie(body: Array) -> None:
    joints = upright(body, room=True)
    np.testing.assert_allclose(followed(fit(joints.tolist())), joints, atol=1e-12)


def test_a_raised_arm_turns_the_arm_alone() -> None:
    joints = at_rest()
    joints[6], joints[7] = joints[5] + (0.0, -0.3, 0.0), joints[5] + (0.0, -0.6, 0.0)
    pose = fit(joints.tolist())
    np.testing.assert_allclose(turned_deg(pose, "LeftArm"), (0.0, 0.0, -90.0), atol=1e-9)
    others = set(NAMES[:N_BONES]) - {"LeftArm"}
    assert max(np.abs(turned_deg(pose, name)).max() for name in others) < 1e-9


def test_who_faces_the_camera_is_not_turned_and_who_walks_away_is_by_half() -> None:
    """figure() faces away from the camera at heading 0."""
    facing = fit(upright(figure(heading_deg=180.0), room=True).tolist())
    np.testing.assert_allclose(turned_deg(facing, "Hips"), 0.0, atol=1e-9)
    away = turned_deg(fit(upright(figure(), room=True).tolist()), "Hips")
    np.testing.assert_allclose(np.abs(away), (0.0, 180.0, 0.0), atol=1e-6)
    left = turned_deg(fit(upright(figure(heading_deg=90.0), room=True).tolist()), "Hips")
    np.testing.assert_allclose(left, (0.0, -90.0, 0.0), atol=1e-9)


def test_limbs_against_their_rest_and_joints_in_one_place_have_turns_too() -> None:
    joints = at_rest()
    joints[6] = joints[5] - (0.3, 0.0, 0.0)
    joints[13] = joints[12] + (0.0, 0.4, 0.0)
    for strange in (joints, np.zeros((15, 3)), -at_rest()):
        pose = fit(strange.tolist())
        np.testing.assert_allclose(np.linalg.norm(pose.turns, axis=1), 1.0, atol=1e-12)
        np.testing.assert_allclose(followed(pose), strange, atol=1e-12)


def test_room_and_camera_frame_differ_by_the_cameras_height_where_it_is_level() -> None:
    room = figure()
    from_room, from_camera = upright(room, room=True), upright(CAMERA.from_room(room), room=False)
    assert CAMERA.height_m is not None
    from_camera[:, 1] += CAMERA.height_m
    np.testing.assert_allclose(from_camera, from_room, atol=1e-9)
