"""Scenes and rigs: the same for the same seed, nothing shared between splits, people in view."""

import numpy as np
import pytest

from edge.core.errors import ConfigError
from edge.core.rig import Camera
from export.bodies.body import body_split
from export.bodies.mocap import clip_split
from export.simulate.conditions import CONDITIONS, joints_in_view
from export.simulate.moments.casting import LEAST_SEEN
from export.simulate.rigs import ARRAYS, FAMILIES, sample_rig
from export.simulate.scenes import CAMERA_HEIGHT_M, DISTANCE_M, SPLITS, make_scene

pytestmark = pytest.mark.export

CAMERA = Camera(640, 480, 520.0, 520.0, 320.0, 240.0, height_m=1.3, tilt_deg=5.0)


@pytest.fixture(scope="module")
def scenes():
    return {split: [make_scene(split, 3, k, 8, "all") for k in range(3)] for split in SPLITS}


def test_a_scene_follows_from_its_numbers(scenes):
    again = make_scene("train", 3, 1, 8, "all")
    same = scenes["train"][1]
    assert again.name == same.name
    assert np.array_equal(again.room.size_m, same.room.size_m)
    assert np.array_equal(again.rig.measured.mics, same.rig.measured.mics)
    assert all(
        np.array_equal(a.joints, b.joints) for a, b in zip(again.people, same.people, strict=True)
    )
    assert not np.array_equal(scenes["train"][0].room.size_m, same.room.size_m)
    assert not np.array_equal(scenes["val"][1].room.size_m, same.room.size_m)


def test_splits_share_no_room_body_or_clip(scenes):
    assert len({tuple(s.room.size_m) for each in scenes.values() for s in each}) == 9
    assert len({s.name for each in scenes.values() for s in each}) == 9
    for split, each in scenes.items():
        people = [p.posed for s in each for p in s.people]
        assert {p.body.index for p in people} <= set(body_split(split).tolist())
        assert {p.pose.clip for p in people} - {""} <= set(clip_split(split))


def test_people_are_in_the_room_and_in_view(scenes):
    everyone = [(s, p) for each in scenes.values() for s in each for p in s.people]
    fully = 0
    for s, p in everyone:
        camera = s.rig.true.camera
        assert CAMERA_HEIGHT_M[0] <= camera.height_m <= CAMERA_HEIGHT_M[1]
        placed = s.room.place(p.vertices)
        assert (placed > -0.01).all()
        assert (placed < s.room.size_m + 0.01).all()
        assert abs(placed[:, 2].min() - p.posed.clearance_m) < 0.01
        ground = camera.to_room(p.joints[8])[:2]
        assert DISTANCE_M[0] - 0.01 <= np.linalg.norm(ground) <= DISTANCE_M[1] + 0.01
        seen = int(joints_in_view(camera, p.joints[:15]).sum())
        assert seen >= LEAST_SEEN
        fully += seen == 15
    assert all(-5.0 <= m.sir_db <= 25.0 for e in scenes.values() for s in e for m in s.moments)
    assert 0.6 < fully / len(everyone) < 0.97
    distances = [float(np.linalg.norm(p.joints[8])) for _, p in everyone]
    assert np.percentile(distances, 10) < 2.6
    assert np.percentile(distances, 90) > 3.6


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_gives_rigs_whose_written_place_is_nearly_the_true_one(family):
    for seed in range(12):
        rig = sample_rig(np.random.default_rng(seed), CAMERA, family)
        assert rig.excitation.band_hz[0] >= 1000.0
        assert rig.excitation.band_hz[1] < rig.excitation.sample_rate_hz / 2
        assert len(rig.layout.mic_channels) == len(rig.true.mics)
        off = np.concatenate(
            [rig.true.mics - rig.measured.mics, rig.true.speakers - rig.measured.speakers]
        )
        off = np.linalg.norm(off, axis=1)
        assert 1e-4 < off.max() < (0.08 if len(rig.true.speakers) == 4 else 0.02)
        assert (CAMERA.to_room(rig.true.speakers)[:, 2] > 0.0).all()
        if family in ARRAYS:
            assert len(rig.true.mics) == len(ARRAYS[family].mics_m)
            spans = [
                np.linalg.norm(m[:, None] - m, axis=2).max()
                for m in (rig.true.mics, rig.measured.mics)
            ]
            assert abs(spans[0] - spans[1]) < 0.004
        if family == "compact":
            assert rig.excitation.sample_rate_hz == 16000


def test_an_unknown_family_is_refused():
    with pytest.raises(ConfigError, match="one of compact"):
        sample_rig(np.random.default_rng(0), CAMERA, "trumpet")


@pytest.mark.parametrize("name", ["plain", "tilted", "occluded", "detector"])
def test_conditions_differ_in_one_thing_each(name):
    scene, rng = make_scene("test", 5, 2, 6, "compact", name), np.random.default_rng(0)
    given, camera = CONDITIONS[name], scene.rig.true.camera
    assert (camera.roll_deg != 0.0) == (name == "tilted")
    errors = []
    assert all(0.0 <= m.sir_db <= 20.0 for m in scene.moments)
    for p in scene.people:
        assert joints_in_view(camera, p.joints[:15]).all()
        keypoints = given.observe(rng, p.joints, camera)
        assert np.isnan(keypoints[:15, 0]).sum() == (5 if name == "occluded" else 0)
        assert ((keypoints[:15, 2] > 0.0) == np.isfinite(keypoints[:15, 0])).all()
        errors.append(np.abs(keypoints[:15, :2] - camera.project(p.joints[:15])))
    if name != "detector":
        assert float(np.nanpercentile(np.concatenate(errors), 68.3)) == pytest.approx(3.0, rel=0.25)
