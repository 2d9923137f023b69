"""Trains the vision network on random people before cameras, then a fusion network on a dataset.

A run is a folder: config.json, vision.pt, last.pt (the state to resume from), best.pt, log.jsonl,
curves.png. Starting it again resumes it, also with a larger dataset. With torchrun each process
takes its share of every batch.
"""

import io
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from edge.core.errors import ConfigError, ModelError
from edge.core.files import write_whole
from export.extras import Progress
from export.train.batches import Batch, fusion_batch
from export.train.checkpoints import load_checkpoint, save_checkpoint, vision_weights
from export.train.conversion.shipped import SUFFIXES, load_shipped, refit_norms
from export.train.losses import fusion_loss, mpjpe, predict
from export.train.optimisation import descend, follow, set_rate
from export.train.ray_network import VisionNet, parameters
from export.train.samples.sound_set import SoundSet, folders
from export.train.team import Team
from export.train.train_config import TrainConfig, config_from
from export.train.vision_training import imagined_people, trained_vision

Say = Callable[[str], None]

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
    """Train on DATA/train and DATA/train-NAME, validate on DATA/val likewise; returns the best
    checkpoint.

    finetune: checkpoint or card of a shipped model to start from. vision: vision.pt of another run,
    used instead of a new vision network or that of `finetune`. minutes: end the learning rate's
    schedule by then. Raises ConfigError, also where RUN began with another vision network,
    SessionError where there is nothing to train on, ModelError for a checkpoint that does not fit.
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
        vision_net = trained_vision(config, run, given, say, progress)
        write_whole(run / "config.json", json.dumps(config.as_dict(), indent=1).encode())
    team.wait()
    if not team.first:
        vision_net = trained_vision(config, run, given, say, progress)
    imagined = imagined_people(config, progress)
    training = SoundSet(folders(data, "train"), progress, imagined)
    validation = SoundSet(folders(data, "val"), progress)
    if team.first:
        say(
            f"{len(training)} samples to train on, {len(validation)} of unseen rooms to validate on"
        )
    return _FusionTraining(config, run, vision_net, training, validation, start, team, say).run(
        minutes
    )


class _FusionTraining:
    """The second part of a run, and its state."""

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
        c = self.config
        began = time.monotonic() - self.spent_s
        saved = time.monotonic()
        running = float("nan")
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
        # Seeded by step and place in the batch: neither an interruption nor the number of processes
        # changes what is drawn.
        c = self.config
        chosen = np.random.default_rng([c.seed, 12, step]).integers(
            len(self.training), size=c.batch
        )
        mine = range(self.team.rank, c.batch, self.team.size)
        rngs = [np.random.default_rng([c.seed, 14, step, k]) for k in mine]
        samples = [
            self.training.augmented(int(chosen[k]), c.augmentation, rng)
            for k, rng in zip(mine, rngs, strict=True)
        ]
        return fusion_batch(samples, self.vision, c.fusion.spec)[0]

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
        _plot_curves(self.log, self.folder / "curves.png")
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
        save_checkpoint(head | content, self.folder / name)

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
        self.step = data["step"]
        self.spent_s = data["spent_s"]
        self.best = data["best"]
        self.since_best = data["since"]
        self.log = data["log"]
        if self.team.first:
            self.say(f"going on at step {self.step}")


def validate(net: nn.Module, vision: VisionNet, config: TrainConfig, samples: SoundSet) -> Tensor:
    """Mean joint error (N,) [m] of at most held_out samples, evenly spread."""
    chosen = np.unique(np.linspace(0, len(samples) - 1, config.held_out).round().astype(int))
    errors = []
    for part in _chunks(chosen.tolist(), config.batch):
        b, _ = fusion_batch([samples.recorded(i) for i in part], vision, config.fusion.spec)
        with torch.no_grad():
            errors.append(mpjpe(predict(net, b, config), b.joints))
    return torch.cat(errors)


def _chunks(items: list[int], size: int) -> Iterator[list[int]]:
    for k in range(0, len(items), size):
        yield items[k : k + size]


def _plot_curves(log: Sequence[Mapping[str, float]], path: Path) -> None:
    """Plot loss and error on unseen rooms. log: rows of step, loss, median, mean [m]."""
    figure = Figure(figsize=(7.0, 4.0), layout="constrained")
    axes = figure.subplots()
    steps = [row["step"] for row in log]
    for key, label in (
        ("loss", "training loss"),
        ("mean", "unseen rooms, mean"),
        ("median", "unseen rooms, median"),
    ):
        axes.plot(steps, [100.0 * row[key] for row in log], label=label)
    axes.set(xlabel="step", ylabel="cm", ylim=(0.0, None))
    axes.grid(alpha=0.3)
    axes.legend()
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=100)
    write_whole(path, file.getvalue())
