"""Poses as of the sensor's lifter, without simulated sound: true joints with errors as measured
when it had 9.4 cm in the field, correlated between joints and in time, with missed joints and
people.
"""

from dataclasses import dataclass

import numpy as np

from edge.core.arrays import Array
from edge.core.pose import LiftedPose, ScaleSource
from edge.core.rig import Camera

# Chosen for the median and mean over poses of the `ray` lifter, which `posekernel-export falls`
# prints.
RANGE_SIGMA = 0.025  # relative, common to all joints
ASSUMED_SIGMA = 0.047  # without a usable echo, camera height known: 7 % of the time
DEPTH_M, ACROSS_M = 0.052, 0.030  # 1-sigma of a joint, along and across its ray
JOINT_FACTOR = np.array(
    [1.0, 0.8, 0.8, 1.1, 1.5, 0.8, 1.1, 1.5, 0.7, 0.75, 1.0, 1.3, 0.75, 1.0, 1.3]
)
GROUPS = np.array([0, 1, 1, 2, 2, 1, 3, 3, 1, 1, 4, 4, 1, 5, 5])  # joints with a common error
LYING_FACTOR = 1.5
TROUBLE_SIGMA = 0.45  # log-normal: factor on the errors that varies over seconds
SLOW_S = 1.5  # correlation time of half of the errors' power; the rest is independent
WRONG = 0.025  # share of plainly wrong poses
MISSED = 0.03  # share of single poses missing, and per second the chance of a longer gap
GAP_S = (0.3, 1.5)
LEAST_SEEN = 6
TILT_SIGMA_DEG, HEIGHT_SIGMA_M = 1.0, 0.02  # of the calibration of the camera


@dataclass(slots=True)
class _Slow:
    """A stationary random process of variance 1."""

    value: Array

    def step(self, rng: np.random.Generator, dt_s: float, time_s: float) -> Array:
        keep = np.exp(-dt_s / time_s)
        self.value = keep * self.value + np.sqrt(1.0 - keep**2) * rng.normal(size=self.value.shape)
        return self.value


def is_lying(room: Array) -> bool:
    """Whether somebody with true joints (25, 3) [m], room frame, has the trunk level."""
    return bool(abs(room[1, 2] - room[8, 2]) < 0.25)


class LifterErrors:
    """One camera's errors over time. camera: the true one. believed: the calibrated one."""

    def __init__(self, camera: Camera, rng: np.random.Generator, hidden_legs: bool = False) -> None:
        self.camera = camera
        self.believed = Camera(
            camera.width, camera.height, camera.fx, camera.fy, camera.cx, camera.cy,
            height_m=float(camera.height_m or 0.0) + rng.normal(0.0, HEIGHT_SIGMA_M),
            tilt_deg=camera.tilt_deg + rng.normal(0.0, TILT_SIGMA_DEG),
        )  # fmt: skip
        self._rng = rng
        self._hidden_legs = hidden_legs
        self._range, self._trouble = _Slow(rng.normal(size=1)), _Slow(rng.normal(size=1))
        self._own, self._shared = _Slow(rng.normal(size=(15, 3))), _Slow(rng.normal(size=(6, 3)))
        self._assumed = float(rng.normal(0.0, ASSUMED_SIGMA))
        self._by_sound, self._missing_s = True, 0.0

    def __call__(self, room: Array, dt_s: float, lying: bool) -> LiftedPose | None:
        """The pose (15 joints, camera frame) for true joints (25, 3) [m]; None if undetected."""
        rng = self._rng
        true = self.camera.from_room(room[:15])
        trouble = float(np.exp(TROUBLE_SIGMA * self._trouble.step(rng, dt_s, SLOW_S)[0])) * (
            LYING_FACTOR if lying else 1.0
        )
        own, shared = self._own.step(rng, dt_s, SLOW_S), self._shared.step(rng, dt_s, SLOW_S)
        error = (
            0.5
            * (own + shared[GROUPS] + rng.normal(size=(15, 3)) + rng.normal(size=(6, 3))[GROUPS])
            * JOINT_FACTOR[:, None]
        )
        seen = self._in_view(true)
        confidence = np.where(seen, 1.0 - 0.3 * rng.beta(1.0, 2.0, 15), rng.uniform(0.02, 0.28, 15))
        if self._hidden_legs:
            confidence[[10, 11, 13, 14]] *= 0.25
        distance = np.linalg.norm(true, axis=1, keepdims=True)
        ray = true / distance
        along = (error * ray).sum(axis=1, keepdims=True)
        spread = trouble * np.where(seen, 1.0, 2.5)[:, None]
        joints = true + spread * (ACROSS_M * (error - along * ray) + DEPTH_M * along * ray)
        if rng.random() < WRONG:
            joints = self._wrong(joints)
        scale, source = self._scale(dt_s, trouble)
        relative = RANGE_SIGMA if source == "sound" else ASSUMED_SIGMA
        sigma = np.hypot(distance[:, 0] * relative, spread[:, 0] * np.hypot(DEPTH_M, ACROSS_M))
        if self._is_missed(dt_s) or seen.sum() < LEAST_SEEN:
            return None
        return LiftedPose(joints * scale, sigma, confidence, source, 10.0)

    def _in_view(self, joints: Array) -> Array:
        in_front = joints[:, 2] > 0.3
        pixels = self.camera.project(np.where(in_front[:, None], joints, [0.0, 0.0, 1.0]))
        inside = (pixels > 0.0).all(axis=1) & (
            pixels < [self.camera.width, self.camera.height]
        ).all(axis=1)
        return np.asarray(in_front & inside)

    def _scale(self, dt_s: float, trouble: float) -> tuple[float, ScaleSource]:
        rng = self._rng
        if rng.random() < dt_s / (1.0 if not self._by_sound else 13.0):
            self._by_sound = not self._by_sound
        wander = float(self._range.step(rng, dt_s, SLOW_S)[0])
        if self._by_sound:
            return float(np.exp(RANGE_SIGMA * trouble * wander)), "sound"
        return float(np.exp(self._assumed + RANGE_SIGMA * wander)), "height"

    def _wrong(self, joints: Array) -> Array:
        """Front and back confused, a wall's echo taken for the body's, or limbs displaced."""
        rng, kind = self._rng, self._rng.integers(3)
        if kind == 0:
            return np.asarray(joints * [1.0, 1.0, -1.0] + [0.0, 0.0, 2.0 * joints[8, 2]])
        if kind == 1:
            return np.asarray(joints * rng.uniform(0.75, 1.35))
        return np.asarray(
            joints + (rng.normal(0.0, 0.35, (6, 3)) * (rng.random((6, 1)) < 0.4))[GROUPS]
        )

    def _is_missed(self, dt_s: float) -> bool:
        if self._missing_s <= 0.0 and self._rng.random() < MISSED * dt_s:
            self._missing_s = float(self._rng.uniform(*GAP_S))
        self._missing_s -= dt_s
        return self._missing_s > 0.0 or bool(self._rng.random() < MISSED)
