"""The smallest run of the command: two policies on one short evening without echoes."""

import json

import numpy as np
import pytest

from export.__main__ import main
from export.simulate.evening.home import Evening
from export.simulate.evening.responses import Responses, empty_rooms
from export.studies.quiet import study
from export.studies.quiet.study import music

pytestmark = pytest.mark.export


def _nobody_echoes(evening: Evening, folder: object) -> Responses:
    mics = len(evening.sound.scene.rig.true.mics)
    bodies = [np.zeros((len(r.joints), mics, 1600), np.float32) for r in evening.roles]
    return Responses(tuple(bodies), empty_rooms(evening))


def test_a_small_run_prints_the_numbers_and_is_not_made_twice(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(study, "respond", _nobody_echoes)
    args = ["quiet", "--evenings", "1", "--scale", "0.02", "--heights", "known", "--json"]
    args += ["--policies", "silent,continuous", "--cache", str(tmp_path)]
    assert main(args) == 0
    first = capsys.readouterr()
    rows = {row["policy"]: row for row in json.loads(first.out)}
    assert rows["silent"]["sound"]["average_dba"] == -np.inf
    assert 71.0 < rows["continuous"]["sound"]["average_dba"] < 77.0
    assert rows["silent"]["groups"]["walking"]["posed"] > 0.9
    assert rows["silent"]["groups"]["walking"]["median"]["value"] < 0.5
    assert "evening 0: continuous, height known" in first.err
    assert main([*args, "--out", str(tmp_path / "quiet.md")]) == 0
    second = capsys.readouterr()
    assert "nothing to do" in second.err
    assert second.out == first.out
    assert "posekernel-export quiet --evenings 1" in (tmp_path / "quiet.md").read_text()


def test_what_is_unknown_is_named(capsys):
    assert main(["quiet", "--policies", "discreet,shout"]) == 2
    assert "--policies: found shout, but some of silent" in capsys.readouterr().err


def test_music_is_equally_loud_and_repeats_without_a_seam():
    pieces = music()
    half = len(pieces) // 2
    levels = [np.sqrt(np.mean(x**2)) for x in (pieces[:half], pieces[half:])]
    assert levels == pytest.approx([0.1, 0.1], rel=0.1)
    assert max(abs(pieces[0]), abs(pieces[-1]), abs(pieces[half])) < 1e-3
