"""Checkpoints are written whole or not at all, and a full disk is one sentence."""

import errno
import os
from pathlib import Path

import pytest

from edge.core.files import write_whole

torch = pytest.importorskip("torch", reason="torch is not installed")

from export.__main__ import main  # noqa: E402  needs torch
from export.train.checkpoints import save_checkpoint  # noqa: E402  needs torch

pytestmark = pytest.mark.train


def full(path: Path, content: bytes, mode: int = 0o666) -> None:
    """A disk that is full after half of the file."""
    try:
        write_whole(path.with_name("half"), content[: len(content) // 2], mode)
    finally:
        path.with_name("half").unlink()
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


def test_a_full_disk_leaves_the_old_checkpoint_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_checkpoint({"step": 1}, tmp_path / "last.pt")
    monkeypatch.setattr("export.train.checkpoints.write_whole", full)
    with pytest.raises(OSError, match="No space left"):
        save_checkpoint({"step": 2}, tmp_path / "last.pt")
    assert os.listdir(tmp_path) == ["last.pt"]
    assert torch.load(tmp_path / "last.pt", weights_only=True) == {"step": 1}


def test_a_full_disk_below_a_training_is_one_sentence(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        save_checkpoint({"step": 1}, tmp_path / "last.pt")

    monkeypatch.setattr("export.train.checkpoints.write_whole", full)
    monkeypatch.setattr("export.train.training.train", fails)
    options = ["--config", "debug", "--data", str(tmp_path), "--out", str(tmp_path / "run")]
    assert main(["train", *options]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "last.pt: cannot be written (No space left on device)" in said
