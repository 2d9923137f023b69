"""Candidates side by side: each world a row, each lifter a column."""

from pathlib import Path

import pytest

from edge.lifting.lifter import MODELS
from export.__main__ import main
from export.commands.networks import candidates
from export.evaluate.tracking import TrackingScore
from export.studies.people.real_frames import CameraOutcome, PersonRow
from tests.support.datasets import make_dataset

pytestmark = pytest.mark.export

FLOAT, INT8 = MODELS / "lifter_ray.tflite", MODELS / "lifter_ray_int8.tflite"


def test_a_row_for_each_world_with_sound_and_without(tmp_path, capsys):
    for name in ("one", "other"):
        make_dataset(tmp_path / name)
    sets = [x for name in ("one", "other") for x in ("--set", str(tmp_path / name))]
    out = tmp_path / "table.md"
    assert main(["candidates", str(FLOAT), str(INT8), *sets, "--out", str(out)]) == 0
    head, _, *rows = out.read_text().splitlines()
    assert head == f"| world | sound | poses | {FLOAT} | {INT8} |"
    assert [row.split(" | ")[:2] for row in rows] == [
        ["| one", "sound"],
        ["| one", "silent"],
        ["| other", "sound"],
        ["| other", "silent"],
    ]
    assert all(row.count(" %") == 2 for row in rows)
    assert out.read_text() == capsys.readouterr().out


def test_real_people_get_a_row_each_on_each_camera(monkeypatch, capsys):
    """The real frames themselves are measured in tests of their own."""
    errors = {FLOAT: (0.05, 0.09), INT8: (0.06, 0.1)}

    def measured(video: Path, name: str, lifter: Path, *, seed: int):
        for camera in (1, 2):
            row = PersonRow(0, 49, 50, 3.2, *errors[lifter], 1.0)
            yield CameraOutcome(f"{name}, {camera}", TrackingScore(), (row,))

    monkeypatch.setattr(candidates, "measure_video", measured)
    assert main(["candidates", str(FLOAT), str(INT8), "--video", "/videos/two"]) == 0
    rows = capsys.readouterr().out.splitlines()[2:]
    assert rows == [
        f"| two, {camera}, person 1 | sound | 50 | 5.0 / 9.0 (49) | 6.0 / 10.0 (49) |"
        for camera in (1, 2)
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([str(INT8)], "no world to compare in"),
        ([str(INT8), "--set", ".", "--limit", "0"], "at least 1 is needed"),
        (["missing.tflite", "--set", "."], "no such model file"),
    ],
)
def test_mistakes_are_named(arguments, said, capsys):
    assert main(["candidates", *arguments]) == 2
    assert said in capsys.readouterr().err
