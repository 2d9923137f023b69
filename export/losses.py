"""What training makes small."""

import torch
from torch import Tensor, nn

from export.batches import Batch
from export.network import Decoded, RayNet, decode, weighted_logits
from export.train_config import TrainConfig


def ray_loss(net: RayNet, b: Batch, c: TrainConfig) -> tuple[Tensor, float]:
    """The whole loss of a batch, and the part of it that is metres."""
    logits, residual = net(b.sound, b.context)
    decoded = decode(c.ray, logits, residual, b.log_depth, b.xy, b.centre, b.size)
    metres = metres_loss(decoded.joints, b.joints)
    offsets = torch.from_numpy(c.ray.spec.offsets).to(logits)
    truth = (b.joints[..., 2] * b.size[:, None]).log() - b.log_depth
    target = (-0.5 * ((offsets[:, None] - truth[:, None]) / c.ce_width) ** 2).exp() + 1e-6
    target = target / target.sum(dim=1, keepdim=True)
    bins = -(target * weighted_logits(c.ray, logits).log_softmax(dim=1)).sum(dim=1).mean()
    sound = nn.functional.binary_cross_entropy_with_logits(decoded.sound_logit, b.true_sound)
    return metres + c.ce * bins + c.nll * sigma_loss(decoded, b.joints) + c.sound * sound, metres.item()


def metres_loss(joints: Tensor, truth: Tensor) -> Tensor:
    """Mean absolute error of the joints, and half of that relative to the mid-hip [m]."""
    root = slice(8, 9)
    relative = (joints - joints[:, root]) - (truth - truth[:, root])
    return (joints - truth).abs().mean() + 0.5 * relative.abs().mean()


def sigma_loss(decoded: Decoded, truth: Tensor) -> Tensor:
    """Gaussian negative log likelihood of the errors along depth and across it; it moves the 1-sigma only."""
    error = (decoded.joints.detach() - truth) ** 2
    depth, plane = error[..., 2], 0.5 * error[..., :2].sum(dim=-1)
    total = torch.zeros(())
    for squared, log_sigma in ((depth, decoded.log_depth_sigma), (plane, decoded.log_plane_sigma)):
        s = log_sigma.clamp(-7.0, 1.5)
        total = total + (s + 0.5 * squared * (-2.0 * s).exp().clamp(max=1e5)).mean()
    return total


def mpjpe(joints: Tensor, truth: Tensor) -> Tensor:
    """Mean over the joints of their distance from the truth (B,) [m]."""
    return (joints - truth).norm(dim=-1).mean(dim=1)
