"""What people showed of the camera's height outlives a restart, until they or somebody who
configures it say otherwise.
"""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.behaviour.mounting.camera_checks import CameraChecks
from edge.behaviour.mounting.kept_height import KeptHeight
from edge.core.pose import LiftedPose
from edge.core.rig import Rig
from tests.support.bodies import HANGS_M, WALK, WALK_POSES, hung_camera, lifted

TOLD = Rig(
    speakers=np.array([[0.1, 0.05, 0.0]]),
    mics=np.array([[-0.03, 0.05, 0.0], [0.03, 0.05, 0.0]]),
    pairs=np.array([[0, 0], [0, 1]]),
    camera=hung_camera(HANGS_M + 0.3),
    speed_of_sound_m_s=343.0,
)
RAISED = [lifted(p + np.array([0.0, 0.0, -0.3])) for p in WALK]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "hall.height.json"


def started(path: Path, rig: Rig = TOLD) -> CameraChecks:
    """A sensor that starts."""
    checks = CameraChecks(rig.camera)
    checks.recall(KeptHeight(path, rig))
    checks.drop_stale()
    return checks


def walk(checks: CameraChecks, poses: Sequence[LiftedPose] = WALK_POSES, each: int = 4) -> None:
    for pose in (p for p in poses for _ in range(each)):
        checks.pose([pose])


def test_a_restart_knows_it_before_anybody_is_seen(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = started(path)
    assert before.problems == ()
    walk(before)
    caplog.clear()
    after = started(path)
    assert after.problems == before.problems != ()
    assert after.height_is_wrong
    assert after.camera.height_m == pytest.approx(before.camera.height_m)
    assert "above the floor" in caplog.text


def test_nothing_in_it_is_about_people(path: Path) -> None:
    walk(started(path))
    kept = json.loads(path.read_text())
    assert kept.keys() == {"rig", "off_m"}
    assert kept["off_m"] == pytest.approx(0.3, abs=0.051)
    assert len(kept["rig"]) == 16


def test_people_take_it_back_after_a_restart(path: Path) -> None:
    walk(started(path))
    after = started(path)
    walk(after, RAISED, each=20)
    assert after.problems == ()
    assert after.camera.height_m == TOLD.camera.height_m
    assert not path.exists()
    assert started(path).problems == ()


def test_a_restart_alone_is_no_reason_to_take_it_back(path: Path) -> None:
    walk(started(path))
    for _ in range(3):
        after = started(path)
        walk(after, WALK_POSES[:2])
        assert after.height_is_wrong
    walk(after)
    assert after.height_is_wrong


@pytest.mark.parametrize(
    "changed",
    [
        replace(TOLD, camera=hung_camera(HANGS_M)),
        replace(TOLD, camera=replace(TOLD.camera, tilt_deg=11.0)),
        replace(TOLD, camera=replace(TOLD.camera, roll_deg=180.0)),
        replace(TOLD, camera=replace(TOLD.camera, fx=521.0)),
        replace(TOLD, mics=TOLD.mics + 0.01),
        replace(TOLD, speed_of_sound_m_s=344.0),
        replace(TOLD, camera=hung_camera(None)),
    ],
    ids=["height", "tilt", "roll", "lens", "microphones", "temperature", "no height"],
)
def test_another_configuration_forgets_it_for_good(path: Path, changed: Rig) -> None:
    walk(started(path))
    assert started(path, changed).problems == ()
    assert not path.exists()
    assert started(path).problems == (), "nobody knows what was done in between"


def test_a_sensor_that_is_refused_takes_nothing_from_the_one_that_runs(path: Path) -> None:
    """Both have one name, but not one rig."""
    walk(started(path))
    changed = replace(TOLD, camera=hung_camera(HANGS_M))
    refused = CameraChecks(changed.camera)
    refused.recall(KeptHeight(path, changed))
    assert refused.problems == ()
    assert started(path).height_is_wrong


def damaged_by(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


@pytest.mark.parametrize(
    "damage",
    [
        damaged_by(b""),
        damaged_by(b"\0" * 50),
        damaged_by(b"[" * 100_000),
        damaged_by(b'{"rig": "x"}'),
        damaged_by(b'{"rig": "x", "off_m": NaN}'),
        damaged_by(b'{"rig": "x", "off_m": 1e300}'),
        damaged_by(b'{"rig": "x", "off_m": 0.0}'),
        damaged_by(b'{"rig": "x", "off_m": 0.3, "who": "Ann"}'),
        os.mkfifo,
        os.mkdir,
    ],
)
def test_a_damaged_one_is_forgotten_and_named(
    path: Path, damage: Callable[[Path], object], caplog: pytest.LogCaptureFixture
) -> None:
    path.parent.mkdir()
    damage(path)
    checks = started(path)
    assert checks.problems == ()
    assert f"{path}: cannot be used" in caplog.text
    walk(checks)
    assert checks.height_is_wrong
    assert path.is_dir() or started(path).height_is_wrong


def test_a_disk_that_takes_nothing_is_named_and_nothing_else_changes(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.parent.write_text("not a folder")
    checks = started(path)
    assert caplog.text == ""
    walk(checks)
    assert checks.height_is_wrong
    assert f"{path}: cannot be written" in caplog.text
    walk(checks, RAISED, each=20)
    assert not checks.height_is_wrong


def test_what_cannot_be_written_leaves_the_old_one_whole(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    walk(started(path))
    kept = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("edge.core.files.os.fsync", full)
    lower = [lifted(p + np.array([0.0, 0.0, 0.2])) for p in WALK]
    walk(started(path), lower, each=20)
    assert "No space left on device" in caplog.text
    assert path.read_bytes() == kept
    assert os.listdir(path.parent) == [path.name]


def test_it_is_written_when_it_changes_and_not_with_every_pose(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[float | None] = []
    monkeypatch.setattr(KeptHeight, "keep", lambda _, off_m: written.append(off_m))
    checks = started(path)
    walk(checks, each=40)
    assert 2 <= len(written) <= 3, (
        "once it is found, and when it is known better; one is the start's"
    )
