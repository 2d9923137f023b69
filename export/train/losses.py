"""The losses of the fusion networks, and their decoded joints."""

import torch
from torch import Tensor, nn

from edge.core.pose import MID_HIP
from export.train.batches import Batch
from export.train.ray_network import Decoded, assemble, expected, with_prior
from export.train.train_config import TrainConfig
from export.train.volume_network import decode_volume, volume_target, with_volume_prior

FAR_M = 3.0


def fusion_loss(net: nn.Module, b: Batch, c: TrainConfig) -> tuple[Tensor, float]:
    """The loss of a batch, and its part in metres."""
    decoded, cross_entropy = _volume(net, b, c) if c.form == "volume" else _ray(net, b, c)
    metres = metres_loss(decoded.joints, b.joints)
    sound = nn.functional.binary_cross_entropy_with_logits(decoded.sound_logit, b.true_sound)
    return metres + c.ce * cross_entropy + c.nll * sigma_loss(
        decoded, b.joints
    ) + c.sound * sound, metres.item()


def predict(net: nn.Module, b: Batch, c: TrainConfig) -> Tensor:
    """Joints (B, 15, 3) [m] in the person's frame."""
    if c.form == "volume":
        heat, residual = net(*b.inputs)
        return _decoded_volume(heat, residual, b, c).joints
    logits, residual = net(*b.inputs)
    return _decoded_ray(logits, residual, b, c).joints


def _ray(net: nn.Module, b: Batch, c: TrainConfig) -> tuple[Decoded, Tensor]:
    logits, residual = net(*b.inputs)
    offsets = torch.from_numpy(c.ray.spec.offsets).to(logits)[:, None]
    truth = (b.joints[..., 2] * b.size[:, None]).log() - b.log_depth
    target = (-0.5 * ((offsets - truth[:, None]) / c.ce_width) ** 2).exp()
    return _decoded_ray(logits, residual, b, c), _cross_entropy(with_prior(c.ray, logits), target)


def _decoded_ray(logits: Tensor, residual: Tensor, b: Batch, c: TrainConfig) -> Decoded:
    shift, spread = expected(
        with_prior(c.ray, logits), torch.from_numpy(c.ray.spec.offsets).to(logits)[:, None]
    )
    return assemble(c.ray.decoding, b.log_depth + shift, b.xy, spread, residual, b.centre, b.size)


def _volume(net: nn.Module, b: Batch, c: TrainConfig) -> tuple[Decoded, Tensor]:
    """Every stage's heatmap has a loss; the last one is decoded."""
    heats, residual = net.stages(*b.inputs)
    decoded = _decoded_volume(heats[-1], residual, b, c)
    z = b.joints[..., 2]
    place = (b.joints[..., :2] / z[..., None] - b.centre[:, None]) / b.size[:, None, None]
    target = volume_target(
        c.volume, (z * b.size[:, None]).log() - b.log_depth[:, MID_HIP, None], place
    )
    logits = [with_volume_prior(c.volume, heat, b.log_depth, b.xy).flatten(1, 3) for heat in heats]
    return decoded, torch.stack(
        [_cross_entropy(each, target.flatten(1, 3)) for each in logits]
    ).mean()


def _decoded_volume(heat: Tensor, residual: Tensor, b: Batch, c: TrainConfig) -> Decoded:
    return decode_volume(c.volume, heat, residual, b.log_depth, b.xy, b.centre, b.size)


def _cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Mean cross-entropy over dimension 1; the target need not be normalised."""
    target = target + 1e-6
    target = target / target.sum(dim=1, keepdim=True)
    return -(target * logits.log_softmax(dim=1)).sum(dim=1).mean()


def metres_loss(joints: Tensor, truth: Tensor) -> Tensor:
    """Mean absolute error of the joints plus half of that relative to the mid-hip [m], beyond FAR_M
    in proportion to the distance: one image is wrong by a share of it, and a network would
    otherwise be trained on those far away above all.
    """
    root = slice(MID_HIP, MID_HIP + 1)
    farther = (truth[:, root].norm(dim=-1, keepdim=True) / FAR_M).clamp(min=1.0)
    joints, truth = joints / farther, truth / farther
    relative = (joints - joints[:, root]) - (truth - truth[:, root])
    return (joints - truth).abs().mean() + 0.5 * relative.abs().mean()


def sigma_loss(decoded: Decoded, truth: Tensor) -> Tensor:
    """Gaussian negative log likelihood of the errors; its gradient reaches the 1-sigma only."""
    error = (decoded.joints.detach() - truth) ** 2
    depth, plane = error[..., 2], 0.5 * error[..., :2].sum(dim=-1)
    total = torch.zeros(())
    for squared, log_sigma in ((depth, decoded.log_depth_sigma), (plane, decoded.log_plane_sigma)):
        s = log_sigma.clamp(-7.0, 1.5)
        total = total + (s + 0.5 * squared * (-2.0 * s).exp().clamp(max=1e5)).mean()
    return total


def mpjpe(joints: Tensor, truth: Tensor) -> Tensor:
    """Mean distance (B,) [m] of the joints from the truth."""
    return (joints - truth).norm(dim=-1).mean(dim=1)
