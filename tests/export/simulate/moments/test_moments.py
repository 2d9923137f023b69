"""Moments of several people: no body cuts another, and each is seen as the others let it."""

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import cKDTree

from edge.core.rig import Camera
from edge.sources.session.dataset import load_environment
from export.bodies.body import pose_body, sample_body
from export.bodies.poses import upright
from export.simulate.conditions import CONDITIONS, joints_in_view
from export.simulate.moments.casting import LEAST_OPEN, Moment
from export.simulate.moments.standing import (
    BESIDE_M,
    HIDDEN,
    TOUCHING_M,
    Crowd,
    hidden_joints,
    standing_of,
)
from export.simulate.samples import EnvironmentPlan, simulate_environment
from export.simulate.scenes import Scene, make_scene

pytestmark = pytest.mark.export

PLAN = EnvironmentPlan("val", 12, 0, 3, "compact-6", clean=True, people=(2, 4), changes=2)


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [make_scene("val", 3, k, 6, "compact", people=(1, 4)) for k in range(5)]


@pytest.fixture(scope="module")
def crowds(scenes: list[Scene]) -> list[tuple[Scene, Moment]]:
    return [(s, m) for s in scenes for m in s.moments if len(m.people) > 1]


def least_m(a: np.ndarray, b: np.ndarray) -> float:
    return float(cKDTree(a).query(b)[0].min())


def inside(points: np.ndarray, vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Which points lie in a closed mesh, by the solid angle of its faces."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    out = np.empty(len(points), bool)
    for i, p in enumerate(points):
        u, v, w = a - p, b - p, c - p
        lu, lv, lw = (np.linalg.norm(x, axis=1) for x in (u, v, w))
        volume = np.einsum("ij,ij->i", u, np.cross(v, w))
        rest = (
            lu * lv * lw
            + np.einsum("ij,ij->i", u, v) * lw
            + np.einsum("ij,ij->i", v, w) * lu
            + np.einsum("ij,ij->i", w, u) * lv
        )
        out[i] = abs(2.0 * np.arctan2(volume, rest).sum()) > 2.0 * np.pi
    return out


def test_numbers_of_people_are_as_asked_and_all_kinds_occur(
    scenes: list[Scene], crowds: list[tuple[Scene, Moment]]
) -> None:
    assert {len(m.people) for s in scenes for m in s.moments} == {1, 2, 3, 4}
    kinds = {p.standing for _, m in crowds for p in m.people}
    assert kinds == {"apart", "beside", "in_front", "behind", "touching"}
    alone = [m for s in scenes for m in s.moments if len(m.people) == 1]
    assert {m.standing for m in alone} == {""}
    assert not any(p.hidden.any() for m in alone for p in m.people)


def test_bodies_do_not_cut_each_other(crowds: list[tuple[Scene, Moment]]) -> None:
    for _, m in crowds:
        bodies = [p.posed.vertices.astype(np.float64) for p in m.people]
        for k, own in enumerate(bodies):
            for other in bodies[:k]:
                near = own[cKDTree(other).query(own)[0] < 0.1]
                if len(near):
                    some = near[:: max(1, len(near) // 60)]
                    assert inside(some, other, m.people[0].posed.faces).mean() < 0.02


def test_the_labels_are_what_the_geometry_says(crowds: list[tuple[Scene, Moment]]) -> None:
    for _, m in crowds:
        for k, p in enumerate(m.people):
            rest = [o for i, o in enumerate(m.people) if i != k]
            gap = min(least_m(o.vertices, p.vertices) for o in rest)
            assert (p.standing == "touching") == (gap < TOUCHING_M)
            if p.standing == "behind":
                assert p.hidden[:15].sum() >= HIDDEN
            if p.standing in ("beside", "apart"):
                assert (gap < BESIDE_M) == (p.standing == "beside")
                assert max(hidden_joints(p.joints[:15], [o.vertices]).sum() for o in rest) < HIDDEN
        order = ("touching", "in_front", "beside", "apart")
        kinds = {"in_front" if p.standing == "behind" else p.standing for p in m.people}
        assert m.standing == min(kinds, key=order.index)


def test_everybody_is_seen_well_enough_past_the_others(crowds: list[tuple[Scene, Moment]]) -> None:
    hidden = 0
    for s, m in crowds:
        for p in m.people:
            there = joints_in_view(s.rig.true.camera, p.joints[:15]) & ~p.hidden[:15]
            assert there.sum() >= LEAST_OPEN
            hidden += int(p.hidden[:15].sum())
            assert (s.room.place(p.vertices) > -0.01).all()
            assert (s.room.place(p.vertices) < s.room.size_m + 0.01).all()
    assert hidden > 20


def a_person(x: float, y: float) -> np.ndarray:
    body = sample_body(np.random.default_rng(0), "val", 1.75)
    posed = pose_body(body, upright(body))
    return posed.moved([x, y, 0.0])


def test_joints_behind_somebody_are_hidden_and_given_a_low_confidence() -> None:
    camera = Camera(640, 480, 520.0, 520.0, 320.0, 240.0, height_m=1.2)
    front, back, aside = a_person(0.0, 2.0), a_person(0.0, 3.5), a_person(1.2, 3.5)
    front_surface = camera.from_room(front.vertices.astype(np.float64))
    behind = camera.from_room(back.joints.astype(np.float64))
    hidden = hidden_joints(behind, [front_surface])
    assert hidden[[1, 8, 9, 12, 10, 13]].all()  # trunk and thighs
    assert not hidden_joints(
        camera.from_room(aside.joints.astype(np.float64)), [front_surface]
    ).any()
    ahead = camera.from_room(front.joints.astype(np.float64))
    assert not hidden_joints(ahead, [camera.from_room(back.vertices.astype(np.float64))]).any()
    rng = np.random.default_rng(1)
    for name in ("plain", "detector"):
        given = CONDITIONS[name]
        seen, covered = (
            np.mean([given.observe(rng, behind, camera, h)[:15, 2] for _ in range(60)], axis=0)
            for h in (np.zeros(25, bool), hidden)
        )
        assert (covered[hidden[:15]] < 0.75 * seen[hidden[:15]]).all()
        np.testing.assert_allclose(covered[~hidden[:15]], seen[~hidden[:15]], atol=0.2)


def test_somebody_is_moved_until_they_touch() -> None:
    one, other = a_person(0.0, 2.0), a_person(1.2, 2.1)
    crowd = Crowd(one.faces)
    crowd.add(one.vertices)
    assert np.isinf(crowd.gaps_m(other.vertices, 0.3)[0])
    step = crowd.touch(other.vertices, np.array([-1.0, 0.0]))
    assert step is not None
    moved = other.moved(step)
    assert 0.0 < crowd.gaps_m(moved.vertices)[0] < TOUCHING_M
    assert crowd.gaps_m(a_person(0.1, 2.0).vertices)[0] < 0.0  # they cut each other
    assert crowd.touch(other.vertices, np.array([1.0, 0.0])) is None


def test_how_people_stand() -> None:
    gaps, hides = np.full((4, 4), np.inf), np.zeros((4, 4), np.int64)
    gaps[1, 2] = gaps[2, 1] = 0.3
    hides[0, 1] = 3
    hides[3, 2] = 2
    assert [standing_of(gaps, hides, k) for k in range(4)] == [
        "in_front", "behind", "beside", "apart",
    ]  # fmt: skip
    gaps[1, 2] = gaps[2, 1] = 0.01
    assert [standing_of(gaps, hides, k) for k in (1, 2)] == ["touching", "touching"]


def test_a_moment_is_one_sample_and_equal_plans_give_equal_files(tmp_path: Path) -> None:
    for name in ("environment1", "again"):
        assert simulate_environment(PLAN, tmp_path / name) == PLAN.samples
    first, second = tmp_path / "environment1", tmp_path / "again"
    names = sorted(p.relative_to(first) for p in first.rglob("*") if p.is_file())
    assert all((first / n).read_bytes() == (second / n).read_bytes() for n in names)
    environment = load_environment(first)
    samples = list(environment)
    assert environment.skipped == {}
    pairs, window = samples[0].rir.shape
    assert np.load(first / "rir_changes.npy").shape == (2, pairs, window)
    for s in samples:
        people = s.info["people"]
        assert 2 <= people == len(s.joints) == len(s.keypoints) == len(s.info["persons"]) <= 4
        for k in range(people):
            facts = s.alone(k).info
            assert facts["distance_m"] == pytest.approx(np.linalg.norm(s.joints[k, 8]), abs=1e-3)
            assert facts["direct_db"] < facts["sir_db"] + 3.0
            assert facts["shaded_db"] < 1.0
            assert 1.05 < facts["height_m"] < 2.05
        # The sound of each is there: the clean response begins before the nearest one's joints.
        c, rate = environment.rig.speed_of_sound_m_s, environment.sample_rate_hz
        first_s = min(float(environment.rig.arrival_s(j).min()) for j in s.joints)
        envelope = np.abs(s.clean).max(axis=0)
        begin = int(np.argmax(envelope > 0.1 * envelope.max()))
        assert begin / rate * c / 2.0 < first_s * c / 2.0 + 0.3
