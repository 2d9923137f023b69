"""Baselines from sound alone: learned regression and multilateration; and `geometric`."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge.core.arrays import Array
from edge.core.config import LifterConfig
from edge.core.errors import SessionError
from edge.core.pose import N_JOINTS, LiftedPose
from edge.core.rig import Rig
from edge.lifting.geometric_lifter import GeometricLifter
from edge.lifting.lifter import MODELS, VISION
from edge.lifting.vision_model import VisionModel
from edge.sound.arrivals import gather_points, gather_points_coherent
from edge.sound.pose_kernel import Kernels, analytic_signal, make_kernels
from edge.sources.session.dataset import Environment, Sample
from export.baselines.mlp import Weights, load_weights, mlp_from
from export.baselines.one_by_one import OneByOne
from export.baselines.vision_baselines import calibration

# Directions (x/z, y/z) and log-spaced ranges of the learned baseline's inputs: the view of a camera
# of 70 degrees.
ACROSS = np.linspace(-0.6, 0.6, 7)
DOWN = np.array([-0.1, 0.25])
RANGES_M = np.geomspace(0.8, 6.4, 48)
SUBSTEPS = 3  # readings per range bin
FAINT = 1e-4  # floor of the power, over the mean

# Multilateration: the search grid and its tolerances.
GRID_ACROSS, GRID_DOWN = np.linspace(-0.7, 0.7, 15), np.linspace(-0.3, 0.5, 9)
GRID_RANGES_M = np.arange(0.7, 6.3, 0.05)
# Of the strongest arrival, compensated for spreading; the best of 0.05 to 0.5.
THRESHOLD = 0.1
NEAREST_M = 0.7  # least half path of a person's echo: the direct sound rings before it
PATH_SIGMA_M = 0.06
DIRECTION_SIGMA = 0.35  # people are in view: the prior on x/z and y/z
# The first arrival is from the body's front, about 16 cm before the joints.
FRONT_M = 0.16


class Geometric:
    """The runtime's own lifter whose scale needs no training."""

    name = "geometric"

    def __init__(self, weights: Path | None = None) -> None:
        self._lift = GeometricLifter(LifterConfig(), VisionModel(MODELS / VISION))

    def __call__(self, sample: Sample, environment: Environment) -> list[LiftedPose | None]:
        """See `Predictor`."""
        return self._lift(sample.keypoints, sample_kernels(sample, environment), environment.rig)


class FirstArrival(OneByOne):
    """Multilateration from the first arrival of each pair; the mean pose is put there."""

    name = "first-arrival"

    def __init__(self, weights: Path | None = None) -> None:
        self._weights = load_weights(weights)
        self._calibration = calibration(self._weights, self.name)

    def one(self, sample: Sample, environment: Environment) -> LiftedPose:
        """See `OneByOne`. Raises SessionError where the responses are too short for it."""
        kernels = sample_kernels(sample, environment)
        root = locate(first_arrivals_s(kernels, environment.rig), environment.rig)
        return _mean_pose_at(root, self._calibration * 0.3, self._weights)


class AudioOnly(OneByOne):
    """Learned regression from pooled envelopes to the mid-hip; the mean pose is put there."""

    name = "audio-only"

    def __init__(self, weights: Path | None = None) -> None:
        self._weights = load_weights(weights)
        self._net = mlp_from(self._weights, "sound")
        self._calibration = calibration(self._weights, self.name)

    def one(self, sample: Sample, environment: Environment) -> LiftedPose:
        """See `OneByOne`."""
        out = self._net(
            sound_features(sample_kernels(sample, environment), environment.rig)
        ).astype(np.float64)
        direction = np.array([out[0], out[1], 1.0])
        root = (
            direction
            / np.linalg.norm(direction)
            * float(np.exp(np.clip(out[2], np.log(0.3), np.log(12.0))))
        )
        return _mean_pose_at(
            root, self._calibration * float(np.exp(np.clip(out[3], -5.0, 2.0))), self._weights
        )


def sample_kernels(sample: Sample, environment: Environment) -> Kernels:
    """A sample's pose kernels, by the runtime's code. Raises ConfigError for a wrong band."""
    rate, band = environment.sample_rate_hz, environment.band_hz
    return make_kernels(analytic_signal(sample.rir, rate, band), rate, band)


def sound_features(kernels: Kernels, rig: Rig) -> npt.NDArray[np.float32]:
    """Pooled log echo power on directions x ranges, incoherent and coherent mean over pairs: (2 *
    directions * ranges,) float32.

    Its size does not depend on the pairs. Spreading is compensated, the gain is normalised.
    """
    points, spread = _feature_points()
    arrival = rig.arrival_s(points)
    incoherent = np.mean(
        gather_points(kernels.envelope, arrival, kernels.sample_rate_hz).astype(np.float64) ** 2,
        axis=0,
    )
    coherent = gather_points_coherent(kernels.analytic, arrival, kernels.sample_rate_hz)
    in_phase = np.abs(coherent.astype(np.complex128) / len(arrival)) ** 2
    power = np.stack([incoherent, in_phase]) * spread
    power = power.reshape(2, len(ACROSS) * len(DOWN), len(RANGES_M), SUBSTEPS).mean(axis=-1)
    level = max(float(power[0].mean()), 1e-30)
    return np.asarray(np.log10(power.reshape(-1) / level + FAINT), np.float32)


def first_arrivals_s(kernels: Kernels, rig: Rig) -> Array:
    """Time (P,) [s] at which each pair's envelope times distance first exceeds THRESHOLD of its
    maximum.

    Raises SessionError where the window ends before NEAREST_M.
    """
    rate, c = kernels.sample_rate_hz, rig.speed_of_sound_m_s
    half_path = np.arange(kernels.envelope.shape[1]) / rate * c / 2.0
    first = int(np.searchsorted(half_path, NEAREST_M))
    last = int(np.searchsorted(half_path, GRID_RANGES_M[-1]))
    level = kernels.envelope[:, first:last].astype(np.float64) * half_path[first:last]
    if level.shape[1] < 16:
        raise SessionError(
            f"the responses end at {half_path[-1]:.2f} m of half path: more than {NEAREST_M} m "
            "is needed"
        )
    limit = THRESHOLD * level.max(axis=1, keepdims=True)
    at = np.argmax(level >= limit, axis=1)
    row = np.arange(len(level))
    before = level[row, np.maximum(at - 1, 0)]
    rise = np.maximum(level[row, at] - before, 1e-30)
    part = np.where(at > 0, np.clip((level[row, at] - limit[:, 0]) / rise, 0.0, 1.0), 0.0)
    return np.asarray((first + at - part) / rate)


def locate(arrival_s: Array, rig: Rig) -> Array:
    """Position (3,) [m] of the person whose front gives first arrivals (P,) [s], on a grid."""
    points, direction = _search_grid()
    miss = (rig.arrival_s(points) - arrival_s[:, None]) * rig.speed_of_sound_m_s / PATH_SIGMA_M
    # A robust cost: a pair may have taken noise or a wall path for the person.
    cost = (
        np.log1p(0.5 * miss**2).sum(axis=0) + 0.5 * (direction**2).sum(axis=1) / DIRECTION_SIGMA**2
    )
    best = points[int(np.argmin(cost))]
    return np.asarray(best * (1.0 + FRONT_M / np.linalg.norm(best)))


@lru_cache(maxsize=1)
def _feature_points() -> tuple[Array, Array]:
    """Points (K, 3) [m] and the factors on the power that compensate spreading (K,)."""
    step = np.log(RANGES_M[1] / RANGES_M[0])
    fine = np.exp(
        np.log(RANGES_M)[:, None] + step * (np.arange(SUBSTEPS) - (SUBSTEPS - 1) / 2) / SUBSTEPS
    ).reshape(-1)
    points = _directions(ACROSS, DOWN)[:, None] * fine[None, :, None]
    return points.reshape(-1, 3), np.tile(fine**4, len(ACROSS) * len(DOWN))


@lru_cache(maxsize=1)
def _search_grid() -> tuple[Array, Array]:
    """Points (K, 3) [m] and their directions (K, 2)."""
    directions = _directions(GRID_ACROSS, GRID_DOWN)
    points = directions[:, None] * GRID_RANGES_M[None, :, None]
    xy = np.repeat(directions[:, :2] / directions[:, 2:], len(GRID_RANGES_M), axis=0)
    return points.reshape(-1, 3), xy


def _directions(across: Array, down: Array) -> Array:
    """Unit vectors (D, 3) for all pairs of x/z and y/z."""
    x, y = (a.reshape(-1) for a in np.meshgrid(across, down))
    d = np.stack([x, y, np.ones_like(x)], axis=1)
    return np.asarray(d / np.linalg.norm(d, axis=1, keepdims=True))


def _mean_pose_at(root: Array, sigma_m: float, weights: Weights) -> LiftedPose:
    """The population's mean pose with its mid-hip at root (3,) [m], known to sigma_m."""
    mean = weights["population/mean_pose"].astype(np.float64)
    spread = weights["population/pose_sigma"].astype(np.float64)
    return LiftedPose(
        root + mean, np.hypot(sigma_m, spread), np.ones(N_JOINTS), "sound", float("nan")
    )
