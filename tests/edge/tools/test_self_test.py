"""The self-test passes the shipped models, and refuses one that runs but gives worse poses."""

import shutil
from pathlib import Path

import pytest

from edge.__main__ import main
from edge.core.config import KeypointsConfig, LifterConfig
from edge.core.config.estimation import LifterKind
from edge.lifting import lifter as lifters
from edge.lifting.lifter import MODELS
from edge.tools.self_test import self_test
from tests.support.worse_model import carded, sums, worse


def test_what_ships_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--self-test"]) == 0
    printed = capsys.readouterr().out
    assert "98 poses in 49 of 50 frames" in printed
    assert "median error" in printed


@pytest.mark.parametrize("kind", ["volume", "geometric"])
def test_whoever_chose_another_lifter_has_a_good_installation_too(kind: LifterKind) -> None:
    """Before, the geometric one was held to the error of `ray`: "install another release"."""
    assert "median error" in self_test(KeypointsConfig(), LifterConfig(kind=kind))


def test_a_worse_model_is_an_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    models = tmp_path / "models"
    shutil.copytree(MODELS, models)
    files = {"lifter_vision.tflite": worse(MODELS / "lifter_vision.tflite")}
    for path in models.glob("lifter_*.json"):
        files[path.name] = carded(path.read_bytes(), files)
    for name, content in files.items():
        (models / name).write_bytes(content)
    (models / "SHA256SUMS").write_bytes(
        sums({p.name: p.read_bytes() for p in models.glob("*.tflite")})
    )
    monkeypatch.setattr(lifters, "MODELS", models)
    assert main(["doctor"]) == 0
    assert main(["doctor", "--self-test"]) == 1
    printed = capsys.readouterr().out
    assert "ERROR    poses" in printed
    assert "at most 16 cm are needed" in printed
