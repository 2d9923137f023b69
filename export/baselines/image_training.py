"""Trains the networks of the image baselines, "lift" and "root", on people before cameras."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.core.arrays import FloatArray
from edge.core.pose import MID_HIP, N_JOINTS
from export.baselines.image_network import OUTPUTS, view_from
from export.baselines.trainable import BaselineTraining, TrainableMlp, pinball, require_torch
from export.simulate.people import (
    SampledPeople,
    ViewedPeople,
    apply_errors,
    detector_errors,
    view_people,
)

Say = Callable[[str], None]

WITHIN_VIEW = 0.4  # least depth of a joint over the mid-hip's distance
REFILL = 16  # batches drawn at once


def train_image_networks(
    people: SampledPeople, config: BaselineTraining, say: Say
) -> dict[str, npt.NDArray[Any]]:
    """The lifting network "lift" and RootNet's "root"."""
    torch = require_torch()
    rng = np.random.default_rng([config.seed, 3])
    say(f"detecting the joints of {config.detected} people")
    errors = detector_errors(view_people(people, config.detected, rng), rng)
    inputs, _, _, _ = _vision_batch(
        apply_errors(view_people(people, config.detected, rng), errors, rng)
    )
    w, r = config.vision_width, config.root_width
    lift = TrainableMlp(inputs, (w, w, w, w, OUTPUTS), config.seed)
    root = TrainableMlp(inputs, (r, r, r, 2), config.seed + 1)
    optimiser = torch.optim.AdamW([*lift.parameters, *root.parameters], lr=2e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, 2e-3, total_steps=config.vision_steps, pct_start=0.05
    )
    running = np.zeros(3)
    for step in range(config.vision_steps):
        if step % REFILL == 0:
            # Half of them with the detector model's errors, half with noise of any size.
            half = REFILL * config.batch // 2
            scenes = view_people(people, half, rng) + apply_errors(
                view_people(people, half, rng), errors, rng
            )
            pool = [torch.from_numpy(a) for a in _vision_batch(scenes)]
        at = torch.from_numpy(rng.integers(len(pool[0]), size=config.batch))
        x, xy, depth, shape = (p[at] for p in pool)
        out, gamma = lift(x), root(x)
        relative = out[:, 1 : 1 + 3 * N_JOINTS].reshape(-1, N_JOINTS, 3)
        z = relative[..., :1].exp()
        placed = torch.cat([(xy[..., :2] + relative[..., 1:]) * xy[..., 2:] * z, z], dim=-1)
        off = (placed - shape).abs().sum(dim=-1)
        depth_off, gamma_off = (out[:, 0] - depth).abs(), (gamma[:, 0] - depth).abs()
        around = (
            placed - placed[:, MID_HIP : MID_HIP + 1] - (shape - shape[:, MID_HIP : MID_HIP + 1])
        )
        loss = off.mean() + depth_off.mean() + gamma_off.mean()
        loss = (
            loss
            + 0.1 * pinball(depth_off, out[:, 1 + 3 * N_JOINTS])
            + 0.1 * pinball(gamma_off, gamma[:, 1])
        )
        loss = loss + 0.1 * pinball(around.norm(dim=-1), out[:, 2 + 3 * N_JOINTS :])
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_([*lift.parameters, *root.parameters], 1.0)
        optimiser.step()
        schedule.step()
        now = np.array([off.mean().item(), depth_off.mean().item(), gamma_off.mean().item()])
        running = now if step == 0 else 0.99 * running + 0.01 * now
        if (step + 1) % 1000 == 0:
            say(
                f"image, step {step + 1}: shape {running[0]:.4f}, log depth {running[1]:.4f}, "
                f"from the box {running[2]:.4f}"
            )
    return lift.arrays("lift") | root.arrays("root")


def _vision_batch(scenes: ViewedPeople) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Inputs (N, F), 2D joints with the box's size (N, 15, 3), log depth over RootNet's (N,), shape
    at depth 1 (N, 15, 3).
    """
    view = view_from(scenes.rays, scenes.seen)
    turned = scenes.joints[:, :N_JOINTS] @ view.turn
    # Leave out people beside the middle of a box that an outlier has stretched.
    before = turned[..., 2].min(axis=1) > WITHIN_VIEW * np.linalg.norm(turned[:, MID_HIP], axis=1)
    view, turned = view.pick(before), turned[before]
    depth = turned[:, MID_HIP, 2]
    size = np.broadcast_to(view.size[:, None, None], (len(depth), N_JOINTS, 1))
    xy = np.concatenate([view.xy[:, :N_JOINTS], size], axis=-1)
    parts = (view.features, xy, np.log(depth) - view.root_net_depth, turned / depth[:, None, None])
    a, b, c, d = (np.ascontiguousarray(p, np.float32) for p in parts)
    return a, b, c, d
