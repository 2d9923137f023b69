"""`posekernel convert`, read back by libraries made for the formats."""

import csv
import json
import os
import threading
from pathlib import Path

import numpy as np
import pytest

from edge.__main__ import main
from edge.core.arrays import Array
from edge.core.pose import JOINTS
from edge.output.skeleton import upright
from tests.support.bodies import CAMERA
from tests.support.recordings import frame, messages, somebody, walk, write

MM = 1e-3
# The nodes of the file in the order in which BVH readers give them.
BVH_JOINTS = (8, 8, 1, 0, 1, 5, 6, 7, 1, 2, 3, 4, 12, 13, 14, 9, 10, 11)
OPENSIM_AXES = [1, 2, 0]  # forward, up, right of right, forward, up


def two_people(path: Path, steps: int = 20, *, height_known: bool = True) -> Path:
    """At 10 Hz; number 2 is there from the sixth image on."""
    frames = []
    for k in range(steps):
        people = [somebody(1, walk(k), height_known=height_known)]
        if k >= 5:
            people.append(somebody(2, walk(k, (1.5, 2.0)), height_known=height_known))
        frames.append(frame(k, 0.1 * k, *people))
    other = {"schema": "posekernel.event/2", "id": "hall", "kind": "person_entered"}
    return write(path, [{"schema": "posekernel.page/1"}, *messages(frames), other])


def with_gap(path: Path, gone: set[int], steps: int = 30) -> Path:
    """At 10 Hz, without these images."""
    frames = [frame(k, 0.1 * k, somebody(1, walk(k))) for k in range(steps) if k not in gone]
    return write(path, messages(frames))


def convert(capsys: pytest.CaptureFixture[str], *args: object) -> list[str]:
    assert main(["convert", *map(str, args)]) == 0
    return capsys.readouterr().out.splitlines()


def fails(capsys: pytest.CaptureFixture[str], *args: object) -> str:
    assert main(["convert", *map(str, args)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    return err


def bvh_joints(path: Path) -> Array:
    """(frames, 15, 3) by pybvh's own kinematics."""
    pybvh = pytest.importorskip("pybvh", reason="pybvh is not installed")
    positions = np.asarray(pybvh.read_bvh_file(str(path)).node_positions())
    joints = np.full((len(positions), 15, 3), np.nan)
    for k, joint in enumerate(BVH_JOINTS):
        joints[:, joint] = positions[:, k]
    return joints


def test_bvh_joints_are_those_of_the_messages(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = convert(capsys, two_people(tmp_path / "m.jsonl"), "--out", tmp_path / "a.bvh")
    assert [line.partition(":")[0] for line in said] == [
        str(tmp_path / "a-1.bvh"),
        str(tmp_path / "a-2.bvh"),
    ]
    for number, start, first in ((1, (0.0, 3.0), 0), (2, (1.5, 2.0), 5)):
        truth = np.array([upright(walk(k, start), room=True) for k in range(first, 20)])
        apart = np.linalg.norm(bvh_joints(tmp_path / f"a-{number}.bvh") - truth, axis=2)
        assert apart.shape == (20 - first, 15)
        assert apart.max() < MM, apart.max()
    assert f"15 frames at 10 Hz from {0.5:.2f} s" in said[1]


def test_bvh_says_which_way_is_up_and_ahead(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pybvh = pytest.importorskip("pybvh", reason="pybvh is not installed")
    convert(capsys, two_people(tmp_path / "m.jsonl"), "--out", tmp_path / "a.bvh")
    skeleton = pybvh.read_bvh_file(str(tmp_path / "a-1.bvh"))
    assert (skeleton.rest_up, skeleton.rest_forward, skeleton.world_up) == ("+y", "+z", "+y")
    assert skeleton.frame_time == pytest.approx(0.1)


def test_bvh_bones_keep_one_length_and_it_is_said_how_far_off_that_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    truth = [walk(k) + rng.normal(0.0, 0.02, (15, 3)) for k in range(40)]
    frames = [frame(k, 0.1 * k, somebody(1, room)) for k, room in enumerate(truth)]
    path = write(tmp_path / "m.jsonl", messages(frames))
    (said,) = convert(capsys, path, "--out", tmp_path / "a.bvh", "--person", 1)
    joints = bvh_joints(tmp_path / "a.bvh")
    apart = np.linalg.norm(joints - np.array([upright(t, room=True) for t in truth]), axis=2)
    assert f"joints {100 * np.median(apart.mean(1)):.1f} cm (median) off" in said
    upper_arm = np.linalg.norm(joints[:, 6] - joints[:, 5], axis=1)
    assert np.ptp(upper_arm) < 1e-4
    assert upper_arm[0] == pytest.approx(0.186 * 1.75, abs=0.01)


def test_bvh_repeats_a_pose_in_a_short_gap_and_begins_anew_after_a_long_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = with_gap(tmp_path / "m.jsonl", {4, 5, *range(10, 16)})
    said = convert(capsys, path, "--out", tmp_path / "a.bvh", "--person", 1)
    assert len(said) == 2
    assert "a.bvh: person 1, 10 frames at 10 Hz from 0.00 s, 2 of them repeat" in said[0]
    assert "a.part2.bvh: person 1, 14 frames at 10 Hz from 1.60 s, 0 of them repeat" in said[1]
    shown = [0, 1, 2, 3, 3, 3, 6, 7, 8, 9]
    for name, poses in (("a.bvh", shown), ("a.part2.bvh", range(16, 30))):
        truth = np.array([upright(walk(k), room=True) for k in poses])
        assert np.linalg.norm(bvh_joints(tmp_path / name) - truth, axis=2).max() < MM


def test_trc_markers_are_the_joints_in_millimetres_with_y_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trc = pytest.importorskip("trc", reason="trc-data-reader is not installed")
    path = with_gap(tmp_path / "m.jsonl", {7, 8, 29}, steps=31)
    (said,) = convert(capsys, path, "--out", tmp_path / "a.trc", "--person", 1)
    assert "31 rows at 10 Hz, 0.00 to 3.00 s; 3 are blank" in said
    data = trc.TRCData()
    data.load(str(tmp_path / "a.trc"))
    assert (data["Units"], float(data["DataRate"]), int(data["NumFrames"])) == ("mm", 10.0, 31)
    assert data["Markers"][:4] == ["Nose", "Neck", "RShoulder", "RElbow"]
    for k in range(31):
        time_s, markers = data[k + 1]
        assert float(time_s) == pytest.approx(0.1 * k, abs=1e-6)
        if k in (7, 8, 29):
            assert np.isnan(np.array(markers, np.float64)).all()
        else:
            apart = np.array(markers) / 1000.0 - walk(k)[:, OPENSIM_AXES]
            assert np.linalg.norm(apart, axis=1).max() < MM


def test_opensim_itself_reads_the_trc_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    opensim = pytest.importorskip("opensim", reason="OpenSim is not installed")
    path = with_gap(tmp_path / "m.jsonl", {7, 8})
    convert(capsys, path, "--out", tmp_path / "a.trc", "--person", 1)
    table = opensim.TimeSeriesTableVec3(str(tmp_path / "a.trc"))
    assert (table.getNumRows(), table.getNumColumns()) == (30, 15)
    for k in range(30):
        row = table.getRowAtIndex(k)
        markers = np.array([[row.getElt(0, m)[n] for n in range(3)] for m in range(15)])
        if k in (7, 8):
            assert np.isnan(markers).all()
        else:
            assert np.abs(markers / 1000.0 - walk(k)[:, OPENSIM_AXES]).max() < MM


def test_csv_holds_every_number_of_the_messages(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    convert(capsys, two_people(tmp_path / "m.jsonl"), "--out", tmp_path / "a.csv")
    with (tmp_path / "a-2.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 15
    for k, row in enumerate(rows, start=5):
        assert float(row["time_s"]) == pytest.approx(0.1 * k)
        assert (row["person"], row["presence"], row["frame"]) == ("2", "present", "room")
        joints = np.array([[float(row[f"{j}_{a}_m"]) for a in "xyz"] for j in JOINTS])
        assert np.linalg.norm(joints - walk(k, (1.5, 2.0)), axis=1).max() < MM
        assert {row[f"{j}_sigma_m"] for j in JOINTS} == {"0.041"}
        assert {row[f"{j}_confidence"] for j in JOINTS} == {"0.8"}


def test_without_the_cameras_height_places_are_from_the_camera_and_it_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = two_people(tmp_path / "m.jsonl", height_known=False)
    said = convert(capsys, path, "--out", tmp_path / "a.bvh", "--person", 1)
    assert "the camera's height is not known" in said[-1]
    truth = np.array([upright(CAMERA.from_room(walk(k)), room=False) for k in range(20)])
    assert np.linalg.norm(bvh_joints(tmp_path / "a.bvh") - truth, axis=2).max() < MM
    convert(capsys, path, "--out", tmp_path / "a.csv", "--person", 1)
    with (tmp_path / "a.csv").open(newline="") as file:
        first = next(csv.DictReader(file))
    assert first["frame"] == "camera"
    assert float(first["mid_hip_z_m"]) == pytest.approx(CAMERA.from_room(walk(0))[8, 2], abs=MM)


def test_an_unknown_joint_stays_unknown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = messages([frame(k, 0.1 * k, somebody(1, walk(k))) for k in range(10)])
    lines[3]["people"][0]["joints"][4] |= {"camera": None, "room": None, "sigma_m": None}
    path = write(tmp_path / "m.jsonl", lines)
    for ending in ("csv", "trc", "bvh"):
        said = convert(capsys, path, "--out", tmp_path / f"a.{ending}", "--person", 1)
    assert "10 frames at 10 Hz from 0.00 s, 1 of them repeat" in said[0]
    with (tmp_path / "a.csv").open(newline="") as file:
        row = list(csv.DictReader(file))[3]
    assert (row["right_wrist_x_m"], row["right_wrist_sigma_m"]) == ("", "")
    assert row["right_elbow_x_m"] != ""
    cells = (tmp_path / "a.trc").read_text().splitlines()[6 + 3].split("\t")
    assert cells[2 + 3 * 4 : 5 + 3 * 4] == ["", "", ""]
    assert cells[2 + 3 * 3] != ""


def test_a_television_is_left_out_unless_it_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frames = [
        frame(k, 0.1 * k, somebody(1, walk(k)), somebody(2, walk(k), "seen_only"))
        for k in range(5)
    ]  # fmt: skip
    path = write(tmp_path / "m.jsonl", messages(frames))
    said = convert(capsys, path, "--out", tmp_path / "a.csv")
    assert sorted(p.name for p in tmp_path.glob("a*")) == ["a-1.csv"]
    assert "person 2: left out, never present in the room (seen_only)" in said[1]
    convert(capsys, path, "--out", tmp_path / "tv.csv", "--person", 2)
    assert (tmp_path / "tv.csv").exists()


def test_a_last_line_that_was_cut_off_is_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = two_people(tmp_path / "m.jsonl")
    whole = messages([frame(20, 2.0, somebody(1, walk(20)))])
    with path.open("ab") as file:
        file.write(json.dumps(whole[0]).encode()[:500])
    said = convert(capsys, path, "--out", tmp_path / "a.csv", "--person", 1)
    assert "20 poses" in said[0]
    assert said[-1] == "note: the last line was not whole and is left out"


def test_mistakes_are_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = two_people(tmp_path / "m.jsonl")
    out = tmp_path / "a.bvh"
    assert "ends in .bvh, .trc, .csv" in fails(capsys, good, "--out", tmp_path / "a.fbx")
    assert "No such file" in fails(capsys, tmp_path / "none.jsonl", "--out", out)
    assert "cannot be read" in fails(capsys, tmp_path, "--out", out)
    assert "found 7, but in it are people 1, 2" in fails(capsys, good, "--out", out, "--person", 7)
    there = tmp_path / "none" / "a.bvh"
    assert "cannot be written" in fails(capsys, good, "--out", there)

    frames = messages([frame(k, 0.1 * k, somebody(1, walk(k))) for k in range(3)])
    for wrong, sentence in (
        ([], "found no pose"),
        ([{"schema": "posekernel.page/1"}], "found no pose"),
        ([{"a": 1}], "line 1: found no `schema`"),
        ([frames[0] | {"schema": "posekernel.pose/1"}], "posekernel.pose/2 is needed"),
        ([frames[0], frames[1] | {"id": "loo"}], "line 2: found poses of loo behind those of hall"),
        ([frames[1], frames[0]], "line 2: here a new run of the sensor begins"),
        ([frames[0] | {"people": 3}], "line 1: people: found the number 3"),
    ):
        path = write(tmp_path / "bad.jsonl", wrong)
        assert sentence in fails(capsys, path, "--out", out)
    path = tmp_path / "bad.jsonl"
    path.write_bytes(b"{}}\n{}\n")
    assert "line 1: not JSON" in fails(capsys, path, "--out", out)
    far = messages([frame(0, 0.0, somebody(1, walk(0) + 2000.0))])
    assert "more than 1000 m away" in fails(capsys, write(path, far), "--out", out)
    lurking = [frame(k, 0.1 * k, somebody(3, walk(k), "unsure")) for k in range(3)]
    write(path, messages(lurking))
    assert "never present" not in fails(capsys, path, "--out", out)
    assert not list(tmp_path.glob("a*"))


def test_a_pipe_is_read_where_somebody_writes_and_else_not_waited_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before: it waited for ever for a writer."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert "found no pose" in fails(capsys, pipe, "--out", tmp_path / "a.csv")
    content = two_people(tmp_path / "m.jsonl").read_bytes()
    end = os.open(pipe, os.O_RDWR)  # does not wait for a reader

    def write_all() -> None:
        with os.fdopen(end, "wb") as file:
            for k in range(0, len(content), 1000):
                file.write(content[k : k + 1000])

    writer = threading.Thread(target=write_all)
    writer.start()
    assert convert(capsys, pipe, "--out", tmp_path / "a.csv")
    writer.join()
