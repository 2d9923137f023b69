"""Trains the network of the audio-only baseline, "sound", on a dataset folder."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.core.arrays import Array, FloatArray
from edge.core.errors import SessionError
from edge.core.pose import MID_HIP
from edge.sources.session.dataset import Environment, Sample, require_environments
from export.baselines.sound_baselines import ACROSS, DOWN, RANGES_M, sample_kernels, sound_features
from export.baselines.trainable import BaselineTraining, TrainableMlp, pinball, require_torch

Say = Callable[[str], None]

HELD_OUT = 10  # one room in this many is for validation
LEAST_SAMPLES = 50


@dataclass(frozen=True, eq=False)
class Sounds:
    """Data of the sound network. features (N, F), roots (N, 3) [m], is_held_out (N,)."""

    features: FloatArray
    roots: Array
    is_held_out: npt.NDArray[np.bool_]
    held_out: list[tuple[Sample, Environment]]


def load_sounds(dataset: Path, say: Say) -> Sounds:
    """Features and truth of a dataset folder. Raises SessionError where it has too few samples."""
    features, roots, held, samples = [], [], [], []
    environments = require_environments(dataset)
    for k, environment in enumerate(environments):
        for i, sample in enumerate(environment):
            if len(sample.joints) > 1 or np.isnan(sample.joints[0, MID_HIP]).any():
                continue
            # Of a single room, hold out samples instead.
            held.append((k if len(environments) > 1 else i) % HELD_OUT == 0)
            features.append(sound_features(sample_kernels(sample, environment), environment.rig))
            roots.append(sample.joints[0, MID_HIP])
            if held[-1]:
                samples.append((sample, environment))
    skipped = sum(len(e.skipped) for e in environments)
    say(
        f"{dataset}: {len(features)} samples of {len(environments)} environments, {skipped} damaged"
    )
    if len(features) < LEAST_SAMPLES:
        raise SessionError(
            f"{dataset}: {len(features)} usable samples, at least {LEAST_SAMPLES} are needed to "
            "train on: "
            "make more with `posekernel-export simulate`"
        )
    return Sounds(np.array(features), np.array(roots), np.array(held), samples)


def train_sound_network(
    sounds: Sounds, config: BaselineTraining, say: Say
) -> dict[str, npt.NDArray[Any]]:
    """The network "sound": direction x/z, y/z and log distance of the mid-hip, log of its 1-sigma;
    the step that was best in the held-out rooms.
    """
    torch = require_torch()
    learn = ~sounds.is_held_out
    x, roots = (
        torch.from_numpy(np.asarray(a, np.float32)) for a in (sounds.features, sounds.roots)
    )
    net = TrainableMlp(
        sounds.features[learn], (config.sound_width, config.sound_width, 4), config.seed + 2
    )
    net.start_at(
        [0.0, 0.1, float(np.log(np.linalg.norm(sounds.roots[learn], axis=1)).mean()), -0.5]
    )
    optimiser = torch.optim.AdamW(net.parameters, lr=1e-3, weight_decay=0.05)
    generator = torch.Generator().manual_seed(config.seed)
    members = torch.from_numpy(np.flatnonzero(learn))
    best, kept = float("inf"), net.arrays("sound")
    for step in range(config.sound_steps):
        pick = members[torch.randint(len(members), (config.batch // 4,), generator=generator)]
        batch, target = x[pick], roots[pick].clone()
        flip = torch.rand(len(pick), generator=generator) < 0.5
        batch = _mirror_sound(batch, flip)
        target = target * torch.where(flip[:, None], torch.tensor([-1.0, 1.0, 1.0]), 1.0)
        batch = batch + 0.3 * torch.randn(batch.shape, generator=generator)
        batch = torch.where(torch.rand(batch.shape, generator=generator) < 0.1, 0.0, batch)
        loss = _sound_loss(net(batch), target)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if (step + 1) % 50 == 0:
            with torch.no_grad():
                off = (_placed_root(net(x[~learn])) - roots[~learn]).norm(dim=-1).median().item()
            if off < best:
                best, kept = off, net.arrays("sound")
    say(
        f"sound: median error of the mid-hip in the {int((~learn).sum())} held-out samples "
        f"{100 * best:.1f} cm"
    )
    return kept


def _sound_loss(out: Any, target: Any) -> Any:
    off = (_placed_root(out) - target).norm(dim=-1)
    return off.mean() + 0.2 * pinball(off, out[:, 3])


def _placed_root(out: Any) -> Any:
    torch = require_torch()
    direction = torch.cat([out[:, :2], torch.ones_like(out[:, :1])], dim=1)
    return torch.nn.functional.normalize(direction, dim=1) * out[:, 2:3].clamp(-1.2, 2.5).exp()


def _mirror_sound(features: Any, flip: Any) -> Any:
    """Features of the mirrored room: horizontal directions reversed."""
    torch = require_torch()
    shape = (-1, 2, len(DOWN), len(ACROSS), len(RANGES_M))
    mirrored = features.reshape(shape).flip(3).reshape(features.shape)
    return torch.where(flip[:, None], mirrored, features)
