"""Inference of small fully connected networks in numpy."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge.core.arrays import FloatArray
from edge.core.errors import ModelError

Weights = Mapping[str, FloatArray]

LEAK = 0.1  # slope of the leaky rectifier below zero


@dataclass(frozen=True, eq=False)
class Mlp:
    """Standardised inputs (I,), then layers with leaky rectifiers between them; a layer as wide as
    the one before is added to its input.

    mean, scale: (I,). layers: of (weight (out, in), bias (out,)).
    """

    mean: FloatArray
    scale: FloatArray
    layers: tuple[tuple[FloatArray, FloatArray], ...]

    def __call__(self, inputs: npt.ArrayLike) -> FloatArray:
        """Inputs (..., I) -> outputs (..., O)."""
        x = (np.asarray(inputs, np.float32) - self.mean) / self.scale
        for k, (weight, bias) in enumerate(self.layers):
            y = x @ weight.T + bias
            if k < len(self.layers) - 1:
                y = np.where(y > 0, y, LEAK * y)
                y = x + y if y.shape == x.shape and k > 0 else y
            x = y
        return np.asarray(x, np.float32)


def mlp_from(weights: Weights, name: str) -> Mlp:
    """The network stored under "name/...". Raises ModelError where parts are missing."""
    try:
        count = sum(key.startswith(f"{name}/weight") for key in weights)
        layers = tuple(
            (weights[f"{name}/weight{k}"], weights[f"{name}/bias{k}"]) for k in range(count)
        )
        return Mlp(weights[f"{name}/mean"], weights[f"{name}/scale"], layers)
    except KeyError as e:
        raise ModelError(
            f"baseline weights: {e.args[0]} is missing; make them anew with `posekernel-export "
            "train-baselines`"
        ) from e


def load_weights(path: Path | None = None) -> dict[str, FloatArray]:
    """All arrays of a baselines.npz as float32 (None: the shipped one). Raises ModelError."""
    where = path or Path(str(resources.files("export.baselines") / "data" / "baselines.npz"))
    try:
        with np.load(where, allow_pickle=False) as data:
            return {
                key: np.asarray(data[key], np.float32)
                for key in data.files
                if data[key].dtype.kind == "f"
            }
    except (OSError, ValueError, EOFError) as e:
        raise ModelError(
            f"{where}: not readable as baseline weights ({e}); make them with "
            "`posekernel-export train-baselines`"
        ) from e
