"""A checkpoint becomes what ships: float and int8 .tflite, checked against PyTorch and each other,
and the card that describes them.
"""

import hashlib
import json
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch

from edge.core.errors import ModelError
from edge.lifting.model_card import FORMAT, INT8, VERSION
from edge.lifting.person_view import FEATURES
from export.train.checkpoints import load_networks
from export.train.conversion.file_checks import (
    Mirrored,
    calibrated,
    check_float,
    check_int8,
    checked_samples,
    times_ms,
)
from export.train.conversion.tflite_files import to_float, to_int8
from export.train.ray_network import VisionNet
from export.train.samples.augmentation import Augmentation, known_body
from export.train.samples.sound_set import SampleSound, SoundSet, folders
from export.train.train_config import TrainConfig

Say = Callable[[str], None]

LIFTED = 1000  # samples, at most, whose joints and 1-sigma are compared with the truth
CALIBRATION = 300
VISION = "lifter_vision.tflite"
LIMITS = (
    "Trained on simulated sound only: one to four rigid people in furnished shoebox rooms, "
    "compact microphone arrays.",
    "People out of the image, pets and moved furniture add interference.",
    "Positions are those of a skeleton inside the body; joints out of the image are guessed "
    "from the others.",
)


def quantize(
    checkpoint: Path, data: Path, out: Path, name: str | None = None, say: Say = print
) -> Path:
    """Write NAME.tflite, NAME_int8.tflite, NAME.json, lifter_vision.tflite, and their lines in
    SHA256SUMS; returns the card.

    data: dataset; DATA/val calibrates. All forms share one vision network. OUT changes only once
    all of them are made. Raises ModelError where a file differs from PyTorch, and where another
    form in OUT has another vision network.
    """
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".quantize-", dir=out) as part:
        made = _make(checkpoint, data, out, Path(part), name, say)
        sums = out / "SHA256SUMS"
        _remove_sums(sums, [p.name for p in made])
        there = [p.replace(out / p.name) for p in made]
        _add_sums(sums, there)
    return there[-1]


def _make(
    checkpoint: Path, data: Path, out: Path, part: Path, name: str | None, say: Say
) -> list[Path]:
    """The files in the folder PART, the card last."""
    config, vision, fusion, stored = load_networks(checkpoint)
    name = name or f"lifter_{config.form}"
    samples = SoundSet(folders(data, "val"))
    files = {
        "vision": part / VISION,
        "float": part / f"{name}.tflite",
        "int8": part / f"{name}{INT8}.tflite",
    }
    shared = [p for p in out.glob("lifter_*.json") if p.stem != name]
    recordings = [samples.recorded(i) for i in _spread(len(samples), LIFTED)]
    recorded = checked_samples(recordings, vision, config)
    images = checked_samples([h.mirrored() for h in recordings], vision, config)
    calibration = checked_samples(
        _augmented(samples, config.augmentation, config.seed), vision, config
    )
    to_float(vision, (torch.zeros(1, FEATURES),), files["vision"])
    for other in shared:
        if json.loads(other.read_text())["files"]["vision"]["sha256"] != _sha256(files["vision"]):
            raise ModelError(
                f"{other}: has another vision network than {checkpoint}: train both with one "
                "--vision, or use another --out"
            )
    to_float(fusion, [x[:1] for x in recorded.batch.inputs], files["float"])
    to_int8(files["float"], files["int8"], [calibration.inputs(i) for i in range(len(calibration))])
    difference = check_float(fusion, vision, files, recorded)
    decoding, threshold = calibrated(
        files["int8"], (recorded, images), _silent(recordings, vision, config), config
    )
    figures = check_int8(files, recorded, images, config, decoding) | {
        "float_against_pytorch": difference
    }
    figures |= times_ms(fusion, files, recorded)
    say(json.dumps(figures, indent=1))
    card = {
        "format": FORMAT,
        "version": VERSION,
        "form": config.form,
        "config": {
            "spec": asdict(config.fusion.spec),
            "decoding": asdict(decoding),
            "sound_threshold": threshold,
        },
        "files": {
            k: {"name": p.name, "sha256": _sha256(p), "bytes": p.stat().st_size}
            for k, p in files.items()
        },
        "training": config.as_dict()
        | {
            "trained_steps": stored["step"],
            "samples": stored["samples"],
            "parameters": stored["parameters"],
        },
        "commit": _commit(),
        "figures": figures | {"validation_mean_mpjpe_m": stored["score"], "samples": len(recorded)},
        "limits": list(LIMITS),
        "licence": "Apache-2.0",
    }
    path = part / f"{name}.json"
    path.write_text(json.dumps(card, indent=1) + "\n")
    return [*files.values(), path]


def _silent(recordings: Sequence[SampleSound], vision: VisionNet, config: TrainConfig) -> Mirrored:
    """The recordings without their sound; of half of the people the size is known."""
    rng = np.random.default_rng([config.seed, 16])
    joints = np.stack([s.joints for s in recordings])
    body = known_body(joints, replace(config.augmentation, size_known=0.5), rng)
    silent = [
        replace(s, kernels=None, observed=replace(s.observed, body=b), true_sound=False)
        for s, b in zip(recordings, body, strict=True)
    ]
    own, images = (
        checked_samples(part, vision, config) for part in (silent, [s.mirrored() for s in silent])
    )
    return own, images


def _augmented(samples: SoundSet, augmentation: Augmentation, seed: int) -> list[SampleSound]:
    """Samples for the ranges of the int8 file: augmented, with silence and few pairs."""
    rng = np.random.default_rng([seed, 13])
    chosen = rng.integers(len(samples), size=CALIBRATION)
    return [samples.augmented(int(i), augmentation, rng) for i in chosen]


def _spread(available: int, wanted: int) -> list[int]:
    chosen: list[int] = np.unique(
        np.linspace(0, available - 1, wanted).round().astype(int)
    ).tolist()
    return chosen


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _remove_sums(sums: Path, names: Sequence[str]) -> None:
    """Remove files from SHA256SUMS while they are written."""
    if sums.is_file():
        kept = [line for line in sums.read_text().splitlines() if line.split()[-1] not in names]
        sums.write_text("".join(line + "\n" for line in kept))


def _add_sums(sums: Path, files: Sequence[Path]) -> None:
    _remove_sums(sums, [p.name for p in files])
    with sums.open("a") as file:
        file.writelines(f"{_sha256(p)}  {p.name}\n" for p in files)


def _commit() -> str:
    """The commit that made the model, or "unknown" outside a repository."""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()
