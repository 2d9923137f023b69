"""The `volume` network, the method's reference form: a multi-stage 3D CNN of (2+1)D convolutions.

TFLite has no int8 kernel for 3D convolution, hence one over the directions and one over depth.
Channels stay last in memory, so that no copy is needed between the two.
"""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from edge.core.pose import MID_HIP, N_JOINTS
from edge.lifting.forms.decoded_pose import RESIDUALS, Decoding
from edge.lifting.forms.network_form import CONTEXT
from edge.lifting.forms.volume_form import CHANNELS, VolumeForm
from export.train.ray_network import Decoded, assemble


@dataclass(frozen=True)
class VolumeConfig:
    """audio: channels of the shared encoder. width: of the stages. hidden: of the context."""

    spec: VolumeForm = field(default_factory=VolumeForm)
    decoding: Decoding = field(default_factory=Decoding)
    audio: int = 16
    width: int = 48
    hidden: int = 96
    stages: int = 2
    depth_kernel: int = 5


class Factored(nn.Module):  # type: ignore[misc]  # PyTorch is not checked
    """(2+1)D convolution: 3 x 3 over directions, then depth, normalised, ReLU."""

    def __init__(self, c_in: int, c_out: int, kernel: int) -> None:
        super().__init__()
        self.across = nn.Conv2d(c_in, c_out, 3, padding=1, bias=False)
        self.across_norm = nn.BatchNorm2d(c_out)
        self.along = nn.Conv2d(c_out, c_out, (kernel, 1), padding=(kernel // 2, 0), bias=False)
        self.along_norm = nn.BatchNorm2d(c_out)

    def forward(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """x (B, D, S, S, C) -> the same with other channels; bias (B, C) is added between."""
        b, d, s, _, c = x.shape
        h = x.reshape(b * d, s, s, c).permute(0, 3, 1, 2)
        h = torch.relu(self.across_norm(self.across(h)))
        h = h.permute(0, 2, 3, 1).reshape(b, d, s * s, -1).permute(0, 3, 1, 2)
        h = self.along_norm(self.along(h)).permute(0, 2, 3, 1)
        if bias is not None:
            # After the permutation: before it the converter would transpose the volume twice.
            h = h + bias[:, None, None]
        return torch.relu(h).reshape(b, d, s, s, -1)


class Encoder(nn.Module):  # type: ignore[misc]  # PyTorch is not checked
    """The encoder of each pair, along depth.

    It has one layer: layers over all pairs cost most time in an int8 file, even with few channels.
    """

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.along = nn.Conv2d(
            len(CHANNELS), channels, (kernel, 1), padding=(kernel // 2, 0), bias=False
        )
        self.along_norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, P, D, S, S, 4) -> the maximum over the pairs (B, D, S, S, C)."""
        b, p, d, s, _, channels = x.shape
        h = x.reshape(b * p, d, s * s, channels).permute(0, 3, 1, 2)
        h = self.along_norm(self.along(h))
        h = torch.relu(h).permute(0, 2, 3, 1)
        return _maximum(h.reshape(b, p, d * s * s, -1)).reshape(b, d, s, s, -1)


class VolumeNet(nn.Module):  # type: ignore[misc]  # PyTorch is not checked
    """Sound and heatmaps on the grid and the image's context -> a heatmap a joint."""

    def __init__(self, config: VolumeConfig) -> None:
        super().__init__()
        c, k = config, config.depth_kernel
        self.config = config
        self.encoder = Encoder(c.audio, k)
        self.context = nn.Sequential(
            nn.Linear(CONTEXT, c.hidden), nn.ReLU(), nn.Linear(c.hidden, c.hidden), nn.ReLU()
        )
        self.bias = nn.Linear(c.hidden, c.width * 2 * c.stages)
        self.position = nn.Parameter(torch.zeros(c.spec.bins, 1, 1, c.audio))
        widths = [c.audio + N_JOINTS * (1 if stage == 0 else 2) for stage in range(c.stages)]
        self.mixing = nn.ModuleList(Factored(w, c.width, k) for w in widths)
        self.refining = nn.ModuleList(Factored(c.width, c.width, k) for _ in range(c.stages))
        self.heat = nn.ModuleList(nn.Linear(c.width, N_JOINTS) for _ in range(c.stages))
        self.residual = nn.Linear(c.width + c.hidden, RESIDUALS)
        for layer in (self.residual, *self.heat):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def stages(self, sound: Tensor, image: Tensor, context: Tensor) -> tuple[list[Tensor], Tensor]:
        """Each stage's logits (B, D, S, S, 15), and the residuals. Inputs as of `forward`."""
        b, _, d, s, _, _ = sound.shape
        audio = self.encoder(sound) + self.position
        c = self.context(context)
        bias = self.bias(c).reshape(b, -1, 2, self.config.width)
        heats: list[Tensor] = []
        h = audio
        for stage in range(self.config.stages):
            known = [audio, image] if stage == 0 else [audio, image, torch.relu(heats[-1])]
            h = self.mixing[stage](torch.cat(known, dim=-1), bias[:, stage, 0])
            h = self.refining[stage](h, bias[:, stage, 1])
            heats.append(self.heat[stage](h))
        pooled = _maximum(_maximum(h.reshape(b * d, s * s, 1, -1)).reshape(b, d, 1, -1)).flatten(1)
        return heats, self.residual(torch.cat([pooled, c], dim=1))

    def forward(self, sound: Tensor, image: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """sound (B, P, D, S, S, 4), image (B, D, S, S, 15), context (B, CONTEXT) -> logits (B, D,
        S, S, 15), residuals (B, R).
        """
        heats, residual = self.stages(sound, image, context)
        return heats[-1], residual


def _maximum(x: Tensor) -> Tensor:
    """Maximum over N: (B, N, M, C) -> (B, 1, M, C): a pooling, which int8 can run."""
    return nn.functional.max_pool2d(x.permute(0, 3, 1, 2), (x.shape[1], 1)).permute(0, 2, 3, 1)


def with_volume_prior(config: VolumeConfig, heat: Tensor, log_depth: Tensor, xy: Tensor) -> Tensor:
    """Logits (B, D, S, S, 15) plus the log prior around the image's estimate."""
    along, right, down = _offsets(config, log_depth, xy)
    spread = config.spec.place_spread * config.spec.cell
    deep = (along / config.decoding.prior_spread) ** 2
    flat = (down / spread)[:, None, :, None] ** 2 + (right / spread)[:, None, None] ** 2
    return heat - 0.5 * deep[:, :, None, None] - 0.5 * flat


def volume_target(config: VolumeConfig, relative: Tensor, xy: Tensor) -> Tensor:
    """Target heatmaps (B, D, S, S, 15) of true joints: log depth relative to the image's mid-hip
    (B, 15), place (B, 15, 2).
    """
    spec = config.spec
    along = torch.from_numpy(spec.offsets).to(xy)[:, None] - relative[:, None]
    cells = torch.from_numpy(spec.places).to(xy)[:, None]
    right, down = (cells - xy[:, None, :, k] for k in (0, 1))
    wide, deep = 0.5 * spec.cell, 2.0 * spec.reach / (spec.bins - 1)
    flat = (-0.5 * (down / wide) ** 2).exp()[:, :, None] * (-0.5 * (right / wide) ** 2).exp()[
        :, None
    ]
    return (-0.5 * (along / deep) ** 2).exp()[:, :, None, None] * flat[:, None]


def decode_volume(
    config: VolumeConfig,
    heat: Tensor,
    residual: Tensor,
    log_depth: Tensor,
    xy: Tensor,
    centre: Tensor,
    size: Tensor,
) -> Decoded:
    """`edge.lifting.forms.volume_form.VolumeForm.decode` for batches of tensors, with gradients."""
    along, right, down = _offsets(config, log_depth, xy)
    logits = with_volume_prior(config, heat, log_depth, xy)
    p = logits.flatten(1, 3).softmax(dim=1).reshape(logits.shape)
    deep = p.sum(dim=(2, 3))
    shift = (deep * along).sum(dim=1)
    spread = ((deep * along**2).sum(dim=1) - shift**2).clamp(min=0.0).sqrt()
    moved = torch.stack(
        [(p.sum(dim=(1, 2)) * right).sum(dim=1), (p.sum(dim=(1, 3)) * down).sum(dim=1)], dim=-1
    )
    return assemble(config.decoding, log_depth + shift, xy + moved, spread, residual, centre, size)


def _offsets(config: VolumeConfig, log_depth: Tensor, xy: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Offsets from the image's estimate of each joint to the bins (B, D, 15), and to the cells to
    the right and down (B, S, 15).
    """
    bins = torch.from_numpy(config.spec.offsets).to(xy)[:, None]
    along = log_depth[:, None, MID_HIP, None] + bins - log_depth[:, None]
    cells = torch.from_numpy(config.spec.places).to(xy)[:, None]
    return along, cells - xy[:, None, :, 0], cells - xy[:, None, :, 1]


def volume_config_from(data: dict[str, Any]) -> VolumeConfig:
    """The config of `dataclasses.asdict`."""
    d = dict(data)
    spec = dict(d.pop("spec"))
    return VolumeConfig(
        spec=VolumeForm(**spec | {"gate": tuple(spec["gate"])}),
        decoding=Decoding(**d.pop("decoding")),
        **d,
    )
