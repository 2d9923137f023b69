"""Checkpoints of a run, and their networks."""

import io
import pickle
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from edge.core.errors import ModelError
from edge.core.files import write_whole
from export.train.ray_network import VisionNet
from export.train.train_config import TrainConfig, config_from

Weights = dict[str, Tensor]


def load_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint: config, weights of vision and fusion, score. Raises ModelError."""
    data = _read(path, "a checkpoint", "`posekernel-export train` makes one")
    missing = {"config", "vision", "fusion"} - set(data)
    if missing:
        raise ModelError(
            f"{path}: a checkpoint needs {', '.join(sorted(missing))}; `posekernel-export "
            "train` makes one"
        )
    return dict(data) | {"folded": False}


def load_networks(path: Path) -> tuple[TrainConfig, VisionNet, nn.Module, dict[str, Any]]:
    """Config and networks of a checkpoint, ready to run, and all else in it. Raises ModelError."""
    data = load_checkpoint(path)
    config = config_from(data["config"])
    vision, fusion = VisionNet(config.vision), config.make_network()
    vision.load_state_dict(data["vision"])
    fusion.load_state_dict(data["fusion"])
    return config, vision.eval(), fusion.eval(), data


def vision_weights(path: Path) -> Weights:
    """Weights of a vision network, vision.pt of a run. Raises ModelError."""
    weights: Weights = _read(path, "a vision network", "vision.pt of a run is one")
    return weights


def save_checkpoint(content: dict[str, Any], path: Path) -> None:
    """Write a checkpoint whole or not at all. Raises OSError."""
    file = io.BytesIO()
    torch.save(content, file)
    write_whole(path, file.getvalue())


def _read(path: Path, kind: str, remedy: str) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as e:
        raise ModelError(f"{path}: not readable as {kind} ({type(e).__name__}); {remedy}") from e
