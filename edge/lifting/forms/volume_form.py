"""The `volume` form: sound and heatmaps on a grid that widens with depth (a frustum), a multi-stage
3D CNN.

The grid lives in the person's frame (`PersonView`): `side` x `side` directions around the middle of
the person, times `bins` logarithmic depths around the mid-hip's. Along its depth axis lie the
camera's rays, so that an image needs no projection.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from edge.core.arrays import Array, FloatArray, IntArray
from edge.core.pose import MID_HIP, N_JOINTS
from edge.core.rig import Rig
from edge.lifting.forms.decoded_pose import DecodedPose, Decoding, assemble, depth_profile
from edge.lifting.forms.network_form import echo_levels, network_context, sound_features
from edge.lifting.other_people import ALONE, Echoes
from edge.lifting.person_view import PersonView
from edge.sound.pose_kernel import Kernels

CHANNELS = ("level", "others", "begun", "noise")


@dataclass(frozen=True)
class VolumeForm:
    """The grid; a `Form`.

    half_width: of its directions, in sizes of the person. reach: +/- of the log depth. pairs: of
    sound, at most. pool_m, gate: as in `RayForm`. place_spread [cells], depth_spread: of the
    image's heatmaps.
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

    @cached_property
    def offsets(self) -> Array:
        """Log depth of each bin relative to the estimated mid-hip (bins,)."""
        return np.linspace(-self.reach, self.reach, self.bins)

    @cached_property
    def places(self) -> Array:
        """Coordinates of the cells along either direction (side,), in sizes of the person."""
        return np.linspace(-self.half_width, self.half_width, self.side)

    @property
    def cell(self) -> float:
        """Distance of two cells, in sizes of the person."""
        return 2.0 * self.half_width / (self.side - 1)

    def inputs(
        self,
        view: PersonView,
        log_depth: npt.ArrayLike,
        xy: npt.ArrayLike,
        kernels: Kernels | None,
        rig: Rig,
        others: Echoes = ALONE,
    ) -> tuple[FloatArray, ...]:
        """sound (pairs, bins, side, side, 4), image (bins, side, side, 15), context (CONTEXT,)."""
        if kernels is None:
            shape = (self.pairs, self.bins, self.side, self.side, len(CHANNELS))
            sound = np.zeros(shape, np.float32)
        else:
            sound = frustum_sound(kernels, rig, view, log_depth, self, others)
        image = frustum_image(log_depth, xy, self)
        features = sound_features(rig, kernels, others=others)
        return sound, image, network_context(view, log_depth, xy, features)

    def decode(
        self,
        outputs: tuple[npt.ArrayLike, npt.ArrayLike],
        log_depth: npt.ArrayLike,
        xy: npt.ArrayLike,
        view: PersonView,
        decoding: Decoding,
    ) -> DecodedPose:
        """See `Form`; logits (bins, side, side, 15). A joint is the mean of network and image."""
        logits, residual = outputs
        depth, place = np.asarray(log_depth, np.float64), np.asarray(xy, np.float64)
        # (bins, 15) and (side, 15): of each bin and cell from the joint's estimate.
        offsets = depth[MID_HIP] + self.offsets[:, None] - depth
        right, down = (self.places[:, None] - place[:, k] for k in (0, 1))
        spread = self.place_spread * self.cell
        x = np.asarray(logits, np.float64).reshape(self.bins, self.side, self.side, N_JOINTS)
        x = x - 0.5 * ((offsets / decoding.prior_spread) ** 2)[:, None, None]
        x = x - 0.5 * ((down / spread) ** 2)[None, :, None]
        x = x - 0.5 * ((right / spread) ** 2)[None, None]
        p = np.exp(x - x.max(axis=(0, 1, 2)))
        p /= p.sum(axis=(0, 1, 2))
        along = p.sum(axis=(1, 2))
        shift = (along * offsets).sum(axis=0)
        width = np.sqrt(np.maximum((along * offsets**2).sum(axis=0) - shift**2, 0.0))
        moved_right = (p.sum(axis=(0, 1)) * right).sum(axis=0)
        moved_down = (p.sum(axis=(0, 2)) * down).sum(axis=0)
        moved = np.stack([moved_right, moved_down], axis=-1)
        profile = depth_profile(along[:, MID_HIP], self.offsets, depth, place, view)
        return assemble(depth + shift, place + moved, width, residual, view, decoding, profile)


def frustum_sound(
    kernels: Kernels,
    rig: Rig,
    view: PersonView,
    log_depth: npt.ArrayLike,
    form: VolumeForm,
    others: Echoes = ALONE,
) -> FloatArray:
    """Pose kernels at the cells (pairs, bins, side, side, 4) float32, rows down: log envelope
    relative to its mean (`echo_levels`), then the others' two (`Echoes.by_pair`), 0 for a person
    alone, and the noise's log level, 0 where it is not known.

    log_depth: (15,) normalised, the vision network's estimate. With fewer pairs than the network
    takes, pairs are repeated, which a maximum over pairs does not notice; of more, evenly spread
    ones are taken.
    """
    depth = np.asarray(log_depth, np.float64)
    chosen = pairs_for(len(kernels.envelope), form.pairs)
    z = (np.exp(depth[MID_HIP] + form.offsets) / view.size)[:, None, None, None]
    xy = np.stack(np.meshgrid(form.places, form.places), axis=-1)  # (down, right, 2)
    plane = (view.centre + xy * view.size) * z
    own = np.concatenate([plane, np.broadcast_to(z, (*plane.shape[:-1], 1))], axis=-1)
    arrival = rig.arrival_s((own @ view.turn.T).reshape(-1, 3))
    hip = arrival.reshape(len(arrival), form.bins, -1)[:, form.bins // 2].mean(axis=1)
    levels = echo_levels(kernels, rig, arrival, hip, form.pool_m, form.gate)
    out = np.zeros((len(arrival), arrival.shape[1], len(CHANNELS)), np.float32)
    out[..., 0] = levels.echo
    if len(others):
        out[..., 1], out[..., 2] = others.by_pair(arrival)
    if levels.noise is not None:
        out[..., 3] = levels.noise
    cells = (form.bins, form.side, form.side, len(CHANNELS))
    return out.reshape(-1, *cells)[chosen]


def pairs_for(available: int, wanted: int) -> IntArray:
    """Which of the pairs the network takes (wanted,)."""
    if available >= wanted:
        return np.round(np.linspace(0, available - 1, wanted)).astype(np.int64)
    return np.arange(wanted) % available


def frustum_image(log_depth: npt.ArrayLike, xy: npt.ArrayLike, form: VolumeForm) -> FloatArray:
    """Heatmaps (..., bins, side, side, 15) around log_depth (..., 15), xy (..., 15, 2)."""
    depth, place = np.asarray(log_depth, np.float32), np.asarray(xy, np.float32)
    cells, bins = form.places.astype(np.float32)[:, None], form.offsets.astype(np.float32)[:, None]
    spread = np.float32(form.place_spread * form.cell)
    across = np.exp(-0.5 * ((cells - place[..., None, :, 0]) / spread) ** 2)  # (..., side, 15)
    down = np.exp(-0.5 * ((cells - place[..., None, :, 1]) / spread) ** 2)
    from_hip = (depth - depth[..., MID_HIP, None])[..., None, :]
    deep = np.exp(-0.5 * ((bins - from_hip) / np.float32(form.depth_spread)) ** 2)
    flat = down[..., :, None, :] * across[..., None, :, :]
    return np.asarray(deep[..., :, None, None, :] * flat[..., None, :, :, :], np.float32)
