"""The vision network, and `ray`: a 1D network over depth with the joints as channels.

All layers run in int8 in TFLite: Conv2d, Linear, ReLU. Batch normalisation follows a convolution
and folds into it.
"""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from edge.core.pose import N_JOINTS
from edge.lifting.forms.decoded_pose import (
    DEPTH_STEP,
    PLACE_STEP,
    RESIDUALS,
    Decoding,
    residual_slices,
)
from edge.lifting.forms.network_form import CONTEXT
from edge.lifting.forms.ray_form import CHANNELS, RayForm
from edge.lifting.person_view import FEATURES, SIZE_LOG

POSE = 3 * N_JOINTS


@dataclass(frozen=True)
class VisionConfig:
    """The lifter of 2D joints: `blocks` residual blocks of two layers of `width`."""

    width: int = 448
    blocks: int = 2


@dataclass(frozen=True)
class RayConfig:
    """width: channels. hidden: width of the context branch. dilations: a layer each."""

    spec: RayForm = field(default_factory=RayForm)
    decoding: Decoding = field(default_factory=Decoding)
    width: int = 96
    hidden: int = 160
    dilations: tuple[int, ...] = (1, 2, 4, 1, 2)
    kernel: int = 5


class VisionNet(nn.Module):  # type: ignore[misc]  # PyTorch is not checked
    """2D joints -> the image's estimate of the joints."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        w = config.width
        self.first = nn.Linear(FEATURES, w)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.SiLU(), nn.Linear(w, w), nn.SiLU(), nn.Linear(w, w))
            for _ in range(config.blocks)
        )
        self.head = nn.Linear(w, 1 + POSE)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, features: Tensor) -> Tensor:
        """(B, FEATURES) -> (B, 45): normalised log depths of the joints, then places x, y."""
        h = self.first(features)
        for block in self.blocks:
            h = h + block(h)
        y = self.head(nn.functional.silu(h))
        depth = y[:, :1] - SIZE_LOG + 0.3 * y[:, 1 : 1 + N_JOINTS]
        seen = features[:, 2 * N_JOINTS : 3 * N_JOINTS]
        reach = (1.0 - 0.9 * seen).repeat_interleave(2, dim=1)
        return torch.cat([depth, features[:, : 2 * N_JOINTS] + reach * y[:, 1 + N_JOINTS :]], dim=1)


class RayNet(nn.Module):  # type: ignore[misc]  # PyTorch is not checked
    """Sound along the joints' rays and the image's context -> each joint's place on its ray."""

    def __init__(self, config: RayConfig) -> None:
        super().__init__()
        w, k, layers = config.width, config.kernel, len(config.dilations)
        self.width, self.bins = w, config.spec.bins
        hidden = config.hidden
        self.context = nn.Sequential(
            nn.Linear(CONTEXT, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU()
        )
        self.film = nn.Linear(hidden, w * (1 + 2 * layers))
        self.position = nn.Parameter(torch.zeros(1, w, 1, self.bins))
        self.first = _convolution(N_JOINTS * len(CHANNELS), w, k, 1)
        self.layers = nn.ModuleList(_convolution(w, w, k, d) for d in config.dilations)
        self.logits = nn.Conv2d(w, N_JOINTS, 1)
        self.pool = nn.MaxPool2d((1, self.bins))
        self.residual = nn.Linear(w + config.hidden, RESIDUALS)
        nn.init.zeros_(self.residual.weight)
        nn.init.zeros_(self.residual.bias)
        nn.init.normal_(self.film.weight, std=0.02)
        nn.init.zeros_(self.film.bias)

    def forward(self, sound: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """(B, bins, 90), (B, CONTEXT) -> logits (B, bins, 15), residuals (B, RESIDUALS)."""
        c = self.context(context)
        film = self.film(c).view(-1, 1 + 2 * len(self.layers), self.width, 1, 1)
        h = (
            self.first(sound.permute(0, 2, 1).unsqueeze(2)) + self.position + film[:, 0]
        )  # (B, W, 1, bins)
        for i, layer in enumerate(self.layers):
            h = h + layer(torch.relu(h * (1.0 + film[:, 1 + 2 * i]) + film[:, 2 + 2 * i]))
        h = torch.relu(h)
        logits = self.logits(h).squeeze(2).permute(0, 2, 1)
        pooled = self.pool(h).flatten(1)
        return logits, self.residual(torch.cat([pooled, c], dim=1))


def _convolution(c_in: int, c_out: int, kernel: int, dilation: int) -> nn.Sequential:
    """Over depth, along the width of the 2D convolution: three times faster to train."""
    padding = (0, kernel // 2 * dilation)
    conv = nn.Conv2d(c_in, c_out, (1, kernel), padding=padding, dilation=(1, dilation), bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(c_out))


@dataclass(frozen=True, eq=False)
class Decoded:
    """joints: (B, 15, 3) in the person's frame [m]. log_depth_sigma, log_plane_sigma: (B, 15), of
    metres. sound_logit: (B,).
    """

    joints: Tensor
    log_depth_sigma: Tensor
    log_plane_sigma: Tensor
    sound_logit: Tensor


def person_points(log_depth: Tensor, xy: Tensor, centre: Tensor, size: Tensor) -> Tensor:
    """`View.points` in the person's frame: (B, 15), (B, 15, 2), (B, 2), (B,) -> (B, 15, 3)."""
    z = log_depth.exp() / size[:, None]
    plane = (centre[:, None] + xy * size[:, None, None]) * z[..., None]
    return torch.cat([plane, z[..., None]], dim=-1)


def expected(logits: Tensor, offsets: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and spread (B, 15) of offsets ([B,] bins, 15) under logits (B, bins, 15)."""
    p = logits.softmax(dim=1)
    shift = (p * offsets).sum(dim=1)
    return shift, ((p * offsets**2).sum(dim=1) - shift**2).clamp(min=0.0).sqrt()


def assemble(
    decoding: Decoding,
    log_depth: Tensor,
    xy: Tensor,
    spread: Tensor,
    residual: Tensor,
    centre: Tensor,
    size: Tensor,
) -> Decoded:
    """`edge.lifting.forms.decoded_pose.assemble` for batches of tensors, with gradients."""
    part = {name: residual[:, s] for name, s in residual_slices().items()}
    depth = log_depth + DEPTH_STEP * part["depth"]
    joints = person_points(depth, xy + PLACE_STEP * part["place"].reshape(xy.shape), centre, size)
    z, spread = joints[..., 2].detach(), spread.detach()
    log_depth_sigma = (
        z * torch.hypot(spread, torch.full_like(spread, decoding.least_spread))
    ).log() + part["depth_sigma"]
    log_plane_sigma = (z * size[:, None] * PLACE_STEP).log() + part["plane_sigma"]
    return Decoded(joints, log_depth_sigma, log_plane_sigma, part["sound"][:, 0])


def with_prior(config: RayConfig, logits: Tensor) -> Tensor:
    """Logits (B, bins, 15) plus the log prior around the image's estimate."""
    offsets = torch.from_numpy(config.spec.offsets).to(logits)
    return logits - 0.5 * (offsets[:, None] / config.decoding.prior_spread) ** 2


def parameters(net: nn.Module) -> int:
    """Number of trained weights."""
    return sum(p.numel() for p in net.parameters())


def ray_config_from(data: dict[str, Any]) -> RayConfig:
    """The config of `dataclasses.asdict`."""
    d = dict(data)
    spec = dict(d.pop("spec"))
    return RayConfig(
        spec=RayForm(**spec | {"gate": tuple(spec["gate"])}),
        decoding=Decoding(**d.pop("decoding")),
        dilations=tuple(d.pop("dilations")),
        **d,
    )
