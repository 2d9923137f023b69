"""The method's own grid, for comparison: cells at fixed places in front of the camera, whatever the
image believes.

An ablation of `volume`: the same network and inputs, another grid, whose joints are the mean place
under the last heatmap. It is trained and validated, not shipped.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from edge.core.arrays import Array, FloatArray
from edge.core.pose import MID_HIP
from edge.core.rig import Rig
from edge.lifting.frustum import FrustumSpec, pairs_for
from edge.lifting.ray_decoder import RayDecoding
from edge.lifting.rays import (
    N_JOINTS,
    PersonView,
    RaySpec,
    clearest_floor,
    log_level,
    mean_level,
    ray_context,
    sound_features,
)
from edge.sound.arrivals import gather_points
from edge.sound.pose_kernel import Kernels, pool
from export.train.ray_network import Decoded, assemble


@dataclass(frozen=True)
class WorldSpec(FrustumSpec):
    """A box of bins x side x side cells. half_width_m, half_height_m: to either side of the camera;
    near_m, far_m: of its depth.

    heat: 1-sigma of the image's heatmaps, in metres at unit depth. Of `FrustumSpec` the sizes and
    the sound's numbers hold.
    """

    half_width_m: float = 1.8
    half_height_m: float = 1.25
    near_m: float = 1.3
    far_m: float = 4.9
    heat: float = 0.06

    @property
    def steps_m(self) -> Array:
        """Edges of a cell (3,), x y z."""
        wide, high = (2.0 * half / self.side for half in (self.half_width_m, self.half_height_m))
        return np.array([wide, high, (self.far_m - self.near_m) / self.bins])

    @property
    def centres(self) -> Array:
        """Middle of each cell, camera frame (bins, side, side, 3) [m]; rows down, then right."""
        x, y, z = self.steps_m
        across = (np.arange(self.side) + 0.5) * x - self.half_width_m
        down = (np.arange(self.side) + 0.5) * y - self.half_height_m
        deep = (np.arange(self.bins) + 0.5) * z + self.near_m
        zz, yy, xx = np.meshgrid(deep, down, across, indexing="ij")
        return np.stack([xx, yy, zz], axis=-1)


def world_inputs(
    view: PersonView,
    log_depth: npt.ArrayLike,
    xy: npt.ArrayLike,
    kernels: Kernels | None,
    rig: Rig,
    spec: WorldSpec,
) -> tuple[FloatArray, ...]:
    """As `VolumeForm.inputs`: sound (pairs, bins, side, side), image (bins, side, side, 15),
    context (CONTEXT,).
    """
    sound = np.zeros((spec.pairs, spec.bins, spec.side, spec.side), np.float32)
    if kernels is not None:
        c, rate = rig.speed_of_sound_m_s, kernels.sample_rate_hz
        pooled = pool(kernels.envelope, rate, spec.pool_m, c)
        hip = rig.arrival_s(view.points(np.asarray(log_depth), np.asarray(xy))[MID_HIP])
        pooled = np.hypot(pooled, clearest_floor(pooled, hip, rate, c, spec.gate))
        arrival = rig.arrival_s(spec.centres.reshape(-1, 3))
        level = mean_level(pooled, hip, rate, c, spec.gate)
        loud = log_level(gather_points(pooled, arrival, rate) * (0.5 * c * arrival) ** 2, level)
        sound[:] = loud.reshape(-1, spec.bins, spec.side, spec.side)[
            pairs_for(len(loud), spec.pairs)
        ]
    plane = view.centre + np.asarray(xy, np.float64) * view.size
    rays = np.concatenate([plane, np.ones((N_JOINTS, 1))], axis=1) @ view.turn.T
    cells = spec.centres[..., :2] / spec.centres[..., 2:]
    away = ((cells[..., None, :] - rays[:, :2] / rays[:, 2:]) ** 2).sum(axis=-1)
    image = np.exp(-0.5 * away / spec.heat**2).astype(np.float32)
    told = sound_features(None if kernels is None else rig, RaySpec())
    return sound, image, ray_context(view, log_depth, xy, told)


def world_target(spec: WorldSpec, joints: Tensor) -> Tensor:
    """Heatmaps (B, D, S, S, 15) of true joints (B, 15, 3), camera frame [m]: half a cell wide."""
    centres, width = (torch.from_numpy(a).to(joints) for a in (spec.centres, 0.5 * spec.steps_m))
    away = (centres[None, ..., None, :] - joints[:, None, None, None]) / width
    return (-0.5 * (away**2).sum(dim=-1)).exp()


def decode_world(
    spec: WorldSpec,
    decoding: RayDecoding,
    heat: Tensor,
    residual: Tensor,
    turn: Tensor,
    centre: Tensor,
    size: Tensor,
) -> Decoded:
    """Logits (B, D, S, S, 15) -> joints in the person's frame. turn: (B, 3, 3), of the view."""
    p = heat.flatten(1, 3).softmax(dim=1)
    cells = torch.from_numpy(spec.centres.reshape(-1, 3)).to(heat)
    mean = torch.einsum("bnj,nk->bjk", p, cells)
    spread = (torch.einsum("bnj,nk->bjk", p, cells**2) - mean**2).clamp(min=0.0).sum(
        dim=-1
    ).sqrt() / 3.0**0.5
    person = mean @ turn
    z = person[..., 2].clamp(min=0.3)
    xy = (person[..., :2] / z[..., None] - centre[:, None]) / size[:, None, None]
    return assemble(decoding, (z * size[:, None]).log(), xy, spread / z, residual, centre, size)
