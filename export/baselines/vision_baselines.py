"""Baselines from the image alone: a body of assumed or known height, floor contact, depth
regression and learned absolute lifting.

`scale_source` is "height" for all of them.
"""

from pathlib import Path

import numpy as np

from edge.core.arrays import Array
from edge.core.errors import SessionError
from edge.core.pose import N_JOINTS, LiftedPose
from edge.core.rig import Camera
from edge.sources.session.dataset import Environment, Sample
from export.baselines.body_fit import fit_body, population_from
from export.baselines.image_network import (
    BaselinePose,
    NumpyVisionNet,
    TurnedView,
    bounded_sigma,
    sample_view,
)
from export.baselines.mlp import Weights, load_weights, mlp_from
from export.baselines.one_by_one import OneByOne

CAMERA_HEIGHT_SIGMA_M = 0.02
# 1-sigma of the lowest ankle's height above that of a standing person: heels, steps, cushions.
LIFTED_FOOT_M = 0.06


class VisionOnly(OneByOne):
    """Learned lifting of the 2D joints to absolute joints."""

    name = "vision-only"

    def __init__(self, weights: Path | None = None) -> None:
        self.weights: Weights = load_weights(weights)
        self.net = NumpyVisionNet(self.weights)
        self.population = population_from(self.weights)
        self.calibration = calibration(self.weights, self.name)

    def one(self, sample: Sample, environment: Environment) -> LiftedPose | None:
        """See `OneByOne`."""
        view = sample_view(sample, environment.rig)
        if view is None:
            return None
        lifted = self.net(view)
        joints, log_sigma = self.place(lifted, view, sample, environment)
        sigma = (
            self.calibration
            * np.linalg.norm(joints, axis=1)
            * np.hypot(log_sigma, lifted.shape_sigma)
        )
        confidence = np.where(view.seen[:N_JOINTS], sample.keypoints[0].pixels[:N_JOINTS, 2], 0.0)
        return LiftedPose(joints, sigma, confidence, "height", float("nan"))

    def place(
        self, lifted: BaselinePose, view: TurnedView, sample: Sample, environment: Environment
    ) -> tuple[Array, float]:
        """Joints (15, 3) [m] and the 1-sigma of their log scale. May raise PosekernelError."""
        return lifted.shape * lifted.depth_m, lifted.depth_sigma


class DepthRegression(VisionOnly):
    """RootNet's form: a network estimates the mid-hip's depth from box and 2D joints."""

    name = "depth-regression"

    def __init__(self, weights: Path | None = None) -> None:
        super().__init__(weights)
        self._root = mlp_from(self.weights, "root")

    def place(
        self, lifted: BaselinePose, view: TurnedView, sample: Sample, environment: Environment
    ) -> tuple[Array, float]:
        """See `VisionOnly.place`."""
        log_gamma, log_sigma = self._root(view.features)
        return lifted.shape * float(np.exp(view.root_net_depth + log_gamma)), float(
            bounded_sigma(log_sigma)
        )


class AssumedHeight(VisionOnly):
    """A parametric body fit with the mean height of the population."""

    name = "assumed-height"

    def place(
        self, lifted: BaselinePose, view: TurnedView, sample: Sample, environment: Environment
    ) -> tuple[Array, float]:
        """See `VisionOnly.place`."""
        return fit_body(
            lifted, self.population, self.population.height_m
        ), self.population.log_height_sigma


class TrueHeight(VisionOnly):
    """The same fit with the true height, from info.json or the true joints. An oracle."""

    name = "true-height"

    def place(
        self, lifted: BaselinePose, view: TurnedView, sample: Sample, environment: Environment
    ) -> tuple[Array, float]:
        """See `VisionOnly.place`."""
        known = sample.info.get("height_m")
        height = (
            float(known)
            if isinstance(known, int | float)
            else self.population.height_of(sample.joints[0, :N_JOINTS])
        )
        if not np.isfinite(height):
            raise SessionError(
                f"{sample.name}: true-height needs height_m in info.json or true joints that "
                "form a limb"
            )
        return fit_body(lifted, self.population, height), float(
            np.mean(self.population.log_sigma)
        ) / 2


class FloorContact(VisionOnly):
    """The same fit, scaled so that the lowest ankle is on the floor below the camera."""

    name = "floor-contact"

    def place(
        self, lifted: BaselinePose, view: TurnedView, sample: Sample, environment: Environment
    ) -> tuple[Array, float]:
        """See `VisionOnly.place`."""
        camera = environment.rig.camera
        if camera.height_m is None:
            raise SessionError(
                f"{environment.path}/rig.json: floor-contact needs camera.height_m and "
                "tilt_deg, and they are not set"
            )
        mean = self.population.height_m
        joints = fit_body(lifted, self.population, mean)
        scale, log_sigma = self._floor_scale(joints, camera, camera.height_m)
        prior = self.population.log_height_sigma
        weight = prior**2 / (prior**2 + log_sigma**2)
        return joints * float(np.exp(weight * np.log(scale))), float(np.sqrt(weight) * log_sigma)

    def _floor_scale(self, joints: Array, camera: Camera, height_m: float) -> tuple[float, float]:
        """Factor that puts the lowest joint on the floor, and the 1-sigma of its logarithm."""
        below = -(joints @ camera.room_rotation.T)[:, 2]
        # Below the lowest joint is the rest of the foot, which grows with the body.
        reach = float(below.max()) + self.population.ankle * self.population.height_m
        if reach < 0.1 * height_m:  # the whole body is above the camera
            return 1.0, 1e3
        scale = height_m / reach
        return scale, float(np.hypot(CAMERA_HEIGHT_SIGMA_M, LIFTED_FOOT_M)) / (
            reach * min(scale, 1.0)
        )


def calibration(weights: Weights, name: str) -> float:
    """Factor on the 1-sigma of a baseline, fitted in training; 1 where there is none yet."""
    return float(weights.get(f"calibration/{name}", np.ones((), np.float32)))
