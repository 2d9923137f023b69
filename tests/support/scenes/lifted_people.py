"""People for the network that ships: whole bodies, their echoes in one recording, their poses."""

import numpy as np

from edge.core.pose import Keypoints, LiftedPose
from edge.core.rig import Rig
from edge.lifting.lifter import MODELS
from edge.lifting.network_lifter import NetworkLifter
from edge.sound.pose_kernel import Kernels, make_kernels
from tests.support.bodies import standing
from tests.support.scenes.lifter import BAND, RATE, echo

FLOAT = MODELS / "lifter_ray.tflite"
INT8 = MODELS / "lifter_ray_int8.tflite"


def one(
    lifter: NetworkLifter, keypoints: Keypoints, kernels: Kernels | None, rig: Rig
) -> LiftedPose | None:
    """The pose of somebody alone."""
    (pose,) = lifter([keypoints], kernels, rig)
    return pose


def people() -> list[np.ndarray]:
    return [
        standing(height, (0.2, distance))
        for height, distance in ((1.5, 2.0), (1.7, 2.6), (1.85, 3.2), (1.65, 3.8))
    ]


def crowd(joints: list[np.ndarray]) -> Kernels:
    """The echoes of several people in one recording."""
    total = sum(echo(j, noise=0.001, seed=k).analytic for k, j in enumerate(joints))
    return make_kernels(total, RATE, BAND)
