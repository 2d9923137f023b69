"""Trains the fusion network: first what sees only, on endless people before cameras, then what
hears, on a dataset folder.

A run is a folder: config.json, vision.pt, last.pt (all that is needed to go on), best.pt,
log.jsonl, curves.png. Starting it again goes on where it stopped, also with a dataset that has
grown meanwhile. With torchrun each process takes its share of every batch.
"""

import json
import math
import pickle
import time
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from edge.core.errors import ConfigError, ModelError
from export.simulate.people import detector_errors, sample_people, view_people
from export.train.batches import Batch, fusion_batch, vision_batch
from export.train.conversion.shipped import SUFFIXES, load_shipped, refit_norms
from export.train.curves import plot_curves
from export.train.losses import fusion_loss, metres_loss, mpjpe, predict
from export.train.ray_network import VisionNet, parameters, person_points
from export.train.team import Team
from export.train.train_config import TrainConfig, config_from
from export.train.training_samples import SoundSet, folders

Say = Callable[[str], None]
Progress = Callable[[Iterable[Any], int], Iterable[Any]]
Weights = dict[str, Tensor]

SAVE_EVERY_S = 120.0
REFITTED = 4  # batches that the batch normalisations of a shipped model are fitted to


def train(
    config: TrainConfig,
    data: Path,
    run: Path,
    *,
    finetune: Path | None = None,
    vision: Path | None = None,
    minutes: float | None = None,
    say: Say = print,
    progress: Progress = lambda items, total: items,
) -> Path:
    """Train from DATA/train and all else that begins like it, validate on DATA/val likewise;
    returns the best checkpoint.

    finetune: checkpoint or card of a shipped model to start from instead of nothing. vision:
    vision.pt of another run to see with, instead of a new one or that of `finetune`. minutes: the
    learning rate has come down by then even if not all steps are done. Raises ConfigError, also
    where RUN began with another network that sees, SessionError where there is nothing to train on,
    ModelError for a checkpoint that does not fit.
    """
    team = Team()
    run.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(config.seed)
    start = None
    if finetune is not None:
        start = load_shipped(finetune) if finetune.suffix in SUFFIXES else load_checkpoint(finetune)
    if start is not None:
        same = {key: start["config"][key] for key in ("form", "vision", "ray", "volume")}
        config = config_from(config.as_dict() | same)
    given = (
        vision_weights(vision)
        if vision is not None
        else start["vision"]
        if start is not None
        else None
    )
    if team.first:
        seeing = _trained_vision(config, run, given, say, progress)
        (run / "config.json").write_text(json.dumps(config.as_dict(), indent=1))
    team.wait()
    if not team.first:
        seeing = _trained_vision(config, run, given, say, progress)
    training, validation = (
        SoundSet(folders(data, "train"), progress),
        SoundSet(folders(data, "val"), progress),
    )
    if team.first:
        say(
            f"{len(training)} samples to train on, {len(validation)} of unseen rooms to validate on"
        )
    return _FusionTraining(config, run, seeing, training, validation, start, team, say).run(minutes)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint: config, weights of vision and fusion, score, folded (False). Raises
    ModelError.
    """
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
    """Weights of the network that sees: vision.pt of a run. Raises ModelError."""
    weights: Weights = _read(path, "the network that sees", "vision.pt of a run is one")
    return weights


def _read(path: Path, kind: str, remedy: str) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as e:
        raise ModelError(f"{path}: not readable as {kind} ({type(e).__name__}); {remedy}") from e


def _trained_vision(
    config: TrainConfig, run: Path, given: Weights | None, say: Say, progress: Progress
) -> VisionNet:
    """The run's own, the given one, or a new one; from then on the run's own."""
    net, stored = VisionNet(config.vision), run / "vision.pt"
    weights = vision_weights(stored) if stored.is_file() else given
    if weights is None:
        net = _train_vision(config, net, say, progress)
    else:
        try:
            net.load_state_dict(weights)
        except (RuntimeError, TypeError, AttributeError) as e:
            raise ModelError(
                f"{stored if stored.is_file() else '--vision'}: not the network that sees of "
                "this configuration "
                f"({str(e).splitlines()[0]}); choose another --out or --vision"
            ) from e
        if given is not None and any(
            not torch.equal(given[name], value) for name, value in weights.items() if name in given
        ):
            raise ConfigError(
                f"{stored}: the run began with another network that sees than is given now; "
                "choose another --out"
            )
    if not stored.is_file():
        torch.save(net.state_dict(), stored)
    net.eval()
    return net


def _train_vision(config: TrainConfig, net: VisionNet, say: Say, progress: Progress) -> VisionNet:
    t = config.vision_training
    people, others = (
        sample_people(t.people, config.seed, "train", progress),
        sample_people(t.held_out, config.seed + 1, "val"),
    )
    rng = np.random.default_rng([config.seed, 11])
    errors = detector_errors(view_people(people, t.errors, rng), rng)
    held_out = vision_batch(view_people(others, t.held_out, rng), errors, config.augmentation, rng)
    average: VisionNet = deepcopy(net)
    average.eval()
    optimizer = torch.optim.AdamW(net.parameters(), t.rate, weight_decay=1e-3)
    began = time.monotonic()
    for step in range(t.steps):
        set_rate(optimizer, t.rate, step, step / t.steps, config.warm_up)
        features, centre, size, truth = vision_batch(
            view_people(people, t.batch, rng), errors, config.augmentation, rng
        )
        loss = metres_loss(_seen_points(net(features), centre, size), truth)
        descend(optimizer, net, loss)
        follow(average, net, min(config.ema, (step + 1) / (step + 10)))
        if (step + 1) % max(1, t.steps // 12) == 0:
            with torch.no_grad():
                error = mpjpe(
                    _seen_points(average(held_out[0]), held_out[1], held_out[2]), held_out[3]
                )
            left = (time.monotonic() - began) / (step + 1) * (t.steps - step - 1)
            say(
                f"vision {step + 1}/{t.steps}: loss {loss.item():.3f}, unseen people "
                f"{100 * error.median():.1f} cm median, "
                f"{100 * error.mean():.1f} mean, {left / 60:.1f} min left"
            )
    return average


class _FusionTraining:
    """The second part of a run and all its state."""

    def __init__(
        self,
        config: TrainConfig,
        run: Path,
        vision: VisionNet,
        training: SoundSet,
        validation: SoundSet,
        start: dict[str, Any] | None,
        team: Team,
        say: Say,
    ) -> None:
        self.config, self.folder, self.vision, self.team, self.say = config, run, vision, team, say
        self.training, self.validation = training, validation
        self.net = config.make_network()
        if start is not None:
            self.net.load_state_dict(start["fusion"])
            if start["folded"]:
                refit_norms(self.net, [self._batch(step).inputs for step in range(REFITTED)])
        self.average = deepcopy(self.net).eval()
        self.optimizer = torch.optim.AdamW(
            self.net.parameters(), config.rate, weight_decay=config.weight_decay
        )
        self.step, self.spent_s, self.best, self.since_best = 0, 0.0, float("inf"), 0
        self.log: list[dict[str, float]] = []
        if (run / "last.pt").is_file():
            self._resume(run / "last.pt")
        team.share_weights(self.net)

    def run(self, minutes: float | None) -> Path:
        c, began, saved, running = (
            self.config,
            time.monotonic() - self.spent_s,
            time.monotonic(),
            float("nan"),
        )
        done = self.step / c.steps
        while done < 1.0 and self.team.agreed(self.since_best) < c.patience:
            self.spent_s = time.monotonic() - began
            done = self.team.agreed(
                max(
                    (self.step + 1) / c.steps,
                    0.0 if minutes is None else self.spent_s / 60.0 / minutes,
                )
            )
            set_rate(self.optimizer, c.rate, self.step, min(done, 1.0), c.warm_up)
            loss, metres = fusion_loss(self.net, self._batch(self.step), c)
            if not np.isfinite(metres):
                raise ModelError(
                    f"step {self.step}: the loss is {metres}, no number, and would spoil every "
                    "weight: a sample is damaged"
                )
            descend(self.optimizer, self.net, loss, self.team)
            self.step += 1
            follow(self.average, self.net, min(c.ema, self.step / (self.step + 10)))
            running = metres if running != running else 0.98 * running + 0.02 * metres
            if not self.team.first:
                continue
            if self.step % c.validate == 0 or done >= 1.0:
                self._validate(running, done)
            if time.monotonic() - saved > SAVE_EVERY_S:
                self._save()
                saved = time.monotonic()
        if self.team.first:
            self._save()
        self.team.wait()
        return self.folder / "best.pt"

    def _batch(self, step: int) -> Batch:
        # Seeded by step and place in the batch: resumed or on several processes, a run draws what
        # an unbroken one would have.
        c = self.config
        chosen = np.random.default_rng([c.seed, 12, step]).integers(
            len(self.training), size=c.batch
        )
        mine = range(self.team.rank, c.batch, self.team.size)
        rngs = [np.random.default_rng([c.seed, 14, step, k]) for k in mine]
        heard = [
            self.training.augmented(int(chosen[k]), c.augmentation, rng)
            for k, rng in zip(mine, rngs, strict=True)
        ]
        return fusion_batch(heard, self.vision, c.fusion.spec)[0]

    def _validate(self, running: float, done: float) -> None:
        errors = validate(self.average, self.vision, self.config, self.validation)
        score = float(errors.mean())
        self.log.append(
            {
                "step": self.step,
                "loss": running,
                "median": float(errors.median()),
                "mean": score,
                "s": self.spent_s,
            }
        )
        better = score < self.best
        self.best, self.since_best = (score, 0) if better else (self.best, self.since_best + 1)
        left = self.spent_s * (1.0 - done) / max(done, 1e-6) / 60.0
        self.say(
            f"{self.config.form} {self.step}/{self.config.steps}: loss {running:.3f}, "
            f"unseen rooms {100 * errors.median():.1f} cm median, {100 * score:.1f} mean"
            f"{' (best)' if better else ''}, {left:.1f} min left"
        )
        with (self.folder / "log.jsonl").open("a") as file:
            file.write(json.dumps(self.log[-1]) + "\n")
        plot_curves(self.log, self.folder / "curves.png")
        if better:
            self._write("best.pt", {"fusion": self.average.state_dict(), "score": score})

    def _write(self, name: str, content: dict[str, Any]) -> None:
        head = {
            "config": self.config.as_dict(),
            "vision": self.vision.state_dict(),
            "step": self.step,
        }
        head |= {
            "samples": len(self.training),
            "parameters": parameters(self.net) + parameters(self.vision),
        }
        partial = self.folder / f"{name}.partial"
        torch.save(head | content, partial)
        partial.replace(self.folder / name)

    def _save(self) -> None:
        state = {
            "fusion": self.net.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        self._write(
            "last.pt",
            state
            | {
                "spent_s": self.spent_s,
                "best": self.best,
                "since": self.since_best,
                "log": self.log,
            },
        )

    def _resume(self, path: Path) -> None:
        data = load_checkpoint(path)
        if config_from(data["config"]).fusion != self.config.fusion:
            raise ConfigError(
                f"{path}: is of another network; continue with its own --config or choose "
                "another --out"
            )
        self.net.load_state_dict(data["fusion"])
        self.average.load_state_dict(data["average"])
        self.optimizer.load_state_dict(data["optimizer"])
        self.step, self.spent_s, self.best, self.since_best = (
            data["step"],
            data["spent_s"],
            data["best"],
            data["since"],
        )
        self.log = data["log"]
        if self.team.first:
            self.say(f"going on at step {self.step}")


def validate(net: nn.Module, vision: VisionNet, config: TrainConfig, samples: SoundSet) -> Tensor:
    """Mean joint error (N,) [m] of at most held_out samples as recorded, evenly spread."""
    chosen = np.unique(np.linspace(0, len(samples) - 1, config.held_out).round().astype(int))
    errors = []
    for part in _chunks(chosen.tolist(), config.batch):
        b, _ = fusion_batch([samples.recorded(i) for i in part], vision, config.fusion.spec)
        with torch.no_grad():
            errors.append(mpjpe(predict(net, b, config), b.joints))
    return torch.cat(errors)


def set_rate(
    optimizer: torch.optim.Optimizer, highest: float, step: int, done: float, warm_up: int
) -> None:
    """Linear warm-up, then half a cosine down to a hundredth."""
    rate = (
        highest
        * min(1.0, (step + 1) / warm_up)
        * (0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * done)))
    )
    for group in optimizer.param_groups:
        group["lr"] = rate


def descend(
    optimizer: torch.optim.Optimizer, net: nn.Module, loss: Tensor, team: Team | None = None
) -> None:
    """One step downhill along the team's mean gradient, clipped."""
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    if team is not None:
        team.share_gradients(net)
    nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    optimizer.step()


def follow(average: nn.Module, net: nn.Module, keep: float) -> None:
    """Exponential moving average of all weights and of the normalisation's statistics."""
    with torch.no_grad():
        for a, b in zip(average.state_dict().values(), net.state_dict().values(), strict=True):
            if a.is_floating_point():
                a.lerp_(b, 1.0 - keep)
            else:
                a.copy_(b)


def _seen_points(out: Tensor, centre: Tensor, size: Tensor) -> Tensor:
    return person_points(out[:, :15], out[:, 15:].reshape(len(out), 15, 2), centre, size)


def _chunks(items: list[int], size: int) -> Iterator[list[int]]:
    for k in range(0, len(items), size):
        yield items[k : k + size]
