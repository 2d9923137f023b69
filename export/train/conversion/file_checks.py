"""Converted files against PyTorch, against each other and against the truth."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
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
from edge.lifting.forms.decoded_pose import DecodedPose, Decoding
from edge.lifting.person_view import PersonView
from export.train.batches import Batch, fusion_batch
from export.train.conversion.tflite_files import Inputs
from export.train.ray_network import VisionNet
from export.train.samples.sound_set import SampleSound
from export.train.train_config import TrainConfig

CHECKED = 200  # samples whose outputs are compared with PyTorch's
TIMED = 200
WITHIN_SIGMA = 0.683
LEAST_UNSEEN = 100  # joints out of sight, for a 1-sigma factor of their own
# The scale comes from sound where the network is more certain of it than in this share of true
# recordings, and than 0.5.
UNSURE = 0.05
FLOAT_TOLERANCE = 1e-3  # of the largest logit or residual
INT8_TOLERANCE_M = 0.003  # by which the median error may exceed the float file's
SHARED_TOLERANCE_M = 0.03  # median distance of the joints of the two files


@dataclass(frozen=True, eq=False)
class Checked:
    """N samples to check with: batch, views and truth (N, 15, 3) [m]."""

    batch: Batch
    views: PersonView
    truth: Array

    def __len__(self) -> int:
        return len(self.truth)

    def inputs(self, index: int) -> Inputs:
        """Inputs of the fusion network for one sample."""
        return tuple(x[index : index + 1].numpy() for x in self.batch.inputs)

    def lifted(
        self,
        index: int,
        logits: npt.ArrayLike,
        residual: npt.ArrayLike,
        config: TrainConfig,
        d: Decoding,
    ) -> DecodedPose:
        """The pose decoded from one sample's outputs."""
        depth, xy = self.batch.log_depth[index].numpy(), self.batch.xy[index].numpy()
        return config.fusion.spec.decode((logits, residual), depth, xy, self.views.one(index), d)


# Samples and their mirror images.
Mirrored = tuple[Checked, Checked]


def checked_samples(
    samples: Sequence[SampleSound], vision: VisionNet, config: TrainConfig
) -> Checked:
    """Samples to check a network of this config with."""
    batch, views = fusion_batch(samples, vision, config.fusion.spec)
    return Checked(batch, views, np.stack([s.joints for s in samples]))


def check_float(
    fusion: nn.Module, vision: VisionNet, files: dict[str, Path], samples: Checked
) -> float:
    """Largest difference of the float file from PyTorch, relative. Raises ModelError."""
    model, vision_model, worst = Model(files["float"]), Model(files["vision"]), 0.0
    for i in range(min(CHECKED, len(samples))):
        inputs = samples.inputs(i)
        features = samples.views.features[i : i + 1]
        with torch.no_grad():
            expected = [
                *fusion(*(torch.from_numpy(x) for x in inputs)),
                vision(torch.from_numpy(features)),
            ]
        for got, want in zip(
            [*model.run(*inputs), *vision_model.run(features)], expected, strict=True
        ):
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
    """One sample lifted as by the runtime, with its mirror image."""
    both = (
        x.lifted(index, *_first(model.run(*x.inputs(index))), config, decoding)
        for x in (samples, images)
    )
    return next(both).with_mirror_image(next(both))


def check_int8(
    files: dict[str, Path],
    samples: Checked,
    images: Checked,
    config: TrainConfig,
    decoding: Decoding,
) -> dict[str, float]:
    """Median errors of both files [m] and the distance of their joints. Raises ModelError."""
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


def calibrated(
    path: Path, heard: Mirrored, silent: Mirrored, config: TrainConfig
) -> tuple[Decoding, float]:
    """The decoding with factors for which WITHIN_SIGMA of the errors are within 1 sigma, and the
    threshold of sound.

    path: the int8 file, which devices run by default. heard, silent: recordings, and the same
    without their sound.
    """
    plain, model = config.fusion.decoding, Model(path)
    ratios, certainty = _ratios(model, heard, config)
    decoding = with_sigma_factors(plain, ratios, heard[0].views.seen)
    alone = _ratios(model, silent, config)[0][2]
    alone /= np.where(silent[0].views.seen, 1.0, decoding.unseen_sigma_factor)
    image = float(np.quantile(alone, WITHIN_SIGMA)) / decoding.joint_sigma_factor
    return replace(decoding, image_sigma_factor=image), max(
        0.5, round(float(np.quantile(certainty, UNSURE)), 3)
    )


def _ratios(model: Model, samples: Mirrored, config: TrainConfig) -> tuple[Array, list[float]]:
    """Errors along depth, across it and in all over their 1-sigma before calibration, (3, N, 15),
    and how sure the network is of its sound.
    """
    own, images = samples
    ratios, certainty = np.empty((3, *own.views.seen.shape)), []
    for i in range(len(own)):
        lifted = _lifted(model, i, own, images, config, config.fusion.decoding)
        error = (lifted.joints - own.truth[i]) @ own.views.turn[i]
        certainty.append(lifted.sound)
        ratios[0, i] = np.abs(error[:, 2]) / lifted.depth_sigma
        ratios[1, i] = np.abs(error[:, :2]).mean(axis=1) / lifted.plane_sigma
        ratios[2, i] = np.linalg.norm(error, axis=1) / lifted.sigma
    return ratios, certainty


def with_sigma_factors(plain: Decoding, ratios: Array, seen: npt.NDArray[np.bool_]) -> Decoding:
    """`plain` with factors for which WITHIN_SIGMA of the errors are within 1 sigma.

    ratios: (3, ...) errors along depth, across it and in all, over their 1-sigma under `plain`.
    seen: (...,) which joints the image shows.
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


def times_ms(fusion: nn.Module, files: dict[str, Path], samples: Checked) -> dict[str, float]:
    """Median time [ms] of the fusion network in PyTorch and both files, one thread."""
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
