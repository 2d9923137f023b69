"""Samples become tensors, by the runtime's own input code."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from edge.core.arrays import Rng
from edge.core.pose import N_JOINTS
from edge.lifting.forms.ray_form import RayForm
from edge.lifting.forms.volume_form import VolumeForm
from edge.lifting.person_view import PersonView, make_view
from export.simulate.people import LEAST_DETECTED, DetectorErrors, ViewedPeople, apply_errors
from export.train.ray_network import VisionNet
from export.train.samples.augmentation import Augmentation, detect, known_body, mountings
from export.train.samples.sound_set import Observed, SampleSound


@dataclass(frozen=True, eq=False)
class Batch:
    """inputs: of the network, from sound to context. log_depth (B, 15), xy (B, 15, 2): the image's
    estimate. centre (B, 2), size (B,): of the view. joints: (B, 15, 3) truth in the person's frame
    [m]. true_sound: (B,) 1 where the kernels are this person's.
    """

    inputs: tuple[Tensor, ...]
    log_depth: Tensor
    xy: Tensor
    centre: Tensor
    size: Tensor
    joints: Tensor
    true_sound: Tensor


def fusion_batch(
    samples: Sequence[SampleSound], vision: VisionNet, spec: RayForm | VolumeForm
) -> tuple[Batch, PersonView]:
    """A batch of the network with this spec, and the views it was made from."""
    view = observed_view([s.observed for s in samples])
    log_depth, xy = vision_estimate(vision, view)
    inputs = [
        spec.inputs(view.one(i), log_depth[i], xy[i], s.kernels, s.rig, s.others)
        for i, s in enumerate(samples)
    ]
    joints = np.stack([s.joints for s in samples]) @ view.turn
    batch = Batch(
        inputs=tuple(_tensor(np.stack(parts)) for parts in zip(*inputs, strict=True)),
        log_depth=_tensor(log_depth),
        xy=_tensor(xy),
        centre=_tensor(view.centre),
        size=_tensor(view.size),
        joints=_tensor(joints),
        true_sound=torch.tensor([float(s.true_sound) for s in samples]),
    )
    return batch, view


def observed_view(observed: Sequence[Observed]) -> PersonView:
    """One view of N samples."""
    return make_view(
        np.stack([o.rays for o in observed]),
        np.stack([o.seen for o in observed]),
        np.stack([o.down for o in observed]),
        np.stack([o.height_m for o in observed]),
        np.stack([o.body for o in observed]),
    )


def vision_estimate(vision: VisionNet, view: PersonView) -> tuple[np.ndarray, np.ndarray]:
    """The vision network's estimate: normalised log depths (B, 15), places (B, 15, 2)."""
    with torch.no_grad():
        out = vision(torch.from_numpy(view.features)).numpy()
    return out[:, :N_JOINTS], out[:, N_JOINTS:].reshape(-1, N_JOINTS, 2)


def vision_batch(
    people: ViewedPeople, errors: DetectorErrors, a: Augmentation, rng: Rng
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """People before cameras -> features (B, FEATURES), centre (B, 2), size (B,), truth in the
    person's frame (B, 15, 3) [m].

    errors: of the detector model, for a share of the people; some of those are left out for too few
    joints.
    """
    fitted = rng.random(len(people.joints)) < a.detector
    people = apply_errors(people.pick(fitted), errors, rng) + _noisy(people.pick(~fitted), a, rng)
    joints = people.joints[:, :N_JOINTS]
    rays = people.rays[:, :N_JOINTS]
    seen = people.seen[:, :N_JOINTS]
    down, height = mountings(people.camera_height_m, people.tilt_deg, people.roll_deg, a, rng)
    body = known_body(joints, a, rng)
    view = make_view(np.where(seen[..., None], rays, [0.0, 0.0, 1.0]), seen, down, height, body)
    return (
        torch.from_numpy(view.features),
        _tensor(view.centre),
        _tensor(view.size),
        _tensor(joints @ view.turn),
    )


def _noisy(people: ViewedPeople, a: Augmentation, rng: Rng) -> ViewedPeople:
    """The same people with noisy 2D joints, some of them hidden where enough are left."""
    rays, seen = people.rays.copy(), people.seen.copy()
    rays[:, :N_JOINTS], more = detect(people.joints[:, :N_JOINTS], a, rng)
    both = seen[:, :N_JOINTS] & more
    seen[:, :N_JOINTS] = np.where(
        (both.sum(axis=1) < LEAST_DETECTED)[:, None], seen[:, :N_JOINTS], both
    )
    return replace(people, rays=rays, seen=seen)


def _tensor(a: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(a, np.float32))
