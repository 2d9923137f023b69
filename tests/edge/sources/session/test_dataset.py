"""The dataset format: our extension, the public layout, and errors for damaged samples."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edge.core.errors import ConfigError, SessionError
from edge.sources.session.dataset import (
    Sample,
    find_environments,
    load_environment,
    require_environments,
    write_environment,
    write_sample,
)
from tests.support.bodies import CAMERA, compact_rig, seen, standing
from tests.support.datasets import make_crowds, make_public


def make_ours(root: Path, samples: int = 3) -> Path:
    env = root / "environment1"
    write_environment(env, compact_rig(), 16000.0, (2000.0, 7500.0), np.zeros((6, 640), np.float32))
    for k in range(samples):
        joints = standing(1.7, (0.0, 2.0 + k))
        rir = np.random.default_rng(k).normal(size=(6, 640)).astype(np.float32)
        write_sample(env, Sample(str(k), rir, joints[None], (seen(joints),), {"pose": "stand"}))
    return env


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    env = load_environment(make_ours(tmp_path))
    samples = list(env)
    assert [s.name for s in samples] == ["0", "1", "2"]
    assert env.skipped == {}
    np.testing.assert_allclose(samples[1].joints[0], standing(1.7, (0.0, 3.0)), atol=1e-6)
    assert samples[1].info == {"pose": "stand"}
    assert env.rig.camera == CAMERA
    assert find_environments(tmp_path) == [tmp_path / "environment1"]


def test_everybody_of_a_moment_is_read_back_in_order(tmp_path: Path) -> None:
    env = load_environment(make_crowds(tmp_path) / "environment1")
    samples = list(env)
    assert env.skipped == {}
    assert [len(s.joints) for s in samples] == [1, 2, 3, 4]
    for s in samples:
        people = len(s.joints)
        shape = (25, 3) if people == 1 else (people, 25, 3)
        for name in ("gnd.npy", "keypoints.npy"):
            assert np.load(env.path / s.name / name).shape == shape
        for k, (joints, keys) in enumerate(zip(s.joints, s.keypoints, strict=True)):
            expected = standing(1.6 + 0.1 * k, (0.6 * k - 0.6, 2.8))
            np.testing.assert_allclose(joints, expected, atol=1e-6)
            np.testing.assert_allclose(keys.pixels, seen(expected).pixels, atol=1e-4)
            alone = s.alone(k)
            np.testing.assert_array_equal(alone.joints, [joints])
            assert alone.keypoints == (keys,)
            assert (alone.info["sir_db"], alone.info["room"]) == (k, "crowded")
            assert alone.rir is s.rir
    (env.path / "3" / "keypoints.npy").unlink()
    projected = list(env)[3].keypoints
    for joints, keys in zip(samples[3].joints, projected, strict=True):
        off = np.linalg.norm(keys.pixels[:15, :2] - CAMERA.project(joints[:15]), axis=1)
        assert 1.0 < np.median(off) < 6.0


CROWDS = {
    "centimetres": (lambda j: j * [[[1.0]], [[100.0]]], "person 2 of 2: its bone lengths say cent"),
    "behind": (lambda j: j * [[[1, 1, -1]], [[1, 1, 1]]], "person 1 of 2: no joint lies in front"),
    "missing": (lambda j: j * [[[1]], [[np.nan]]], "person 2 of 2: 15 of the first 15 joints"),
    "nobody": (lambda j: j[:0], "at most 16 people"),
    "too many": (lambda j: np.repeat(j, 9, axis=0), "at most 16 people"),
    "too few keypoints": (lambda j: np.repeat(j, 2, axis=0), r"(2, 25, 3), but (4, 25, 3)"),
}


@pytest.mark.parametrize("kind", CROWDS)
def test_the_person_who_cannot_be_is_named(tmp_path: Path, kind: str) -> None:
    root = make_crowds(tmp_path, (2, 2)) / "environment1"
    change, words = CROWDS[kind]
    spoil_joints(root / "0", change)
    env = load_environment(root)
    assert [s.name for s in env] == ["1"]
    assert words in env.skipped["environment1/0"]


def test_a_wild_joint_of_one_person_leaves_the_others_alone(tmp_path: Path) -> None:
    root = make_crowds(tmp_path, (2,)) / "environment1"
    joints = np.load(root / "0" / "gnd.npy")
    joints[1, 4] = [150.0, 0.0, 3.0]
    np.save(root / "0" / "gnd.npy", joints)
    (sample,) = list(load_environment(root))
    assert np.isnan(sample.joints[1, 4]).all()
    np.testing.assert_allclose(sample.joints[0], joints[0])


@pytest.mark.parametrize(("joints", "scale"), [(25, 1.0), (49, 1.0), (49, 1000.0)])
def test_the_public_layout_loads_as_it_is(tmp_path: Path, joints: int, scale: float) -> None:
    env = load_environment(make_public(tmp_path, joints, scale))
    (sample,) = list(env)
    assert (env.sample_rate_hz, len(env.rig.pairs)) == (96000.0, 4)
    np.testing.assert_allclose(env.rig.direct_arrival_s, 0.0)
    np.testing.assert_allclose(sample.joints[0, :15], standing()[:15], atol=1e-6)
    assert np.isnan(sample.joints[0, 15]).all()  # a row of zeros is a missing joint
    again = next(iter(load_environment(tmp_path / "environment2")))
    pixels = sample.keypoints[0].pixels
    np.testing.assert_array_equal(pixels, again.keypoints[0].pixels)
    error = np.linalg.norm(pixels[:15, :2] - CAMERA.project(standing()[:15]), axis=1)
    assert 1.0 < np.median(error) < 6.0


def test_damaged_samples_are_named_skipped_and_counted(tmp_path: Path) -> None:
    root = make_ours(tmp_path, 8)
    (root / "1" / "rir.npy").unlink()
    (root / "2" / "rir.npy").write_bytes((root / "2" / "rir.npy").read_bytes()[:300])
    np.save(root / "3" / "rir.npy", np.zeros((5, 640)))
    np.save(root / "4" / "gnd.npy", np.full((25, 3), np.nan))
    np.save(root / "5" / "rir.npy", np.full((6, 640), np.inf))
    (root / "6" / "info.json").write_text("{")
    env = load_environment(root)
    assert [s.name for s in env] == ["0", "7"]
    assert sorted(env.skipped) == [f"environment1/{k}" for k in (1, 2, 3, 4, 5, 6)]
    for k, words in {
        1: "no such file",
        2: "rir.npy",
        3: "(5, 640)",
        4: "missing",
        5: "finite",
        6: "JSON",
    }.items():
        assert words in env.skipped[f"environment1/{k}"]


def test_a_folder_without_any_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no environment"):
        require_environments(tmp_path)
    with pytest.raises(ConfigError, match="no such folder"):
        require_environments(tmp_path / "nothing")
    with pytest.raises(SessionError, match=r"rig\.json"):
        load_environment(tmp_path)


def spoil_joints(sample: Path, change: Callable[[np.ndarray], np.ndarray]) -> None:
    np.save(sample / "gnd.npy", change(np.load(sample / "gnd.npy")))


def test_a_wild_joint_is_missing_and_changes_nothing_else(tmp_path: Path) -> None:
    root = make_ours(tmp_path, 1)
    whole = next(iter(load_environment(root))).joints[0]
    for place in ([150.0, 0.0, 3.0], [0.0, -30.0, 3.0], [1e30, 0.0, 0.0]):
        joints = whole.copy()
        joints[4] = place
        np.save(root / "0" / "gnd.npy", joints)
        env = load_environment(root)
        (sample,) = list(env)
        assert env.skipped == {}
        assert np.isnan(sample.joints[0, 4]).all()
        others = np.arange(25) != 4
        np.testing.assert_allclose(sample.joints[0, others], whole[others])


SPOILT = {
    "centimetres": (lambda j: j * 100.0, "bone lengths say centimetres"),
    "kilometres": (lambda j: j / 1000.0, "bone lengths say a body of"),
    "far away": (lambda j: j + np.array([0.0, 0.0, 1000.0]), "the person is 1e\\+03 m away"),
    "behind the camera": (lambda j: j * np.array([1.0, 1.0, -1.0]), "no joint lies in front"),
    "scattered": (lambda j: j * np.arange(25)[:, None], "bone lengths say|far from the others"),
    "one point": (lambda j: np.where(np.isnan(j), j, 1.0), "bone lengths say a body of 0 m"),
}


@pytest.mark.parametrize("kind", SPOILT)
def test_joints_that_cannot_be_a_body_in_the_room_are_named(tmp_path: Path, kind: str) -> None:
    root = make_ours(tmp_path, 2)
    change, words = SPOILT[kind]
    spoil_joints(root / "0", change)
    env = load_environment(root)
    assert [s.name for s in env] == ["1"]
    assert re.search(words, env.skipped["environment1/0"]), env.skipped


def test_a_public_folder_in_centimetres_is_refused(tmp_path: Path) -> None:
    env = load_environment(make_public(tmp_path, scale=100.0))
    assert list(env) == []
    assert "centimetres" in env.skipped["environment2/0"]


def test_a_public_folder_with_devices_in_another_unit_is_refused(tmp_path: Path) -> None:
    env = make_public(tmp_path)
    np.save(env / "audio_sensor_loc.npy", np.load(env / "audio_sensor_loc.npy") * 1000.0)
    with pytest.raises(ConfigError, match="look like mm"):
        load_environment(env)


INFOS = {
    "a list": b"[1, 2]",
    "nested": b"[" * 100_000,
    "nested objects": b'{"a":' * 100_000,
    "not UTF-8": b'{"pose": "caf\xe9"}',
    "not a number": b'{"sir_db": NaN}',
    "nothing": b"",
}


@pytest.mark.parametrize("kind", INFOS)
def test_an_info_that_is_no_table_is_named_whatever_it_holds(tmp_path: Path, kind: str) -> None:
    root = make_ours(tmp_path, 2)
    (root / "0" / "info.json").write_bytes(INFOS[kind])
    env = load_environment(root)
    assert [s.name for s in env] == ["1"]
    assert "info.json" in env.skipped["environment1/0"]


def test_sound_and_pixels_that_cannot_be_are_named(tmp_path: Path) -> None:
    root = make_ours(tmp_path, 5)
    np.save(root / "0" / "rir.npy", np.full((6, 640), 1e300))  # too large for single precision
    np.save(root / "1" / "keypoints.npy", np.full((25, 3), 1e6))
    np.save(root / "2" / "keypoints.npy", np.full((25, 3), [np.nan, np.nan, 1.0]))
    (root / "3" / "rir.npy").unlink()
    os.mkfifo(root / "3" / "rir.npy")
    env = load_environment(root)
    assert [s.name for s in env] == ["4"]
    for k, words in enumerate(("not finite", "confidences", "no number", "it is a pipe")):
        assert words in env.skipped[f"environment1/{k}"]
