"""The `ray` form: pose kernels along each joint's camera ray, a 1D network over depth.

The image fixes where each joint's ray points, not how far away the joint is. So the pose kernels
are read at `bins` logarithmic depths along every ray, centred on the vision network's estimate.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from edge.core.arrays import Array, FloatArray
from edge.core.pose import MID_HIP, N_JOINTS
from edge.core.rig import Rig
from edge.lifting.forms.decoded_pose import DecodedPose, Decoding, assemble, depth_profile
from edge.lifting.forms.network_form import (
    COMPACT_M,
    echo_levels,
    log_level,
    network_context,
    sound_features,
)
from edge.lifting.other_people import ALONE, Echoes
from edge.lifting.person_view import PersonView
from edge.sound.arrivals import gather_points_coherent
from edge.sound.pose_kernel import Kernels

CHANNELS = ("mean", "max", "coherent", "others", "begun", "noise")


@dataclass(frozen=True)
class RayForm:
    """How the rays are sampled; a `Form`.

    bins: depths per ray, evenly spaced in their logarithm within +/- reach around the estimate.
    pool_m: half width of the pooling along range. gate: the sound is normalised by its mean between
    these multiples of the mid-hip's time of arrival. compact_m: rigs up to this extent are summed
    in phase, too.
    """

    bins: int = 64
    reach: float = 0.45
    pool_m: float = 0.025
    gate: tuple[float, float] = (0.62, 1.4)
    compact_m: float = COMPACT_M

    @cached_property
    def offsets(self) -> Array:
        """Log depth of each bin relative to the estimate (bins,)."""
        return np.linspace(-self.reach, self.reach, self.bins)

    def inputs(
        self,
        view: PersonView,
        log_depth: npt.ArrayLike,
        xy: npt.ArrayLike,
        kernels: Kernels | None,
        rig: Rig,
        others: Echoes = ALONE,
    ) -> tuple[FloatArray, ...]:
        """sound (bins, 90), context (CONTEXT,)."""
        if kernels is None:
            sound = np.zeros((self.bins, N_JOINTS * len(CHANNELS)), np.float32)
        else:
            sound = ray_sound(kernels, rig, view, log_depth, xy, self, others)
        features = sound_features(rig, kernels, self.compact_m, others)
        return sound, network_context(view, log_depth, xy, features)

    def decode(
        self,
        outputs: tuple[npt.ArrayLike, npt.ArrayLike],
        log_depth: npt.ArrayLike,
        xy: npt.ArrayLike,
        view: PersonView,
        decoding: Decoding,
    ) -> DecodedPose:
        """See `Form`; logits (bins, 15)."""
        logits, residual = outputs
        offsets = self.offsets[:, None]
        x = np.asarray(logits, np.float64) - 0.5 * (offsets / decoding.prior_spread) ** 2
        p = np.exp(x - x.max(axis=0))
        p /= p.sum(axis=0)
        shift = (p * offsets).sum(axis=0)
        spread = np.sqrt(np.maximum((p * offsets**2).sum(axis=0) - shift**2, 0.0))
        depth, place = np.asarray(log_depth, np.float64), np.asarray(xy, np.float64)
        profile = depth_profile(p[:, MID_HIP], self.offsets, depth, place, view)
        return assemble(depth + shift, place, spread, residual, view, decoding, profile)


def ray_sound(
    kernels: Kernels,
    rig: Rig,
    view: PersonView,
    log_depth: npt.ArrayLike,
    xy: npt.ArrayLike,
    form: RayForm,
    others: Echoes = ALONE,
) -> FloatArray:
    """Pose kernels along the rays of one person: (bins, 90) float32, joint after joint the six
    CHANNELS.

    log_depth: (15,), xy: (15, 2) normalised, the vision network's estimate. Mean and maximum over
    pairs of the log envelope (`echo_levels`), and the magnitude of the coherent sum over
    pairs, 0 where the rig is too wide for one. Then the others' two (`Echoes.channels`), 0 for a
    person alone, and the mean over pairs of the noise's log level, 0 where it is not known. The
    order of the pairs does not matter.
    """
    depth = np.asarray(log_depth, np.float64) + form.offsets[:, None]
    points = view.points(depth, np.asarray(xy, np.float64))
    arrival = rig.arrival_s(points.reshape(-1, 3))
    hip = rig.arrival_s(view.points(np.asarray(log_depth), np.asarray(xy))[MID_HIP])
    levels = echo_levels(kernels, rig, arrival, hip, form.pool_m, form.gate)
    out = np.zeros((form.bins, N_JOINTS, len(CHANNELS)), np.float32)
    out[:, :, 0] = levels.echo.mean(axis=0).reshape(form.bins, N_JOINTS)
    out[:, :, 1] = levels.echo.max(axis=0).reshape(form.bins, N_JOINTS)
    if rig.extent_m < form.compact_m:
        # The sum over pairs keeps as much of their interference as one in so many, each pair
        # counted once.
        left = float(levels.floor) ** 2 / rig.different_pairs
        half_path = 0.5 * rig.speed_of_sound_m_s * arrival
        out[:, :, 2] = _coherent(kernels, arrival, half_path.mean(axis=0), form.bins, left)
    if len(others):
        inside, begun = others.channels(arrival)
        out[:, :, 3] = inside.reshape(form.bins, N_JOINTS)
        out[:, :, 4] = begun.reshape(form.bins, N_JOINTS)
    if levels.noise is not None:
        out[:, :, 5] = levels.noise.mean(axis=0).reshape(form.bins, N_JOINTS)
    return out.reshape(form.bins, -1)


def _coherent(
    kernels: Kernels, arrival: Array, half_path: Array, bins: int, floor_power: float
) -> Array:
    total = gather_points_coherent(kernels.analytic, arrival, kernels.sample_rate_hz)
    magnitude = np.abs(total).astype(np.float64)
    power = ((magnitude / len(arrival)) ** 2).reshape(bins, N_JOINTS) + floor_power
    # Pooled over three bins: a bin is about as deep as the pulse is long.
    padded = np.concatenate([power[:1], power, power[-1:]])
    pooled = np.sqrt((padded[:-2] + padded[1:-1] + padded[2:]) / 3.0)
    loud = pooled * half_path.reshape(bins, N_JOINTS) ** 2
    return log_level(loud, float(loud.mean()) + 1e-12)
