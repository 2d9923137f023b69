"""Steps of an optimizer: learning rate, clipped gradients, and the average of the weights."""

import math

import torch
from torch import Tensor, nn

from export.train.team import Team


def set_rate(
    optimizer: torch.optim.Optimizer, highest: float, step: int, done: float, warm_up: int
) -> None:
    """Set the learning rate: linear warm-up, then half a cosine down to a hundredth. done: 0..1."""
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
    """One step along the team's mean gradient, clipped."""
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    if team is not None:
        team.share_gradients(net)
    nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    optimizer.step()


def follow(average: nn.Module, net: nn.Module, keep: float) -> None:
    """Update the exponential moving average of all weights and statistics."""
    with torch.no_grad():
        for a, b in zip(average.state_dict().values(), net.state_dict().values(), strict=True):
            if a.is_floating_point():
                a.lerp_(b, 1.0 - keep)
            else:
                a.copy_(b)
