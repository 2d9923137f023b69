"""Inputs of the fusion network: the person as the image shows it, and the sound along each joint's
camera ray.

The device and the training call the same functions; all but the gather take any leading dimensions.

The image fixes where each joint's ray points, not how far the joint is. So the pose kernels are
read at `bins` logarithmic depths along every ray, centred on what the image alone believes.
Everything happens in the person's frame: z towards the middle of the person, y as far down as can
be, lengths in units of the person's apparent size.
"""

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from edge.core.arrays import Array, BoolArray, FloatArray
from edge.core.pose import MID_HIP, Keypoints
from edge.core.rig import Camera, Rig
from edge.lifting.mirror import FLIP, MIRROR, mirrored
from edge.lifting.shape import SEEN
from edge.sound.arrivals import gather_points, gather_points_coherent
from edge.sound.pose_kernel import Kernels, pool

N_JOINTS = 15
ANKLES = (11, 14)
CHANNELS = ("mean", "max", "coherent")
# A recording without any noise shows the pulse's faint beginning as if it were the body's. The
# networks learned from recordings of 0 to 20 dB: interference is taken to be this far below the
# echo, at least.
CLEAREST_DB = 20.0
LEAST_SEEN = 4
ANKLE_M = 0.08  # an ankle's height above the sole
SIZE_LOG = (
    0.75  # a person of size 1 (at unit depth, root mean square) stands about exp(-0.75) m away
)
# Two ankles over the floor with a flag each, is the height known, its log, elevation, log size,
# middle of the box.
FEATURES = 2 * N_JOINTS + N_JOINTS + 4 + 2 + 1 + 1 + 2
SOUND_FEATURES = 3
CONTEXT = FEATURES + N_JOINTS + 1 + 2 * N_JOINTS + SOUND_FEATURES


@dataclass(frozen=True)
class RaySpec:
    """How the rays are sampled.

    bins: depths per ray, evenly spaced in their logarithm within +/- reach around the image's
    estimate. pool_m: half width of the pooling along range. gate: the sound is normalised by its
    mean between these multiples of the mid-hip's time of arrival. compact_m: a wider rig's pairs
    see the body from sides that do not add up in phase.
    """

    bins: int = 64
    reach: float = 0.45
    pool_m: float = 0.025
    gate: tuple[float, float] = (0.62, 1.4)
    compact_m: float = 0.4

    @property
    def offsets(self) -> Array:
        """Log depth of each bin relative to the image's estimate (bins,)."""
        return np.linspace(-self.reach, self.reach, self.bins)


@dataclass(frozen=True, eq=False)
class PersonView:
    """The person as the image shows it, leading dimensions (...).

    turn: (..., 3, 3) takes the person's frame to the camera frame. centre: (..., 2), size: (...,):
    middle and root mean square spread of the seen joints at unit depth. xy: (..., 15, 2) joints'
    rays at unit depth, less `centre`, over `size`; 0 where not seen. seen: (..., 15). features:
    (..., FEATURES) float32, all that the networks are told.
    """

    turn: Array
    centre: Array
    size: Array
    xy: Array
    seen: BoolArray
    features: FloatArray

    def one(self, index: int) -> "PersonView":
        """One person's view out of a batch (N, ...)."""
        return PersonView(*(getattr(self, f.name)[index] for f in fields(self)))

    def points(self, log_depth: npt.ArrayLike, xy: npt.ArrayLike) -> Array:
        """Normalised log depth (..., 15) and place (..., 15, 2) -> camera frame (..., 15, 3) [m]."""
        z = np.exp(np.asarray(log_depth, np.float64)) / self.size[..., None]
        plane = (
            self.centre[..., None, :] + np.asarray(xy, np.float64) * self.size[..., None, None]
        ) * z[..., None]
        return np.asarray(
            np.concatenate([plane, z[..., None]], axis=-1) @ np.swapaxes(self.turn, -1, -2)
        )


def keypoint_view(keypoints: Keypoints, rig: Rig, *, mirror: bool = False) -> PersonView | None:
    """The view of one person, or None when fewer than LEAST_SEEN of the 15 joints are seen. mirror:
    of the mirror image.
    """
    rays, seen = seen_rays(keypoints.pixels[:N_JOINTS], rig.camera)
    if seen.sum() < LEAST_SEEN:
        return None
    height = np.nan if rig.camera.height_m is None else rig.camera.height_m
    down = -rig.camera.room_rotation[2]
    return (
        make_view(mirrored(rays), seen[MIRROR], down * FLIP, height)
        if mirror
        else make_view(rays, seen, down, height)
    )


def seen_rays(pixels: Array, camera: Camera) -> tuple[Array, BoolArray]:
    """Detected joints (K, 3) u, v [px], confidence -> rays at z = 1 (K, 3), NaN where not seen, and
    which are seen (K,).

    A slip far outside the image would turn the person's frame away from all other joints.
    """
    seen = camera.near_image(pixels[:, :2]) & (pixels[:, 2] >= SEEN)
    rays = np.full((len(pixels), 3), np.nan)
    rays[seen] = camera.rays(pixels[seen, :2])
    return rays, seen


def make_view(rays: Array, seen: BoolArray, down: Array, height_m: npt.ArrayLike) -> PersonView:
    """Camera-frame rays at z = 1 (..., 15, 3) of the `seen` joints (..., 15), LEAST_SEEN or more ->
    view.

    down: (..., 3) unit vector to the floor, camera frame (its y axis where the tilt is unknown).
    height_m: (...,) of the camera above the floor, NaN = unknown.
    """
    height = np.asarray(height_m, np.float64)
    turn = _turn(_middle(rays[..., :2], seen), down)
    turned = np.where(seen[..., None], rays, [0.0, 0.0, 1.0]) @ turn
    plane = turned[..., :2] / turned[..., 2:]
    count = seen.sum(axis=-1)[..., None]
    centre = np.where(seen[..., None], plane, 0.0).sum(axis=-2) / count
    xy = np.where(seen[..., None], plane - centre[..., None, :], 0.0)
    size = np.sqrt((xy**2).sum(axis=(-2, -1)) / count[..., 0]) + 1e-4
    xy = xy / size[..., None, None]
    sink = (down[..., None, :] @ turn)[..., 0, :]  # the floor's direction in the person's frame
    floor, known = _floor_depth(centre, size, xy, seen, sink, height)
    measured = np.isfinite(height)
    features = np.concatenate(
        [
            xy.reshape(*size.shape, -1),
            seen,
            floor,
            known,
            measured[..., None],
            np.where(measured, np.log(np.where(measured, np.maximum(height, 0.1), 1.0)), 0.0)[
                ..., None
            ],
            sink[..., 2:],
            np.log(size)[..., None] + 1.5,
            centre / size[..., None],
        ],
        axis=-1,
    )
    return PersonView(turn, centre, size, xy, seen, features.astype(np.float32))


def ray_sound(
    kernels: Kernels,
    rig: Rig,
    view: PersonView,
    log_depth: npt.ArrayLike,
    xy: npt.ArrayLike,
    spec: RaySpec,
) -> FloatArray:
    """Pose kernels along the rays of one person: (bins, 45) float32, joint after joint the three
    CHANNELS.

    log_depth: (15,), xy: (15, 2) normalised, what the image alone believes. Mean and maximum over
    pairs of the log envelope with spherical spreading (r^2) taken out, relative to its mean in the
    gate; and the magnitude of the phase-keeping sum over pairs, 0 where the rig is too wide for
    one. The order of the pairs does not matter, nor (but for what it tells) how many there are.
    """
    c = rig.speed_of_sound_m_s
    depth = np.asarray(log_depth, np.float64) + spec.offsets[:, None]
    points = view.points(depth, np.asarray(xy, np.float64))
    arrival = rig.arrival_s(points.reshape(-1, 3))
    pooled = pool(kernels.envelope, kernels.sample_rate_hz, spec.pool_m, c)
    hip = rig.arrival_s(view.points(np.asarray(log_depth), np.asarray(xy))[MID_HIP])
    floor = clearest_floor(pooled, hip, kernels.sample_rate_hz, c, spec.gate)
    pooled = np.hypot(pooled, floor)
    level = mean_level(pooled, hip, kernels.sample_rate_hz, c, spec.gate)
    half_path = 0.5 * c * arrival
    loud = log_level(gather_points(pooled, arrival, kernels.sample_rate_hz) * half_path**2, level)
    out = np.zeros((spec.bins, N_JOINTS, len(CHANNELS)), np.float32)
    out[:, :, 0] = loud.mean(axis=0).reshape(spec.bins, N_JOINTS)
    out[:, :, 1] = loud.max(axis=0).reshape(spec.bins, N_JOINTS)
    if is_compact(rig, spec):
        # The sum over pairs keeps as much of their interference as one in so many, each pair
        # counted once.
        left = float(floor) ** 2 / len(np.unique(rig.pairs, axis=0))
        out[:, :, 2] = _coherent(kernels, arrival, half_path.mean(axis=0), spec.bins, left)
    return out.reshape(spec.bins, -1)


def sound_features(rig: Rig | None, spec: RaySpec) -> FloatArray:
    """What the networks are told about the sound (SOUND_FEATURES,): is there any, can it be summed
    in phase, how many pairs.

    rig None: no sound.
    """
    if rig is None:
        return np.zeros(SOUND_FEATURES, np.float32)
    return np.array([1.0, is_compact(rig, spec), min(len(rig.pairs), 8) / 8.0], np.float32)


def ray_context(
    view: PersonView, log_depth: npt.ArrayLike, xy: npt.ArrayLike, sound: npt.ArrayLike
) -> FloatArray:
    """All that the ray network is told beside the rays (..., CONTEXT): view, what the image alone
    believes, facts of the sound.

    log_depth: (..., 15), xy: (..., 15, 2) normalised. sound: (..., SOUND_FEATURES).
    """
    depth, place = np.asarray(log_depth, np.float32), np.asarray(xy, np.float32)
    hip = depth[..., MID_HIP : MID_HIP + 1]
    flat = place.reshape(*depth.shape[:-1], -1)
    return np.concatenate(
        [
            view.features,
            3.0 * (depth - hip),
            3.0 * (hip + SIZE_LOG),
            flat,
            np.asarray(sound, np.float32),
        ],
        axis=-1,
        dtype=np.float32,
    )


def is_compact(rig: Rig, spec: RaySpec) -> bool:
    """Whether loudspeakers and microphones stand so close together that pairs may be summed in
    phase.
    """
    return bool(np.ptp(np.concatenate([rig.speakers, rig.mics]), axis=0).max() < spec.compact_m)


def _middle(xy: Array, seen: BoolArray) -> Array:
    """Direction (..., 3) to the middle of the seen joints' box."""
    low = np.where(seen[..., None], xy, np.inf).min(axis=-2)
    high = np.where(seen[..., None], xy, -np.inf).max(axis=-2)
    return np.concatenate([(low + high) / 2.0, np.ones((*low.shape[:-1], 1))], axis=-1)


def _turn(forward: Array, down: Array) -> Array:
    """Rotations (..., 3, 3) whose columns are the person's axes in the camera frame."""
    z = forward / np.linalg.norm(forward, axis=-1, keepdims=True)
    y = down - (down * z).sum(axis=-1, keepdims=True) * z
    y /= np.linalg.norm(y, axis=-1, keepdims=True)
    return np.stack([np.cross(y, z), y, z], axis=-1)


def _floor_depth(
    centre: Array, size: Array, xy: Array, seen: BoolArray, sink: Array, height: Array
) -> tuple[Array, Array]:
    """Normalised log depth (..., 2) at which each ankle stands on the floor, less SIZE_LOG's guess,
    and whether it is known.
    """
    ankles = list(ANKLES)
    plane = centre[..., None, :] + xy[..., ankles, :] * size[..., None, None]
    falls = (plane * sink[..., None, :2]).sum(axis=-1) + sink[..., None, 2]
    above = height[..., None] - ANKLE_M
    known = seen[..., ankles] & (falls > 0.02) & (np.nan_to_num(above) > 0.05)
    ratio = np.where(known, above, 1.0) / np.where(known, falls, 1.0) * size[..., None]
    return np.where(known, np.clip(np.log(ratio) + SIZE_LOG, -1.0, 1.0), 0.0), known


def mean_level(
    pooled: FloatArray, hip_arrival_s: Array, rate_hz: float, c: float, gate: tuple[float, float]
) -> float:
    """Mean over pairs of the envelope, spreading taken out, in the gate around the mid-hip."""
    half_path = np.arange(pooled.shape[1]) / rate_hz * c / 2.0
    total, count = 0.0, 0
    for row, arrival in zip(pooled, hip_arrival_s, strict=True):
        window = slice(int(gate[0] * arrival * rate_hz), int(gate[1] * arrival * rate_hz) + 1)
        part = row[window] * half_path[window] ** 2
        total, count = total + float(part.sum()), count + len(part)
    return total / max(count, 1) + 1e-12


def clearest_floor(
    pooled: FloatArray, hip_arrival_s: Array, rate_hz: float, c: float, gate: tuple[float, float]
) -> np.float32:
    """Envelope of the least interference: CLEAREST_DB below the echo's root mean square over pairs,
    in the gate.
    """
    rows = zip(pooled, hip_arrival_s, strict=True)
    parts = [row[int(gate[0] * t * rate_hz) : int(gate[1] * t * rate_hz) + 1] for row, t in rows]
    heard = np.concatenate(parts)
    power = float(np.mean(heard * heard)) if heard.size else 0.0
    return np.float32(np.sqrt(power) * 10.0 ** (-CLEAREST_DB / 20.0))


def log_level(values: Array, level: float) -> Array:
    """Log of values over a level, with a floor at 1 %, shifted and scaled to about -1.5..2."""
    return np.asarray(0.5 * np.log(values / level + 0.01) + 0.8)


def _coherent(
    kernels: Kernels, arrival: Array, half_path: Array, bins: int, floor_power: float
) -> Array:
    total = np.abs(
        gather_points_coherent(kernels.analytic, arrival, kernels.sample_rate_hz)
    ).astype(np.float64)
    power = ((total / len(arrival)) ** 2).reshape(bins, N_JOINTS) + floor_power
    # Pooled over three bins: a bin is about as deep as the pulse is long.
    padded = np.concatenate([power[:1], power, power[-1:]])
    loud = (
        np.sqrt((padded[:-2] + padded[1:-1] + padded[2:]) / 3.0)
        * half_path.reshape(bins, N_JOINTS) ** 2
    )
    return log_level(loud, float(loud.mean()) + 1e-12)
