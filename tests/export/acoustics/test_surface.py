"""Surfaces: areas, normals and visibility."""

import numpy as np
import pytest

from export.acoustics.capsules import body_surface, capsule_surface, capsules_from_joints, stature
from export.acoustics.surface import MeshSampler, Surface, roughen
from export.acoustics.visibility import visibility
from tests.support.bodies import STANDING
from tests.support.reference import icosphere

pytestmark = pytest.mark.export


@pytest.mark.parametrize("splits", [1, 3, 5])  # coarser and finer than the spacing
def test_mesh_patches_keep_area_and_spacing(splits):
    vertices, faces = icosphere(0.3, splits)
    s = MeshSampler(vertices, faces, 0.02, np.random.default_rng(0)).surface(vertices)
    corners = vertices[faces]
    area = (
        np.linalg.norm(
            np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1
        ).sum()
        / 2
    )
    assert s.areas.sum() == pytest.approx(area, rel=0.01)
    assert 0.5 < len(s.areas) * 0.02**2 / area < 2.5
    outward = s.points / np.linalg.norm(s.points, axis=1, keepdims=True)
    assert ((s.normals * outward).sum(1)).min() > 0.9
    # A closed surface casts no net area in any direction.
    assert np.abs((s.normals * s.areas[:, None]).sum(0)).max() < 1e-3 * area


def test_patches_of_a_posed_mesh_follow_it():
    vertices, faces = icosphere(0.2, 3)
    sampler = MeshSampler(vertices, faces, 0.02, np.random.default_rng(0))
    rest = sampler.surface(vertices)
    moved = sampler.surface(vertices * [1.0, 1.0, 2.0] + [0.0, 0.0, 1.0])
    assert len(rest.points) == len(moved.points)
    assert np.abs(moved.points - (rest.points * [1.0, 1.0, 2.0] + [0.0, 0.0, 1.0])).max() < 0.004


def test_source_lights_the_near_half_of_a_sphere():
    i = np.arange(20000) + 0.5
    z, a = 1 - i / 10000, np.pi * (1 + 5**0.5) * i
    n = np.stack([np.sqrt(1 - z**2) * np.cos(a), np.sqrt(1 - z**2) * np.sin(a), z], 1)
    sphere = Surface(0.2 * n + [0.3, 0.0, 2.0], n, np.full(20000, 4 * np.pi * 0.04 / 20000))
    seen = visibility(sphere, [0.0, 0.0, 0.0], 0.006)
    d = sphere.points / np.linalg.norm(sphere.points, axis=1, keepdims=True)
    cosine = -(d * n).sum(1)
    assert (seen[cosine > 0.35] > 0.99).all()
    assert (seen[cosine < -0.35] == 0).all()
    solid_angle = (seen * cosine * sphere.areas / (sphere.points**2).sum(1)).sum()
    assert solid_angle == pytest.approx(2 * np.pi * (1 - np.sqrt(1 - 0.04 / 4.09)), rel=0.03)


def test_a_hidden_sphere_is_dark_and_one_beside_is_lit():
    front = capsule_surface(
        np.array([[0.0, 0, 1.0, 0, 0, 1.01, 0.2]]), 0.015, 0.0, np.random.default_rng(0)
    )
    for x, share in ((0.0, 0.0), (0.6, 1.0)):
        back = capsule_surface(
            np.array([[x, 0, 2.0, x, 0, 2.01, 0.1]]), 0.015, 0.0, np.random.default_rng(0)
        )
        both = Surface(
            *(
                np.concatenate([getattr(front, k), getattr(back, k)])
                for k in ("points", "normals", "areas")
            )
        )
        lit = visibility(both, [0.0, 0.0, 0.0], 0.015)[len(front.points) :]
        facing = -(back.normals * back.points).sum(1) / np.linalg.norm(back.points, axis=1) > 0.4
        assert lit[facing].mean() == pytest.approx(share, abs=0.02)


def test_roughness_has_the_asked_height_and_keeps_normals_unit():
    vertices, faces = icosphere(0.5, 3)
    smooth = MeshSampler(vertices, faces, 0.015, np.random.default_rng(0)).surface(vertices)
    heights = []
    for seed in range(8):
        rough = roughen(smooth, 0.005, np.random.default_rng(seed))
        heights.append(((rough.points - smooth.points) * smooth.normals).sum(1))
        assert np.abs(np.linalg.norm(rough.normals, axis=1) - 1).max() < 1e-9
    assert np.sqrt(np.mean(np.square(heights))) == pytest.approx(0.005, rel=0.1)


def test_capsule_body_has_human_size():
    s = body_surface(STANDING, 0.015, np.random.default_rng(0))
    assert 1.55 < stature(STANDING) < 1.8
    assert 1.3 < s.areas.sum() < 2.2  # Du Bois: 1.75 m, 70 kg has 1.85 m^2 of skin
    extent = s.points.max(0) - s.points.min(0)
    assert 1.5 < extent[1] < 1.85
    volume = (s.points * s.normals * s.areas[:, None]).sum() / 3
    assert 0.045 < volume < 0.1  # divergence theorem, m^3
    # The front of the belly is nearer than the joint inside it.
    belly = (np.abs(s.points[:, 0]) < 0.05) & (np.abs(s.points[:, 1] - 0.2) < 0.1)
    assert 0.08 < 3.0 - s.points[belly, 2].min() < 0.2


def test_the_body_moves_with_its_joints_in_any_frame():
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    a = capsules_from_joints(STANDING)
    b = capsules_from_joints(STANDING @ turn.T + [1.0, 2.0, 3.0])
    assert np.abs(a[:, :3] @ turn.T + [1.0, 2.0, 3.0] - b[:, :3]).max() < 1e-9
    assert np.abs(a[:, 6] - b[:, 6]).max() < 1e-9


def test_missing_limbs_are_left_out_and_missing_hips_refused():
    joints = STANDING[:15].copy()
    joints[4] = np.nan
    assert len(capsules_from_joints(joints)) == len(capsules_from_joints(STANDING)) - 2
    joints[9] = np.nan
    with pytest.raises(ValueError, match="joints \\[9\\] are unknown"):
        capsules_from_joints(joints)
