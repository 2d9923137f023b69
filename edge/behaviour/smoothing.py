"""Causal smoothing over time: a Kalman filter for the distance, One-Euro filters for the pose
around it.

The distance is filtered on its own because its error is common to all joints and its 1-sigma is
known: a frame whose scale was only assumed moves the track less than one with sound.

Image and sound are wrong in different ways. What the image says of somebody's scale is off by much
the same for as long as they are watched: their shape, the camera's height and tilt. While they
walk, good sound tells by how much, and the filter remembers it. Where sound becomes unsure, because
a chair was moved or a dog comes in, the image that it has corrected then outweighs it; and sound
that leaves a pose no surer than the image alone tells nothing. Of somebody who keeps still nothing
is learned: sound is wrong in the same way as long as they do.
"""

from dataclasses import replace

import numpy as np

from edge.core.arrays import Array
from edge.core.config import TrackConfig
from edge.core.pose import MID_HIP, LiftedPose, ScaleSource

# Share of a pose's 1-sigma that does not average out, by what gives the scale. With sound it comes
# from room and body, which stay the same. By the floor it comes from the camera's height and tilt;
# the rest is where the feet were found in one image. A size is wrong by the same in every image.
COMMON_SHARE: dict[ScaleSource, float] = {"sound": 0.8, "floor": 0.5, "memory": 1.0, "height": 1.0}
# Where the camera's height is unknown the scale is guessed from what people look like, in every
# image alike, and soft sound repeats the guess: 1-sigma of the distance's logarithm, besides what
# a pose says. On the four simulated evenings that it was chosen on it covers 73 % of poses by
# sound, and 69 % by memory.
GUESSED_DISTANCE_SIGMA = 0.05
# Random walk of the distance: somebody who starts to walk is followed within a few frames.
WALK_M_PER_SQRT_S = 0.5
# 1-sigma of the logarithm of distance that stays in what the image says, until somebody has walked
# so far; where the camera's height is unknown it is that of a guess. Of 16 simulated homes that
# change, 2 to 4 % and ten times the way make little difference.
OFFSET_SIGMA, GUESS_SIGMA, OFFSET_M = 0.02, 0.08, 100.0
LEAST_VARYING = 0.5  # share of the image's variance that differs from image to image
STILL_M = 0.25  # who moves less in a second does not walk: joints that are found jitter
LOOK_M = 0.05  # after so long a walk, sound is heard with another error
UNSEEN_M_S = 1.0  # that somebody may have walked meanwhile
# Sound that leaves at least this share of the image's variance has told nothing.
TELLS_NOTHING = 0.9


class OneEuro:
    """One-Euro filter (Casiez, Roussel, Vogel, CHI 2012) for values that move together in time."""

    def __init__(self, cutoff_hz: float, beta: float, derivative_cutoff_hz: float = 1.0) -> None:
        self.cutoff_hz, self.beta, self.derivative_cutoff_hz = cutoff_hz, beta, derivative_cutoff_hz
        self._value: Array | None = None
        self._speed: Array | None = None

    def __call__(self, value: Array, dt_s: float) -> Array:
        """Next value (any shape, last axis a vector) after dt_s seconds -> the smoothed value."""
        if self._value is None or self._speed is None:
            self._value, self._speed = value.copy(), np.zeros_like(value)
            return value.copy()
        speed = (value - self._value) / dt_s
        self._speed += _alpha(np.array(self.derivative_cutoff_hz), dt_s) * (speed - self._speed)
        rate = np.linalg.norm(self._speed, axis=-1, keepdims=True)
        self._value += _alpha(self.cutoff_hz + self.beta * rate, dt_s) * (value - self._value)
        return self._value.copy()


class Smoother:
    """Smooths one person's poses; starts anew after a gap, a step back in time, or a jump."""

    def __init__(self, config: TrackConfig, *, height_known: bool = True) -> None:
        """height_known: of the camera above the floor."""
        self.config = config
        self._guess_sigma = 0.0 if height_known else GUESSED_DISTANCE_SIGMA
        self._t_ns = 0
        self._offset_sigma = OFFSET_SIGMA if height_known else GUESS_SIGMA
        self._distance = _Distance(self._offset_sigma)
        self._shape: OneEuro | None = None
        self._last: LiftedPose | None = None

    def __call__(self, pose: LiftedPose, t_ns: int, moved_m: float = 0.0) -> LiftedPose:
        """Smoothed pose at CLOCK_MONOTONIC t_ns; 1-sigma of joints shrinks with the distance's.

        moved_m: how far the person has moved in the last second [m], by the image alone.
        """
        if not self.config.enabled:
            return pose
        dt_s = (t_ns - self._t_ns) * 1e-9
        distance, walks = pose.mid_hip_distance_m, moved_m >= STILL_M
        if dt_s <= 0.0 or self._is_someone_else(pose, dt_s):
            self._distance = _Distance(self._offset_sigma)
        if self._shape is None or not 0.0 < dt_s < self.config.timeout_s or self._distance.is_new:
            self._shape = OneEuro(self.config.cutoff_hz, self.config.beta)
            self._distance.begin(pose, dt_s)
        else:
            self._distance.wait(dt_s, dt_s * moved_m if walks else 0.0)
        log_distance, left = self._distance(pose)
        self._t_ns = t_ns
        smoothed = float(np.exp(log_distance))
        joints = self._shape(pose.joints / distance * smoothed, max(dt_s, 1e-3))
        joints *= smoothed / np.linalg.norm(joints[MID_HIP])
        # Averaging removes errors that differ from frame to frame.
        common = COMMON_SHARE[pose.scale_source] * pose.sigma
        removed = (pose.relative_sigma**2 - left) * smoothed**2
        kept = np.sqrt(np.maximum(pose.sigma**2 - removed, common**2))
        sigma = np.hypot(kept, self._guess_sigma * smoothed)
        self._last = replace(pose, joints=joints, sigma=sigma)
        return self._last

    def _is_someone_else(self, pose: LiftedPose, dt_s: float) -> bool:
        """True when nobody could have walked from the last place in the image to this one."""
        if self._last is None:
            return False
        old = self._last.joints[MID_HIP] / self._last.mid_hip_distance_m
        new = pose.joints[MID_HIP] / pose.mid_hip_distance_m
        sideways = float(np.linalg.norm(new - old)) * pose.mid_hip_distance_m
        return sideways > 0.5 + 5.0 * dt_s


_HEARD = np.array([1.0, 0.0])  # what sound says has no part of the offset
_LASTS_M = np.array([np.inf, OFFSET_M])


class _Distance:
    """Kalman filter of the logarithm of somebody's distance and, in its 1-sigma, of the offset that
    stays in what the image says (2,). Only sound tells of the offset, and of who keeps still only
    once: else its gain is 0 (Schmidt-Kalman filter).
    """

    def __init__(self, offset_sigma: float) -> None:
        """offset_sigma: 1-sigma of the offset, before anything is known of it."""
        self.is_new = True
        self._looks = 1.0
        self._seen = np.array([1.0, offset_sigma])
        self._x = np.zeros(len(_LASTS_M))
        self._covariance = np.eye(len(_LASTS_M))

    def begin(self, pose: LiftedPose, gap_s: float) -> None:
        """Nothing is known of the distance any longer; call before the pose is used."""
        gap_s = max(gap_s, 0.0)
        self.wait(gap_s, UNSEEN_M_S * gap_s)
        self.is_new = False
        distance = pose.mid_hip_distance_m if pose.image is None else pose.image.distance_m
        self._x[0] = np.log(distance)
        self._covariance[0, :] = self._covariance[:, 0] = 0.0
        self._covariance[0, 0] = 1.0

    def wait(self, dt_s: float, walked_m: float) -> None:
        """Let time pass, in which the person has walked so far."""
        kept = np.exp(-walked_m / _LASTS_M)
        self._x *= kept
        self._covariance *= kept[:, None] * kept
        self._covariance += np.diag(1.0 - kept**2)
        self._looks = min(1.0, self._looks + walked_m / LOOK_M)
        self._covariance[0, 0] += (WALK_M_PER_SQRT_S / np.exp(self._x[0])) ** 2 * dt_s

    def __call__(self, pose: LiftedPose) -> tuple[float, float]:
        """Use a pose; log distance and its variance now."""
        distance, seen = pose.mid_hip_distance_m, pose.image
        variance = pose.relative_sigma**2  # of the distance's logarithm
        if seen is not None:
            by_image = seen.relative_sigma**2
            self._see(seen.distance_m, by_image)
            heard = pose.scale_source == "sound" or np.isfinite(pose.sound_confidence)
            if heard and variance < TELLS_NOTHING * by_image:
                # The image, which is in the pose as well, was counted already.
                self._hear(distance, variance / (1.0 - variance / by_image))
        elif pose.scale_source == "sound":
            self._hear(distance, variance)
        else:
            self._see(distance, variance)
        return float(self._x[0]), float(self._covariance[0, 0])

    def _see(self, distance_m: float, variance: float) -> None:
        varies = max(variance - float(self._seen[1]) ** 2, LEAST_VARYING * variance)
        self._update(self._seen, distance_m, varies, 0.0)

    def _hear(self, distance_m: float, variance: float) -> None:
        self._update(_HEARD, distance_m, variance, self._looks)
        self._looks = 0.0

    def _update(self, row: Array, distance_m: float, variance: float, learned: float) -> None:
        """learned: share 0..1 of the offset's gain."""
        across = self._covariance @ row
        gain = across / (row @ across + variance)
        gain[1] *= learned
        self._x += gain * (np.log(distance_m) - row @ self._x)
        left = np.eye(len(row)) - np.outer(gain, row)
        self._covariance = left @ self._covariance @ left.T + variance * np.outer(gain, gain)


def _alpha(cutoff_hz: Array | float, dt_s: float) -> Array:
    tau = 1.0 / (2.0 * np.pi * np.asarray(cutoff_hz))
    return np.asarray(1.0 / (1.0 + tau / dt_s))
