"""Metric lifting without training: the shape from the image, its scale from the onset of the body's
echo.

All bodies s * shape project onto the same 2D joints. The pose kernels are read along the ray to the
torso. Each range bin is evidence for noise or for an echo of unknown level; the likelihood of an
onset, with noise before it and echo behind, is combined with a broad prior on the standing height.
The strongest echo is not used: behind the onset it is often a wall path.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from edge.core.arrays import Array
from edge.core.config import LifterConfig
from edge.core.pose import MID_HIP, ImageDistance, Keypoints, LiftedPose, ScaleSource
from edge.core.rig import Rig
from edge.core.stature import BodySize
from edge.lifting.body_shape import Shape, make_shape
from edge.lifting.vision_model import VisionModel
from edge.sound.arrivals import gather_points, gather_points_coherent
from edge.sound.pose_kernel import Kernels

TORSO = (1, 2, 5, 8, 9, 12)
# Up to this extent of the rig the phase of an echo is common to all pairs.
COMPACT_M = 0.3
# The onset is searched for between these multiples of the distance that the assumed height gives.
SEARCH = (0.65, 1.5)
BIN_M = 0.03  # the resolution of the default band: neighbouring bins are nearly independent
# The constants below were set on 100 simulated people in furnished rooms at 0-20 dB signal to
# interference. The torso's middle lies FRONT_M behind the onset for an echo of ECHO_DB: the louder
# the echo, the earlier its rise stands out.
ECHO_DB = np.array([0.0, 6.0, 12.0, 20.0])
FRONT_M = np.array([0.16, 0.25, 0.33, 0.42])
LEVEL_M = 0.3  # the echo's level is taken over this much range
LEVEL_RANGE = 1e4  # an echo may be this much stronger than the noise
FAINT = 0.75  # share of the bins behind the onset that hold no more than noise
OUTLIER = 0.1  # share of the bins before the onset that hold more than noise
# Least noise over the gate's mean power: residuals and the body's rim are not the onset.
DYNAMIC_RANGE = 0.01
# Relative error of the shape's size: limb lengths differ between people of one height.
SHAPE_SIGMA = 0.06
BODY_M = 0.05  # 1-sigma of where on the body the echo begins
# Ranges before a torso's middle: its echo lies within NEAR_M, noise alone between these two.
NEAR_M = 0.45
QUIET_M = (1.6, 0.7)


@dataclass(frozen=True, slots=True)
class Onset:
    """The echo's onset along the torso's ray.

    scale, log_sigma: median of the shape's scale factor and 1-sigma of its logarithm. range_m: half
    path of the onset. sir_db: echo over noise.
    """

    scale: float
    log_sigma: float
    range_m: float
    sir_db: float


class GeometricLifter:
    """The `Lifter` whose scale needs no training; also a baseline for those that do."""

    def __init__(self, config: LifterConfig, vision: VisionModel | None = None) -> None:
        """vision: gives the shapes; without it all joints of a person lie at one depth."""
        self.config, self.vision = config, vision

    def __call__(
        self,
        people: Sequence[Keypoints],
        kernels: Kernels | None,
        rig: Rig,
        sizes: Sequence[BodySize | None] = (),
    ) -> list[LiftedPose | None]:
        """See `Lifter`. Each is lifted as if alone: leaving out where the others' echoes lie put
        people farther off, for walls return those echoes for longer than that.
        """
        known = sizes or [None] * len(people)
        return [self._lift(k, kernels, rig, s) for k, s in zip(people, known, strict=True)]

    def _lift(
        self, keypoints: Keypoints, kernels: Kernels | None, rig: Rig, size: BodySize | None
    ) -> LiftedPose | None:
        shape = make_shape(keypoints, rig, self.vision, size)
        if shape is None:
            return None
        otherwise: ScaleSource = "height"
        height_m = self.config.height_prior_m
        height_sigma = self.config.height_sigma_m / height_m
        if size is not None:
            otherwise, height_m, height_sigma = "memory", math.exp(size.log_height), size.sigma
        prior = height_m / shape.height_m
        prior_sigma = math.hypot(height_sigma, SHAPE_SIGMA)
        image = _scaled(shape, prior, prior_sigma, otherwise, float("nan"), float("nan"))
        if kernels is None:
            return image
        onset = find_onset(shape, kernels, rig, prior, prior_sigma, self.config.max_range_m)
        if onset is None or onset.sir_db < self.config.min_sir_db:
            return image if onset is None else replace(image, sir_db=onset.sir_db)
        pose = _scaled(shape, onset.scale, onset.log_sigma, "sound", onset.sir_db, onset.range_m)
        sigma_m = float(image.sigma[MID_HIP])
        return replace(pose, image=ImageDistance(image.mid_hip_distance_m, sigma_m, otherwise))


def first_arrival_s(keypoints: Keypoints, rig: Rig, config: LifterConfig) -> Array | None:
    """Earliest arrival (P,) [s] of this person's echo, from image and height prior; or None."""
    shape = make_shape(keypoints, rig)
    if shape is None:
        return None
    nearest = shape.joints * (config.height_prior_m / shape.height_m) * SEARCH[0]
    return np.asarray(rig.arrival_s(nearest).min(axis=1))


def find_onset(
    shape: Shape,
    kernels: Kernels,
    rig: Rig,
    prior: float,
    prior_log_sigma: float,
    max_range_m: float,
) -> Onset | None:
    """The scale of the shape from the pose kernels; None where the search range does not fit into
    their window.

    prior, prior_log_sigma: of the scale factor (log-normal). max_range_m: of the onset.
    """
    torso = shape.joints[list(TORSO)].mean(axis=0)
    unit_m = float(np.linalg.norm(torso))
    window_m = _window_m(kernels, rig)
    lowest = max(0.7, SEARCH[0] * prior * unit_m)
    highest = min(max_range_m, SEARCH[1] * prior * unit_m, window_m - 0.1)
    ranges = np.arange(max(0.35, lowest - 1.0), min(highest, window_m), BIN_M)
    search = ranges >= lowest - FRONT_M[0]
    if search.sum() < 8:
        return None
    power = _echo_power(kernels, rig, torso / unit_m, ranges)
    quiet = power[~search] if (~search).sum() >= 8 else power[:8]
    noise = max(float(quiet.mean()), DYNAMIC_RANGE * float(power[search].mean())) + 1e-30
    evidence = _echo_evidence(power / noise)
    # Of an onset at the near edge of each bin.
    log_likelihood = np.cumsum(evidence[::-1])[::-1][search]
    bins = round(LEVEL_M / BIN_M)
    level_db = 10.0 * np.log10([power[k : k + bins].mean() / noise for k in np.nonzero(search)[0]])
    scales = (ranges[search] + np.interp(level_db, ECHO_DB, FRONT_M)) / unit_m
    log_prior = -0.5 * (np.log(scales / prior) / prior_log_sigma) ** 2 - np.log(scales)
    posterior = np.exp((z := log_likelihood + log_prior) - z.max())
    posterior /= posterior.sum()
    order = np.argsort(scales)
    at = order[min(int(np.searchsorted(np.cumsum(posterior[order]), 0.5)), len(order) - 1)]
    best = float(scales[at])
    spread = float(np.sqrt(np.sum(posterior * np.log(scales / best) ** 2)))
    log_sigma = float(np.hypot(spread, BODY_M / (best * unit_m)))
    return Onset(best, log_sigma, float(ranges[search][at]), float(level_db[at]))


def echo_before(torso: Array, kernels: Kernels, rig: Rig) -> tuple[float, float]:
    """Echo over the noise at shorter range [dB] and the half path of its rise [m], for a torso (3,)
    [m] whose place is known; both NaN where the torso is too near or the window too short.
    """
    distance = float(np.linalg.norm(torso))
    ranges = np.arange(max(0.35, distance - QUIET_M[0]), distance, BIN_M)
    quiet, near = ranges < distance - QUIET_M[1], ranges >= distance - NEAR_M
    if quiet.sum() < 8 or distance > _window_m(kernels, rig):
        return float("nan"), float("nan")
    power = _echo_power(kernels, rig, torso / distance, ranges)
    noise, echo = float(power[quiet].mean()) + 1e-30, power[near]
    rise = int(np.argmax(echo >= 0.25 * echo.max()))
    return float(10.0 * np.log10(echo.mean() / noise + 1e-12)), float(ranges[near][rise])


def _echo_evidence(power: Array) -> Array:
    """Log likelihood ratio, echo over noise, of each power (over the noise's mean).

    Noise: exponential, but a share OUTLIER is distributed like echoes. Echo: exponential with a
    level log-uniform over LEVEL_RANGE, but a share FAINT is distributed like noise.
    """
    x = np.maximum(power, 1e-6)
    echo = FAINT * np.exp(-x) + (1.0 - FAINT) * -np.expm1(-x) / (x * np.log(LEVEL_RANGE))
    return np.asarray(np.log(echo / ((1.0 - OUTLIER) * np.exp(-x) + OUTLIER * echo)))


def _echo_power(kernels: Kernels, rig: Rig, direction: Array, ranges: Array) -> Array:
    """Mean power (R,) in bins of BIN_M from `ranges` (R,) on along a ray.

    Of a compact array, half of it is the power of the coherent sum, which looks towards the person
    only. Spreading is not compensated: the noise, which the echo is compared with, does not spread.
    """
    fine = (ranges[:, None] + np.arange(0.0, BIN_M, 0.01)).reshape(-1)
    arrival = rig.arrival_s(direction * fine[:, None])
    rate = kernels.sample_rate_hz
    envelope = gather_points(kernels.envelope, arrival, rate).astype(np.float64)
    power = np.mean(envelope**2, axis=0)
    if rig.extent_m < COMPACT_M:
        coherent = gather_points_coherent(kernels.analytic, arrival, rate)
        power = 0.5 * power + 0.5 * np.abs(coherent.astype(np.complex128) / len(arrival)) ** 2
    return np.asarray(power.reshape(len(ranges), -1).mean(axis=1))


def _window_m(kernels: Kernels, rig: Rig) -> float:
    """Largest half path in the kernels' window [m]."""
    return float(kernels.analytic.shape[1] / kernels.sample_rate_hz * rig.speed_of_sound_m_s / 2.0)


def _scaled(
    shape: Shape, scale: float, log_sigma: float, source: ScaleSource, sir_db: float, range_m: float
) -> LiftedPose:
    joints = shape.joints * scale
    distance = np.linalg.norm(joints, axis=1)
    relative = shape.relative_sigma * shape.height_m * scale * (2.0 - shape.confidence)
    relative[MID_HIP] *= 0.5
    sigma = np.hypot(distance * log_sigma, relative)
    return LiftedPose(joints, sigma, shape.confidence.copy(), source, sir_db, range_m)
