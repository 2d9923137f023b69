"""Causal smoothing over time: a Kalman filter for the distance, One-Euro filters for the pose
around it.

The distance is filtered on its own because its error is common to all joints and its 1-sigma is
known: a frame whose scale was only assumed moves the track less than one with sound.

Image and sound are wrong in different ways. What the image says of somebody's scale is off by much
the same for as long as they are watched: their shape, the camera's height and tilt. Good sound
tells by how much, and the filter remembers it. So where sound becomes unsure, because a chair
was moved or a dog comes in, the image that it has corrected outweighs it; and sound that leaves a
pose no surer than the image alone tells nothing.
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
# 1-sigma of the logarithm of distance that stays in what the image says (behaviour/size_belief.py),
# and for how long [s]. Of 14 simulated homes that change, 2 to 4 % and 30 s to 20 minutes make
# little difference.
OFFSET_SIGMA: dict[ScaleSource, float] = {"floor": 0.02, "memory": 0.03, "height": 0.08}
OFFSET_S = 300.0
LEAST_VARYING = 0.5  # share of the image's variance that differs from image to image
# Share of sound's 1-sigma that stays for so long: from nearby, body and room look alike.
LASTING_SHARE, LASTING_S = 0.4, 2.0
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
        self._offset_sigma = OFFSET_SIGMA
        if not height_known:  # sound alone has found that size
            self._offset_sigma = OFFSET_SIGMA | {"memory": OFFSET_SIGMA["height"]}
        self._distance = _Distance(self._offset_sigma)
        self._shape: OneEuro | None = None
        self._last: LiftedPose | None = None

    def __call__(self, pose: LiftedPose, t_ns: int) -> LiftedPose:
        """Smoothed pose at CLOCK_MONOTONIC t_ns; 1-sigma of joints shrinks with the distance's."""
        if not self.config.enabled:
            return pose
        dt_s = (t_ns - self._t_ns) * 1e-9
        distance = pose.mid_hip_distance_m
        if dt_s <= 0.0 or self._is_someone_else(pose, dt_s):
            self._distance = _Distance(self._offset_sigma)
        if self._shape is None or not 0.0 < dt_s < self.config.timeout_s or self._distance.is_new:
            self._shape = OneEuro(self.config.cutoff_hz, self.config.beta)
            self._distance.begin(pose, dt_s)
        else:
            self._distance.wait(dt_s)
        log_distance, left = self._distance(pose)
        self._t_ns = t_ns
        smoothed = float(np.exp(log_distance))
        joints = self._shape(pose.joints / distance * smoothed, max(dt_s, 1e-3))
        joints *= smoothed / np.linalg.norm(joints[MID_HIP])
        # Averaging removes errors that differ from frame to frame.
        common = COMMON_SHARE[pose.scale_source] * pose.sigma
        removed = (_variance(float(pose.sigma[MID_HIP]), distance) - left) * smoothed**2
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


_OFFSETS: dict[ScaleSource, int] = {"sound": 1, "floor": 2, "memory": 3, "height": 4}
_DECAY_S = np.array([np.inf, LASTING_S, OFFSET_S, OFFSET_S, OFFSET_S])


class _Distance:
    """Kalman filter of the logarithm of somebody's distance, and of what stays in the errors of
    each source: states log distance, and an offset of each of _OFFSETS in its own 1-sigma.

    An image does not tell its own offset, only sound does: with images the offsets' gains are 0
    (Schmidt-Kalman filter).
    """

    def __init__(self, offset_sigma: dict[ScaleSource, float]) -> None:
        """offset_sigma: as OFFSET_SIGMA."""
        self.is_new = True
        self._offset_sigma = offset_sigma
        self._x = np.zeros(len(_DECAY_S))
        self._covariance = np.eye(len(_DECAY_S))

    def begin(self, pose: LiftedPose, gap_s: float) -> None:
        """Nothing is known of the distance any longer; call before the pose is used."""
        self.wait(max(gap_s, 0.0))
        self.is_new = False
        distance = pose.mid_hip_distance_m if pose.image is None else pose.image.distance_m
        self._x[0] = np.log(distance)
        self._covariance[0, :] = self._covariance[:, 0] = 0.0
        self._covariance[0, 0] = 1.0

    def wait(self, dt_s: float) -> None:
        """Let time pass."""
        kept = np.exp(-dt_s / _DECAY_S)
        self._x *= kept
        self._covariance *= kept[:, None] * kept
        self._covariance += np.diag(1.0 - kept**2)
        self._covariance[0, 0] += (WALK_M_PER_SQRT_S / np.exp(self._x[0])) ** 2 * dt_s

    def __call__(self, pose: LiftedPose) -> tuple[float, float]:
        """Use a pose; log distance and its variance now."""
        distance = pose.mid_hip_distance_m
        variance = _variance(float(pose.sigma[MID_HIP]), distance)
        seen = pose.image
        if seen is not None:
            by_image = _variance(seen.sigma_m, seen.distance_m)
            self._see(float(np.log(seen.distance_m)), by_image, seen.scale_source)
            heard = pose.scale_source == "sound" or np.isfinite(pose.sound_confidence)
            if heard and variance < TELLS_NOTHING * by_image:
                # The image was counted already: it is taken out as one takes out a prior.
                alone = 1.0 / (1.0 / variance - 1.0 / by_image)
                log_distance = alone * (
                    np.log(distance) / variance - np.log(seen.distance_m) / by_image
                )
                self._hear(float(log_distance), alone)
        elif pose.scale_source == "sound":
            self._hear(float(np.log(distance)), variance)
        else:
            self._see(float(np.log(distance)), variance, pose.scale_source)
        return float(self._x[0]), float(self._covariance[0, 0])

    def _see(self, log_distance: float, variance: float, source: ScaleSource) -> None:
        offset_sigma = self._offset_sigma[source]
        row = self._row(source, offset_sigma)
        variance = max(variance - offset_sigma**2, LEAST_VARYING * variance)
        gain = np.zeros_like(self._x)
        gain[0] = self._covariance[0] @ row / (row @ self._covariance @ row + variance)
        self._update(row, gain, log_distance, variance)

    def _hear(self, log_distance: float, variance: float) -> None:
        row = self._row("sound", LASTING_SHARE * np.sqrt(variance))
        variance *= 1.0 - LASTING_SHARE**2
        across = self._covariance @ row
        self._update(row, across / (row @ across + variance), log_distance, variance)

    def _row(self, source: ScaleSource, offset_sigma: float) -> Array:
        row = np.zeros_like(self._x)
        row[0], row[_OFFSETS[source]] = 1.0, offset_sigma
        return row

    def _update(self, row: Array, gain: Array, log_distance: float, variance: float) -> None:
        self._x += gain * (log_distance - row @ self._x)
        left = np.eye(len(row)) - np.outer(gain, row)
        self._covariance = left @ self._covariance @ left.T + variance * np.outer(gain, gain)


def _variance(sigma_m: float, distance_m: float) -> float:
    """Of a distance's logarithm."""
    return (sigma_m / distance_m) ** 2


def _alpha(cutoff_hz: Array | float, dt_s: float) -> Array:
    tau = 1.0 / (2.0 * np.pi * np.asarray(cutoff_hz))
    return np.asarray(1.0 / (1.0 + tau / dt_s))
