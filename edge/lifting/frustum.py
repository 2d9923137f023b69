"""Inputs of the `volume` network: sound and image on a grid that widens with depth, around what the
image alone believes.

The grid lives in the person's frame (see `rays`): `side` x `side` directions around the middle of
the person, times `bins` logarithmic depths around the mid-hip's. Along its depth axis lie the
camera's rays, so that an image needs no projection.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.core.arrays import Array, FloatArray
from edge.core.pose import MID_HIP
from edge.core.rig import Rig
from edge.lifting.ray_decoder import DecodedPose, RayDecoding, assemble
from edge.lifting.rays import N_JOINTS, PersonView, clearest_floor, log_level, mean_level
from edge.sound.arrivals import gather_points
from edge.sound.pose_kernel import Kernels, pool


@dataclass(frozen=True)
class FrustumSpec:
    """The grid. half_width: of its directions, in sizes of the person. reach: +/- of the log depth.
    pairs: of sound, at most.

    pool_m, gate: as in `RaySpec`. place_spread [cells], depth_spread: of the image's heatmaps.
    """

    side: int = 10
    half_width: float = 2.4
    bins: int = 32
    reach: float = 0.45
    pairs: int = 6
    pool_m: float = 0.035
    gate: tuple[float, float] = (0.62, 1.4)
    place_spread: float = 0.6
    depth_spread: float = 0.06

    @property
    def offsets(self) -> Array:
        """Log depth of each bin relative to the image's mid-hip (bins,)."""
        return np.linspace(-self.reach, self.reach, self.bins)

    @property
    def places(self) -> Array:
        """Coordinates of the cells along either direction (side,), in sizes of the person."""
        return np.linspace(-self.half_width, self.half_width, self.side)

    @property
    def cell(self) -> float:
        """Distance of two cells, in sizes of the person."""
        return 2.0 * self.half_width / (self.side - 1)


def frustum_sound(
    kernels: Kernels, rig: Rig, view: PersonView, log_depth: npt.ArrayLike, spec: FrustumSpec
) -> FloatArray:
    """Pose kernels at the cells (pairs, bins, side, side) float32, rows down: log envelope,
    spreading taken out, over its mean.

    log_depth: (15,) normalised, what the image alone believes. With fewer pairs than the network
    takes, pairs come again, which a maximum over pairs does not notice; of more, evenly spread ones
    are taken.
    """
    c, depth = rig.speed_of_sound_m_s, np.asarray(log_depth, np.float64)
    chosen = pairs_for(len(kernels.envelope), spec.pairs)
    places = spec.places
    z = np.exp(depth[MID_HIP] + spec.offsets) / view.size
    xy = np.stack(np.meshgrid(places, places), axis=-1)  # (down, right, 2): x right, y down
    plane = (view.centre + xy * view.size) * z[:, None, None, None]
    points = (
        np.concatenate(
            [plane, np.broadcast_to(z[:, None, None, None], (*plane.shape[:-1], 1))], axis=-1
        )
        @ view.turn.T
    )
    arrival = rig.arrival_s(points.reshape(-1, 3))
    pooled = pool(kernels.envelope, kernels.sample_rate_hz, spec.pool_m, c)
    hip = arrival.reshape(len(arrival), spec.bins, -1)[:, spec.bins // 2].mean(axis=1)
    pooled = np.hypot(pooled, clearest_floor(pooled, hip, kernels.sample_rate_hz, c, spec.gate))
    level = mean_level(pooled, hip, kernels.sample_rate_hz, c, spec.gate)
    loud = log_level(
        gather_points(pooled, arrival, kernels.sample_rate_hz) * (0.5 * c * arrival) ** 2, level
    )
    return np.asarray(loud.reshape(-1, spec.bins, spec.side, spec.side)[chosen], np.float32)


def pairs_for(available: int, wanted: int) -> npt.NDArray[np.int64]:
    """Which of the pairs the network is given (wanted,)."""
    if available >= wanted:
        return np.round(np.linspace(0, available - 1, wanted)).astype(np.int64)
    return np.arange(wanted) % available


def frustum_image(log_depth: npt.ArrayLike, xy: npt.ArrayLike, spec: FrustumSpec) -> FloatArray:
    """Heatmaps (..., bins, side, side, 15) float32 around the image's estimate, log_depth (...,
    15), xy (..., 15, 2).
    """
    depth, place = np.asarray(log_depth, np.float32), np.asarray(xy, np.float32)
    cells, bins = spec.places.astype(np.float32)[:, None], spec.offsets.astype(np.float32)[:, None]
    spread = np.float32(spec.place_spread * spec.cell)
    across = np.exp(-0.5 * ((cells - place[..., None, :, 0]) / spread) ** 2)  # (..., side, 15)
    down = np.exp(-0.5 * ((cells - place[..., None, :, 1]) / spread) ** 2)
    deep = np.exp(
        -0.5
        * (
            (bins - (depth - depth[..., MID_HIP, None])[..., None, :])
            / np.float32(spec.depth_spread)
        )
        ** 2
    )
    flat = down[..., :, None, :] * across[..., None, :, :]
    return np.asarray(deep[..., :, None, None, :] * flat[..., None, :, :, :], np.float32)


def decode_frustum(
    logits: npt.ArrayLike,
    residual: npt.ArrayLike,
    log_depth: npt.ArrayLike,
    xy: npt.ArrayLike,
    view: PersonView,
    spec: FrustumSpec,
    decoding: RayDecoding,
) -> DecodedPose:
    """logits (bins, side, side, 15), residual (RESIDUALS,) -> joints: the mean place under network
    and image.
    """
    depth, place = np.asarray(log_depth, np.float64), np.asarray(xy, np.float64)
    offsets = (
        depth[MID_HIP] + spec.offsets[:, None] - depth
    )  # (bins, 15) of each bin from the joint's estimate
    right, down = (spec.places[:, None] - place[:, k] for k in (0, 1))
    spread = spec.place_spread * spec.cell
    x = np.asarray(logits, np.float64).reshape(spec.bins, spec.side, spec.side, N_JOINTS)
    x = x - 0.5 * ((offsets / decoding.prior_spread) ** 2)[:, None, None]
    x = x - 0.5 * ((down / spread) ** 2)[None, :, None] - 0.5 * ((right / spread) ** 2)[None, None]
    p = np.exp(x - x.max(axis=(0, 1, 2)))
    p /= p.sum(axis=(0, 1, 2))
    along = p.sum(axis=(1, 2))
    shift = (along * offsets).sum(axis=0)
    width = np.sqrt(np.maximum((along * offsets**2).sum(axis=0) - shift**2, 0.0))
    moved = np.stack(
        [(p.sum(axis=(0, 1)) * right).sum(axis=0), (p.sum(axis=(0, 2)) * down).sum(axis=0)], axis=-1
    )
    return assemble(depth + shift, place + moved, width, residual, view, decoding)
