"""The self-test passes what ships, and refuses a model that loads and runs as well but sees worse."""

import shutil
from pathlib import Path

import pytest

from edge import lifters
from edge.__main__ import main
from edge.lifters import MODELS
from tests.worse_model import sums, worse


def test_what_ships_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--self-test"]) == 0
    assert "50 poses in 50 frames, 50 scaled by sound, median error 12." in capsys.readouterr().out


def test_a_worse_model_is_an_error(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    models = tmp_path / "models"
    shutil.copytree(MODELS, models)
    (models / "lifter_vision.tflite").write_bytes(worse(MODELS / "lifter_vision.tflite"))
    (models / "SHA256SUMS").write_bytes(sums({p.name: p.read_bytes() for p in models.glob("*.tflite")}))
    monkeypatch.setattr(lifters, "MODELS", models)
    assert main(["doctor"]) == 0
    assert main(["doctor", "--self-test"]) == 1
    said = capsys.readouterr().out
    assert "ERROR    poses" in said
    assert "at most 16 cm are needed" in said
