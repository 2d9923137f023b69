"""A checkpoint -> what ships: float and int8 .tflite, checked against PyTorch and each other, and
the card that explains them.
"""

import hashlib
import json
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from edge.core.arrays import Array
from edge.core.errors import ModelError
from edge.core.inference.tflite import Model
from edge.lifting.decoded_pose import DecodedPose, Decoding
from edge.lifting.model_card import FORMAT, INT8, VERSION
from edge.lifting.person_view import FEATURES, PersonView
from export.train.batches import Batch, fusion_batch
from export.train.conversion.tflite_files import Inputs, to_float, to_int8
from export.train.ray_network import VisionNet
from export.train.train_config import TrainConfig
from export.train.training import load_networks
from export.train.training_samples import Augmentation, SampleSound, SoundSet, folders

Say = Callable[[str], None]

CHECKED = 200
LIFTED = (
    1000  # samples whose joints and 1-sigma are held against the truth, where there are as many
)
CALIBRATION = 300
TIMED = 200
WITHIN_SIGMA = 0.683
LEAST_UNSEEN = 100  # joints that the image does not show, for a 1-sigma factor of their own
VISION = "lifter_vision.tflite"
# The scale comes from sound where the network is surer of it than in this share of true recordings,
# and than not.
UNSURE = 0.05
FLOAT_TOLERANCE = 1e-3  # of the largest logit or residual
INT8_TOLERANCE_M = 0.003  # more median error than the float file
SHARED_TOLERANCE_M = 0.03  # median distance of the joints of the two files
LIMITS = (
    "Trained on simulated sound only: rigid people in furnished shoebox rooms, compact "
    "microphone arrays.",
    "One person in the image; others in the room add interference.",
    "Positions are those of a skeleton inside the body; joints out of the image are guessed "
    "from the others.",
)


@dataclass(frozen=True, eq=False)
class Checked:
    """Samples in batches of one and the truth: inputs of the fusion network, views, image
    estimates, truth (N, 15, 3) [m].
    """

    batch: Batch
    views: PersonView
    truth: Array

    def __len__(self) -> int:
        return len(self.truth)

    def inputs(self, index: int) -> Inputs:
        """Of the fusion network, one sample."""
        return tuple(x[index : index + 1].numpy() for x in self.batch.inputs)

    def lifted(
        self,
        index: int,
        logits: npt.ArrayLike,
        residual: npt.ArrayLike,
        config: TrainConfig,
        d: Decoding,
    ) -> DecodedPose:
        """The decoded outputs of one sample."""
        depth, xy = self.batch.log_depth[index].numpy(), self.batch.xy[index].numpy()
        return config.fusion.spec.decode((logits, residual), depth, xy, self.views.one(index), d)


def quantize(
    checkpoint: Path, data: Path, out: Path, name: str | None = None, say: Say = print
) -> Path:
    """Write NAME.tflite, NAME_int8.tflite, NAME.json, lifter_vision.tflite, and their lines in
    SHA256SUMS; returns the card.

    data: dataset; DATA/val calibrates. The network that sees is one file for all forms. Raises
    ModelError where a file does not do what PyTorch does, and where another form in OUT sees with
    another network.
    """
    config, vision, fusion, stored = load_networks(checkpoint)
    name = name or f"lifter_{config.form}"
    samples = SoundSet(folders(data, "val"))
    out.mkdir(parents=True, exist_ok=True)
    files = {
        "vision": out / VISION,
        "float": out / f"{name}.tflite",
        "int8": out / f"{name}{INT8}.tflite",
    }
    sums = out / "SHA256SUMS"
    _forget(sums, [p.name for p in files.values()])
    shared = [p for p in out.glob("lifter_*.json") if p.stem != name]
    heard = [samples.recorded(i) for i in _spread(len(samples), LIFTED)]
    recorded = _checked(heard, vision, config)
    images = _checked([h.mirrored() for h in heard], vision, config)
    calibration = _checked(_mixed(samples, config.augmentation, config.seed), vision, config)
    to_float(vision, (torch.zeros(1, FEATURES),), files["vision"])
    for other in shared:
        if json.loads(other.read_text())["files"]["vision"]["sha256"] != _sha256(files["vision"]):
            raise ModelError(
                f"{other}: sees with another network than {checkpoint}: train both with one "
                "--vision, or use another --out"
            )
    to_float(fusion, [x[:1] for x in recorded.batch.inputs], files["float"])
    to_int8(files["float"], files["int8"], [calibration.inputs(i) for i in range(len(calibration))])
    difference = _check_float(fusion, vision, files, recorded)
    decoding, threshold = _calibrated(files["int8"], recorded, images, config)
    figures = _check_int8(files, recorded, images, config, decoding) | {
        "float_against_pytorch": difference
    }
    figures |= _times_ms(fusion, files, recorded)
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
    path = out / f"{name}.json"
    path.write_text(json.dumps(card, indent=1) + "\n")
    _remember(sums, [*files.values(), path])
    return path


def _checked(heard: Sequence[SampleSound], vision: VisionNet, config: TrainConfig) -> Checked:
    batch, views = fusion_batch(heard, vision, config.fusion.spec)
    return Checked(batch, views, np.stack([h.joints for h in heard]))


def _mixed(samples: SoundSet, augmentation: Augmentation, seed: int) -> list[SampleSound]:
    """What the int8 file must have room for: all that training shows, silence and few pairs too."""
    rng = np.random.default_rng([seed, 13])
    chosen = rng.integers(len(samples), size=CALIBRATION)
    return [samples.augmented(int(i), augmentation, rng) for i in chosen]


def _check_float(
    fusion: nn.Module, vision: VisionNet, files: dict[str, Path], samples: Checked
) -> float:
    """Largest difference of the float file from PyTorch, relative to the largest output."""
    model, seeing, worst = Model(files["float"]), Model(files["vision"]), 0.0
    for i in range(min(CHECKED, len(samples))):
        inputs = samples.inputs(i)
        features = samples.views.features[i : i + 1]
        with torch.no_grad():
            expected = [
                *fusion(*(torch.from_numpy(x) for x in inputs)),
                vision(torch.from_numpy(features)),
            ]
        for got, want in zip([*model.run(*inputs), *seeing.run(features)], expected, strict=True):
            worst = max(worst, float(np.abs(got - want.numpy()).max() / want.abs().max()))
    if not worst <= FLOAT_TOLERANCE:
        raise ModelError(
            f"{files['float']}: differs from PyTorch by {worst:.2g} of the largest output, "
            f"{FLOAT_TOLERANCE} may be"
        )
    return worst


def _lifted(
    model: Model,
    index: int,
    samples: Checked,
    images: Checked,
    config: TrainConfig,
    decoding: Decoding,
) -> DecodedPose:
    """One sample as the runtime lifts it, with its mirror image."""
    both = (
        x.lifted(index, *_first(model.run(*x.inputs(index))), config, decoding)
        for x in (samples, images)
    )
    return next(both).with_mirror_image(next(both))


def _check_int8(
    files: dict[str, Path],
    samples: Checked,
    images: Checked,
    config: TrainConfig,
    decoding: Decoding,
) -> dict[str, float]:
    """Median errors of both files [m] and how far apart their joints are."""
    joints = {}
    for form in ("float", "int8"):
        model = Model(files[form])
        joints[form] = np.stack(
            [
                _lifted(model, i, samples, images, config, decoding).joints
                for i in range(len(samples))
            ]
        )
    errors = {
        form: np.linalg.norm(j - samples.truth, axis=-1).mean(axis=1) for form, j in joints.items()
    }
    medians = {form: float(np.median(e)) for form, e in errors.items()}
    apart = float(np.median(np.linalg.norm(joints["int8"] - joints["float"], axis=-1)))
    # Sample by sample: the difference of two medians of few samples is mostly luck.
    worse = float(np.median(errors["int8"] - errors["float"]))
    if worse > INT8_TOLERANCE_M or apart > SHARED_TOLERANCE_M:
        raise ModelError(
            f"{files['int8']}: its error is {100 * worse:.2f} cm above that of the float file "
            "(median), joints lie "
            f"{100 * apart:.2f} cm apart: calibrate with more or other inputs"
        )
    return {
        "float_median_mpjpe_m": medians["float"],
        "int8_median_mpjpe_m": medians["int8"],
        "float_mean_mpjpe_m": float(errors["float"].mean()),
        "int8_mean_mpjpe_m": float(errors["int8"].mean()),
        "int8_from_float_median_m": apart,
        "int8_worse_median_m": worse,
    }


def _calibrated(
    path: Path, samples: Checked, images: Checked, config: TrainConfig
) -> tuple[Decoding, float]:
    """The decoding with factors that make WITHIN_SIGMA of the errors lie within 1 sigma, and the
    threshold of sound.

    path: the int8 file, which devices run by default; the float one is a point less often within.
    """
    plain, model = config.fusion.decoding, Model(path)
    ratios, sure = np.empty((3, *samples.views.seen.shape)), []
    for i in range(len(samples)):
        lifted = _lifted(model, i, samples, images, config, plain)
        error = (lifted.joints - samples.truth[i]) @ samples.views.turn[i]
        sure.append(lifted.sound)
        ratios[0, i] = np.abs(error[:, 2]) / lifted.depth_sigma
        ratios[1, i] = np.abs(error[:, :2]).mean(axis=1) / lifted.plane_sigma
        ratios[2, i] = np.linalg.norm(error, axis=1) / lifted.sigma
    return with_sigma_factors(plain, ratios, samples.views.seen), max(
        0.5, round(float(np.quantile(sure, UNSURE)), 3)
    )


def with_sigma_factors(plain: Decoding, ratios: Array, seen: npt.NDArray[np.bool_]) -> Decoding:
    """ratios: (3, ...) errors along depth, across it and in all over their 1-sigma under `plain`;
    seen: (...,).
    """
    depth, plane, joint = (float(np.quantile(r[seen], WITHIN_SIGMA)) for r in ratios)
    hidden = ratios[2][~seen]
    unseen = (
        float(np.quantile(hidden, WITHIN_SIGMA)) / joint if len(hidden) >= LEAST_UNSEEN else 1.0
    )
    return replace(
        plain,
        depth_sigma_factor=depth,
        plane_sigma_factor=plane,
        joint_sigma_factor=joint,
        unseen_sigma_factor=unseen,
    )


def _times_ms(fusion: nn.Module, files: dict[str, Path], samples: Checked) -> dict[str, float]:
    """Median time of the fusion network in PyTorch and in both files, one thread each, taken in
    turns [ms].
    """
    inputs = samples.inputs(0)
    tensors = [torch.from_numpy(x) for x in inputs]
    runs: dict[str, Callable[[], object]] = {
        form: partial(Model(files[form]).run, *inputs) for form in ("float", "int8")
    }
    runs["pytorch"] = partial(fusion, *tensors)
    took: dict[str, list[float]] = {name: [] for name in runs}
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.no_grad():
        for _ in range(TIMED):
            for name, work in runs.items():
                began = perf_counter()
                work()
                took[name].append(perf_counter() - began)
    torch.set_num_threads(before)
    return {f"{name}_ms": round(1e3 * float(np.median(times)), 3) for name, times in took.items()}


def _first(outputs: list[npt.NDArray[Any]]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    logits, residual = outputs
    return logits[0], residual[0]


def _spread(available: int, wanted: int) -> list[int]:
    chosen: list[int] = np.unique(
        np.linspace(0, available - 1, wanted).round().astype(int)
    ).tolist()
    return chosen


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _forget(sums: Path, names: Sequence[str]) -> None:
    """Take files out of SHA256SUMS: while they are made anew they do not fit it."""
    if sums.is_file():
        kept = [line for line in sums.read_text().splitlines() if line.split()[-1] not in names]
        sums.write_text("".join(line + "\n" for line in kept))


def _remember(sums: Path, files: Sequence[Path]) -> None:
    _forget(sums, [p.name for p in files])
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
