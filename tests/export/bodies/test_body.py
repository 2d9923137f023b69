import numpy as np
import pytest

from export.bodies.body import (
    body_split,
    load_bank,
    make_body,
    pose_body,
    rest_joints,
    sample_body,
    skin,
)
from export.bodies.poses import sample_pose, upright
from export.bodies.skeleton import Pose

pytestmark = pytest.mark.export

LEFT_RIGHT = (
    (2, 5),
    (3, 6),
    (4, 7),
    (9, 12),
    (10, 13),
    (11, 14),
    (15, 16),
    (17, 18),
    (22, 19),
    (24, 21),
)


def volume(vertices, faces):
    a, b, c = (vertices[faces[:, k]].astype(np.float64) for k in range(3))
    return np.einsum("ij,ij->", a, np.cross(b, c)) / 6


@pytest.mark.parametrize("index", [0, 37, 111, 202, 299])
def test_standing_straight_has_the_banks_height(index):
    body = make_body({index: 1.0})
    assert body.height_m == pytest.approx(load_bank().height_m[index], abs=0.003)
    posed = pose_body(body, upright(body))
    assert posed.vertices[:, 2].min() == pytest.approx(0.0, abs=1e-5)
    assert posed.vertices[:, 2].max() == pytest.approx(body.height_m, abs=0.015)


def test_heights_are_met_and_cover_children_and_tall_adults():
    rng = np.random.default_rng(0)
    heights = [sample_body(rng).height_m for _ in range(200)]
    assert min(heights) < 1.2
    assert max(heights) > 1.9
    assert np.mean(np.array(heights) > 1.5) > 0.6
    body = sample_body(rng, height_m=1.234)
    assert np.ptp(body.vertices[:, 2]) == pytest.approx(1.234, abs=1e-4)


def test_skin_is_closed_and_has_a_persons_volume():
    faces = load_bank().faces
    edges = np.sort(np.concatenate([faces[:, :2], faces[:, 1:], faces[:, [2, 0]]]), axis=1)
    _, count = np.unique(edges, axis=0, return_counts=True)
    assert (count == 2).all()
    rng = np.random.default_rng(1)
    body = sample_body(rng, height_m=1.75)
    litres = 1e3 * volume(body.vertices, faces)
    assert 45 < litres < 140
    # A bent body keeps its volume: no collapsed elbows, no inside-out patches.
    for kind in ("sit", "crouch", "reach", "mocap"):
        posed = pose_body(body, sample_pose(rng, body, kind))
        assert 1e3 * volume(posed.vertices, faces) == pytest.approx(litres, rel=0.1)


def test_faces_minus_y_with_its_left_at_plus_x():
    body = make_body({5: 1.0})
    joints = rest_joints(body)
    assert joints[0, 1] < joints[[17, 18], 1].min() - 0.05
    for right, left in LEFT_RIGHT:
        assert joints[right, 0] < joints[left, 0]
        np.testing.assert_allclose(joints[right] * [-1, 1, 1], joints[left], atol=0.01)


def test_turning_a_pose_turns_the_whole_body():
    rng = np.random.default_rng(2)
    body = sample_body(rng)
    pose = sample_pose(rng, body, "walk")
    a, b = pose_body(body, pose), pose_body(body, pose.turned(np.pi / 2))
    np.testing.assert_allclose(
        b.vertices, a.vertices @ np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1]]), atol=1e-4
    )
    np.testing.assert_allclose(
        b.joints, a.joints @ np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1]]), atol=1e-4
    )


def test_mirroring_a_pose_exchanges_the_sides():
    rng = np.random.default_rng(3)
    body = sample_body(rng)
    pose = sample_pose(rng, body, "reach")
    a, b = pose_body(body, pose).joints, pose_body(body, pose.mirrored()).joints
    order = np.arange(25)
    for right, left in (*LEFT_RIGHT, (23, 20)):
        order[[right, left]] = left, right
    np.testing.assert_allclose(b, a[order] * [-1, 1, 1], atol=0.025)


def test_joints_lie_inside_the_limbs():
    rng = np.random.default_rng(4)
    for kind in ("sit", "crouch", "reach", "bend"):
        body = sample_body(rng)
        posed = pose_body(body, sample_pose(rng, body, kind))
        nearest = [
            np.linalg.norm(posed.vertices - j, axis=1).min()
            for j in posed.joints[[3, 4, 6, 7, 10, 11, 13, 14]]
        ]
        assert max(nearest) < 0.08 * body.height_m / 1.7


def test_skinning_matches_the_plain_sum():
    rng = np.random.default_rng(5)
    v = rng.normal(size=(50, 3)).astype(np.float32)
    turn = rng.normal(size=(6, 3, 3))
    shift = rng.normal(size=(6, 3))
    bone = rng.integers(0, 6, (50, 4)).astype(np.uint8)
    weight = rng.random((50, 4)).astype(np.float32)
    plain = sum(
        weight[:, k, None] * (np.einsum("vij,vj->vi", turn[bone[:, k]], v) + shift[bone[:, k]])
        for k in range(4)
    )
    np.testing.assert_allclose(skin(v, bone, weight, turn, shift), plain, atol=1e-5)
    with pytest.raises(ValueError, match="same length"):
        skin(v[:10], bone, weight, turn, shift)


def test_splits_share_no_body_and_all_have_short_and_tall():
    parts = {s: set(body_split(s).tolist()) for s in ("train", "val", "test")}
    assert sum(len(p) for p in parts.values()) == len(set().union(*parts.values())) == 300
    for members in parts.values():
        heights = load_bank().height_m[sorted(members)]
        assert heights.min() < 1.3
        assert heights.max() > 1.85
    rng = np.random.default_rng(6)
    assert all(sample_body(rng, "test").index in parts["test"] for _ in range(50))


def test_same_seed_same_person():
    a, b = (sample_body(np.random.default_rng(7)) for _ in range(2))
    assert a.index == b.index
    np.testing.assert_array_equal(a.vertices, b.vertices)


def test_pose_of_any_body_leaves_bone_lengths_alone():
    rng = np.random.default_rng(10)
    body = sample_body(rng)
    rest = rest_joints(body)
    for kind in ("stand", "sit", "mocap"):
        pose = sample_pose(rng, body, kind)
        assert isinstance(pose, Pose)
        joints = pose_body(body, pose).joints
        for a, b in ((3, 4), (6, 7), (10, 11), (13, 14)):
            assert np.linalg.norm(joints[a] - joints[b]) == pytest.approx(
                np.linalg.norm(rest[a] - rest[b]), rel=0.08
            )
