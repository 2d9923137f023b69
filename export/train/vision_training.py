"""The first part of a run: the vision network, trained on random people before cameras."""

import time
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from edge.core.errors import ConfigError, ModelError
from export.extras import Progress
from export.simulate.people import (
    ViewedPeople,
    apply_errors,
    detector_errors,
    sample_people,
    view_people,
)
from export.train.batches import vision_batch
from export.train.checkpoints import Weights, save_checkpoint, vision_weights
from export.train.losses import metres_loss, mpjpe
from export.train.optimisation import descend, follow, set_rate
from export.train.ray_network import VisionNet, person_points
from export.train.train_config import TrainConfig

Say = Callable[[str], None]


def trained_vision(
    config: TrainConfig, run: Path, given: Weights | None, say: Say, progress: Progress
) -> VisionNet:
    """The vision network of a run: its own, the given one, or a new one; stored."""
    net, stored = VisionNet(config.vision), run / "vision.pt"
    weights = vision_weights(stored) if stored.is_file() else given
    if weights is None:
        net = _train_vision(config, net, say, progress)
    else:
        try:
            net.load_state_dict(weights)
        except (RuntimeError, TypeError, AttributeError) as e:
            raise ModelError(
                f"{stored if stored.is_file() else '--vision'}: not the vision network of this "
                "configuration "
                f"({str(e).splitlines()[0]}); choose another --out or --vision"
            ) from e
        if given is not None and any(
            not torch.equal(given[name], value) for name, value in weights.items() if name in given
        ):
            raise ConfigError(
                f"{stored}: the run began with another vision network than the given one; "
                "choose another --out"
            )
    if not stored.is_file():
        save_checkpoint(net.state_dict(), stored)
    net.eval()
    return net


def _train_vision(config: TrainConfig, net: VisionNet, say: Say, progress: Progress) -> VisionNet:
    settings = config.vision_training
    people = sample_people(settings.people, config.seed, "train", progress)
    unseen = sample_people(settings.held_out, config.seed + 1, "val")
    rng = np.random.default_rng([config.seed, 11])
    errors = detector_errors(view_people(people, settings.errors, rng), rng)
    held_out = vision_batch(
        view_people(unseen, settings.held_out, rng), errors, config.augmentation, rng
    )
    average: VisionNet = deepcopy(net)
    average.eval()
    optimizer = torch.optim.AdamW(net.parameters(), settings.rate, weight_decay=1e-3)
    began = time.monotonic()
    for step in range(settings.steps):
        set_rate(optimizer, settings.rate, step, step / settings.steps, config.warm_up)
        features, centre, size, truth = vision_batch(
            view_people(people, settings.batch, rng), errors, config.augmentation, rng
        )
        loss = metres_loss(_points(net(features), centre, size), truth)
        descend(optimizer, net, loss)
        follow(average, net, min(config.ema, (step + 1) / (step + 10)))
        if (step + 1) % max(1, settings.steps // 12) == 0:
            with torch.no_grad():
                error = mpjpe(_points(average(held_out[0]), held_out[1], held_out[2]), held_out[3])
            left = (time.monotonic() - began) / (step + 1) * (settings.steps - step - 1)
            say(
                f"vision {step + 1}/{settings.steps}: loss {loss.item():.3f}, unseen people "
                f"{100 * error.median():.1f} cm median, "
                f"{100 * error.mean():.1f} mean, {left / 60:.1f} min left"
            )
    return average


def imagined_people(config: TrainConfig, progress: Progress) -> ViewedPeople:
    """People of the vision network's training with their 2D joints, for samples without sound."""
    settings = config.vision_training
    rng = np.random.default_rng([config.seed, 15])
    people = sample_people(settings.imagined, config.seed + 2, "train", progress)
    views = view_people(people, 2 * settings.imagined, rng)
    errors = detector_errors(views.pick(np.arange(settings.imagined // 2)), rng)
    half = settings.imagined
    return views.pick(np.arange(half)) + apply_errors(
        views.pick(np.arange(half, 2 * half)), errors, rng
    )


def _points(out: Tensor, centre: Tensor, size: Tensor) -> Tensor:
    return person_points(out[:, :15], out[:, 15:].reshape(len(out), 15, 2), centre, size)
