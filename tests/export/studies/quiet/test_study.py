"""The smallest run of the command: two policies on one short evening without echoes."""

import json

import numpy as np
import pytest
import scipy.io.wavfile

from edge.core.errors import ConfigError
from export.__main__ import main
from export.simulate.evening.home import Evening
from export.simulate.evening.responses import Responses, empty_rooms
from export.studies.quiet import study
from export.studies.quiet.study import read_music

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


def test_music_is_read_at_the_rigs_rate_without_a_seam(tmp_path):
    t = np.arange(44100 * 3) / 44100
    tone = (8000 * np.sin(2 * np.pi * 1000 * t)).astype(np.int16)
    scipy.io.wavfile.write(tmp_path / "tone.wav", 44100, np.stack([tone, tone], axis=1))
    music = read_music([tmp_path / "tone.wav"], 16000)
    assert music is not None
    assert len(music) == 48000
    assert np.sqrt(np.mean(music[16000:32000] ** 2)) == pytest.approx(0.1, rel=0.02)
    assert abs(music[0]) + abs(music[-1]) < 1e-3
    (tmp_path / "text.wav").write_text("no music")
    with pytest.raises(ConfigError, match="a WAV file with music is needed"):
        read_music([tmp_path / "text.wav"], 16000)
