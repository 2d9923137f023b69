"""Training: it goes on where it was ended, from a checkpoint, and in several processes."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support import ROOT

torch = pytest.importorskip(
    "torch", reason="PyTorch is not installed: pip install 'posekernel[train]'"
)

from edge.core.errors import ConfigError, ModelError  # noqa: E402
from export.train.checkpoints import load_networks  # noqa: E402
from export.train.ray_network import RayConfig, VisionConfig, VisionNet  # noqa: E402
from export.train.train_config import config_from  # noqa: E402
from export.train.training import train  # noqa: E402
from export.train.volume_network import VolumeConfig  # noqa: E402
from tests.export.train.tiny import TINY  # noqa: E402

pytestmark = [pytest.mark.export, pytest.mark.train]


def test_a_checkpoint_explains_itself(trained: Path) -> None:
    config, _, fusion, stored = load_networks(trained)
    assert config == replace(TINY, form=config.form)
    assert stored["samples"] == 8
    assert stored["score"] > 0.0
    assert not fusion.training
    assert config_from(json.loads(json.dumps(config.as_dict()))) == config


def test_an_interrupted_run_ends_as_an_unbroken_one(
    dataset: Path, trained: Path, tmp_path: Path
) -> None:
    lines: list[str] = []
    (tmp_path / "vision.pt").write_bytes((trained.parent / "vision.pt").read_bytes())
    tiny = load_networks(trained)[0]
    train(
        replace(tiny, patience=1), dataset, tmp_path, minutes=1e-9, say=lines.append
    )  # one step, then the time is over
    train(tiny, dataset, tmp_path, say=lines.append)
    assert "going on at step 1" in lines
    assert torch.load(tmp_path / "last.pt", weights_only=True)["step"] == 6
    with pytest.raises(ConfigError, match="another network"):
        train(
            replace(tiny, ray=RayConfig(width=8), volume=VolumeConfig(width=8)),
            dataset,
            tmp_path,
            say=lines.append,
        )


def test_finetuning_starts_from_the_checkpoint(
    dataset: Path, trained: Path, tmp_path: Path
) -> None:
    best = train(
        replace(TINY, steps=1, validate=1, rate=0.0),
        dataset,
        tmp_path,
        finetune=trained,
        say=lambda line: None,
    )
    _, _, before, _ = load_networks(trained)
    _, _, after, _ = load_networks(best)
    for a, b in zip(before.parameters(), after.parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_finetuning_uses_the_given_vision_network(
    dataset: Path, trained: Path, tmp_path: Path
) -> None:
    other = VisionNet(TINY.vision)
    torch.save(other.state_dict(), tmp_path / "other.pt")
    settings = replace(TINY, steps=1, validate=1, rate=0.0)
    best = train(
        settings,
        dataset,
        tmp_path / "run",
        finetune=trained,
        vision=tmp_path / "other.pt",
        say=lambda line: None,
    )
    _, vision, _, _ = load_networks(best)
    for a, b in zip(other.parameters(), vision.parameters(), strict=True):
        torch.testing.assert_close(a, b)
    with pytest.raises(ConfigError, match="began with another vision network"):
        train(settings, dataset, tmp_path / "run", finetune=trained, say=lambda line: None)


def test_a_wrong_vision_network_is_named_and_leaves_the_run_alone(
    dataset: Path, trained: Path, tmp_path: Path
) -> None:
    torch.save(VisionNet(VisionConfig(width=8, blocks=1)).state_dict(), tmp_path / "narrow.pt")
    (tmp_path / "damaged.pt").write_bytes(b"PK nothing")
    settings = replace(TINY, steps=1, validate=1)
    for name in ("narrow.pt", "damaged.pt", "absent.pt"):
        with pytest.raises(ModelError, match="vision network"):
            train(
                settings, dataset, tmp_path / "run", vision=tmp_path / name, say=lambda line: None
            )
    train(
        settings,
        dataset,
        tmp_path / "run",
        vision=trained.parent / "vision.pt",
        say=lambda line: None,
    )


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "best.pt"
    broken.write_bytes(b"no checkpoint")
    with pytest.raises(ModelError, match=r"best\.pt"):
        load_networks(broken)


def test_two_processes_learn_as_one(dataset: Path, trained: Path, tmp_path: Path) -> None:
    """torchrun with gloo: both take half of every batch; the curve is that of one process but for
    the normalisation's noise.
    """
    curves = []
    for processes in (1, 2):
        run = tmp_path / str(processes)
        run.mkdir()
        (run / "vision.pt").write_bytes((trained.parent / "vision.pt").read_bytes())
        script = run / "train.py"
        script.write_text(
            "from dataclasses import replace\nfrom pathlib import Path\nfrom "
            "export.train.training import train\n"
            "from tests.export.train.tiny import ALONE, TINY\n"
            "tiny = replace(TINY, batch=64, steps=8, validate=4, augmentation=ALONE)\n"
            f"train(tiny, Path({str(dataset)!r}), Path({str(run)!r}))\n"
        )
        launch = (
            []
            if processes == 1
            else ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
        )
        environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        subprocess.run(
            [sys.executable, *launch, str(script)],
            check=True,
            env=environment,
            capture_output=True,
            timeout=900,
        )
        curves.append([json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()])
    one, two = curves
    assert [row["step"] for row in one] == [row["step"] for row in two] == [4, 8]
    for a, b in zip(one, two, strict=True):
        assert a["loss"] == pytest.approx(b["loss"], rel=0.2)
        assert a["mean"] == pytest.approx(b["mean"], rel=0.2)
