"""Causal smoothing over time: a Kalman filter for the distance, One-Euro filters for the pose
around it.

The distance is filtered on its own because its error is common to all joints and its 1-sigma is
known: a frame whose scale was only assumed moves the track less than one with sound.

Neither image nor sound has white noise. What the image says of somebody's distance is off by a part
that stays, of their shape and the camera's height and tilt, and by one that drifts within a second,
as their joints are found a little differently. What sound says is off by much the same until they
have walked on: room and body look alike to it. Such errors are states of the filter, beside the
distance (coloured measurement noise; Bryson and Henrikson, J. Spacecraft 5, 1968). So who keeps
still is not known better for being heard again; while they walk, good sound tells what is wrong
with the image, and where sound becomes unsure, because a chair was moved or a dog comes in, the
image that it has corrected outweighs it.

Sound of a moment that has passed, while somebody walks, says nothing of where they are now. But it
says by how much the images were off then, whatever the distance was, and a part of that lasts.

A pose with sound holds the image already. A part of that is taken out before both are used: as
much as is found in the errors of simulated poses, which is less than in a product of likelihoods.
"""

from collections import deque
from dataclasses import replace

import numpy as np

from edge.behaviour.track import MOVED_S
from edge.core.arrays import Array
from edge.core.config import TrackConfig
from edge.core.pose import MID_HIP, LiftedPose, ScaleSource

# Share of a pose's 1-sigma that does not average out, by what gives the scale. With sound it comes
# from room and body, which stay the same. By the floor it comes from the camera's height and tilt;
# the rest is where the feet were found in one image. A size is wrong by the same in every image.
COMMON_SHARE: dict[ScaleSource, float] = {"sound": 0.9, "floor": 0.5, "memory": 1.0, "height": 1.0}
# Where the camera's height is unknown the scale is guessed from what people look like, in every
# image alike, and soft sound repeats the guess: 1-sigma of the distance's logarithm, besides what
# a pose says. On the four simulated evenings that it was chosen on it covers 77 % of poses by
# sound, and 80 % by memory.
GUESSED_DISTANCE_SIGMA = 0.05
# Random walk of the distance, of who keeps still and of who has moved by MOVES_M in a second, or
# may have: who starts to walk is followed within a few frames.
STILL_M_PER_SQRT_S, WALK_M_PER_SQRT_S, MOVES_M = 0.1, 0.7, 0.12
GAP_S = 0.6  # after so long without a pose it is not known for MOVED_S how far somebody has moved
# 1-sigma of the logarithm of distance that stays in what the image says, and where the camera's
# height is unknown that of a guess. From 0.01 to 0.02 little differs, nor between half and twice
# the values below. They were chosen on 12 simulated homes that change, 10 evenings and 3 people who
# sit for half an hour.
OFFSET_SIGMA, GUESS_SIGMA = 0.015, 0.08
LEAST_VARYING = 0.5  # share of the image's variance that does not stay ...
DRIFTS = 0.5  # ... and of that the share that drifts; the rest differs from image to image
SOUND_LASTS = 0.8  # share of sound's variance that lasts until somebody has walked on
LESS_SURE = 1.5  # a variance that has grown by more is that of another error
# How long offset, drift and sound's error last, in metres that somebody walks and in seconds: they
# fall to 1/e. What stays in the image stays longer than its minute, but sound that is wrong of
# somebody who sits for half an hour would teach it ever more.
LASTS_M, LASTS_S = (100.0, 0.1, 0.5), (60.0, 1.0, np.inf)
STILL_M = 0.25  # who moves less in a second has not walked: joints that are found jitter
UNSEEN_M_S = 1.0  # that somebody may have walked meanwhile
SHARED = 0.6  # share of the image's information that a pose with sound holds
# Sound that leaves at least this share of the image's variance has told nothing.
TELLS_NOTHING = 0.9
# What images have said is kept for so long; sound must have come so close to one of them.
REMEMBERED_S, BESIDE_S = 2.0, 0.15


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
        self._watched_s = 0.0  # without a gap
        self._offset_sigma = OFFSET_SIGMA if height_known else GUESS_SIGMA
        self._distance = _Distance(self._offset_sigma)
        self._shape: OneEuro | None = None
        self._last: LiftedPose | None = None
        # Time, log distance and its variance, by the image alone.
        self._seen: deque[tuple[int, float, float]] = deque()

    def hear(self, pose: LiftedPose, t_ns: int, moved_m: float = 0.0) -> None:
        """A pose with sound of a moment t_ns that has passed: what it says of the images then holds
        for those of now, as far as their errors last. Call it before the newest image's pose is
        used. moved_m: how far the person has moved in the last second [m].
        """
        if not self.config.enabled or self._shape is None or pose.image is None:
            return
        heard = _sound_alone(pose)
        near_ns = min((abs(t_ns - t) for t, *_ in self._seen), default=None)
        if heard is None or near_ns is None or near_ns > BESIDE_S * 1e9:
            return
        times, seen, variances = zip(*self._seen, strict=True)
        log_seen, variance = np.interp(t_ns, times, seen), np.interp(t_ns, times, variances)
        ago_s = max(0.0, (self._t_ns - t_ns) * 1e-9)
        kept = np.exp(-moved_m / MOVED_S * ago_s / _LASTS_M - ago_s / _LASTS_S)
        self._distance.compare(heard[0] - float(log_seen), heard[1], float(variance), kept)

    def __call__(self, pose: LiftedPose, t_ns: int, moved_m: float | None = None) -> LiftedPose:
        """Smoothed pose at CLOCK_MONOTONIC t_ns; 1-sigma of joints shrinks with the distance's.

        moved_m: how far the person has moved in the last second [m], by the image alone; None where
        that is not known.
        """
        if not self.config.enabled:
            return pose
        dt_s = (t_ns - self._t_ns) * 1e-9
        distance = pose.mid_hip_distance_m
        if dt_s <= 0.0 or self._is_someone_else(pose, dt_s):
            self._distance = _Distance(self._offset_sigma)
            self._seen.clear()
        if self._shape is None or not 0.0 < dt_s < self.config.timeout_s or self._distance.is_new:
            self._shape = OneEuro(self.config.cutoff_hz, self.config.beta)
            self._distance.begin(pose, dt_s)
            self._watched_s = 0.0
        else:
            self._watched_s = 0.0 if dt_s > GAP_S else self._watched_s + dt_s
            known = moved_m is not None and self._watched_s >= MOVED_S
            self._distance.wait(dt_s, (moved_m or 0.0) / MOVED_S, known)
        log_distance, left = self._distance(pose)
        self._t_ns = t_ns
        self._remember(pose, t_ns)
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

    def _remember(self, pose: LiftedPose, t_ns: int) -> None:
        """What the image alone says of the distance."""
        if pose.image is not None:
            distance, sigma = pose.image.distance_m, pose.image.relative_sigma
        elif pose.scale_source != "sound":
            distance, sigma = pose.mid_hip_distance_m, pose.relative_sigma
        else:
            return
        self._seen.append((t_ns, float(np.log(distance)), sigma**2))
        while t_ns - self._seen[0][0] > REMEMBERED_S * 1e9:
            self._seen.popleft()

    def _is_someone_else(self, pose: LiftedPose, dt_s: float) -> bool:
        """True when nobody could have walked from the last place in the image to this one."""
        if self._last is None:
            return False
        old = self._last.joints[MID_HIP] / self._last.mid_hip_distance_m
        new = pose.joints[MID_HIP] / pose.mid_hip_distance_m
        sideways = float(np.linalg.norm(new - old)) * pose.mid_hip_distance_m
        return sideways > 0.5 + 5.0 * dt_s


# States: the logarithm of the distance, and of what is said of it the errors that last.
_DISTANCE, _OFFSET, _DRIFT, _SOUND = range(4)
_SEEN, _HEARD = np.array([1.0, 1.0, 1.0, 0.0]), np.array([1.0, 0.0, 0.0, 1.0])
_LASTS_M, _LASTS_S = np.array([np.inf, *LASTS_M]), np.array([np.inf, *LASTS_S])


class _Distance:
    """Kalman filter of the logarithm of somebody's distance and of three errors, each with a known
    variance (4,): of the image what stays and what drifts, and of sound.
    """

    def __init__(self, offset_sigma: float) -> None:
        """offset_sigma: 1-sigma of what stays in the image, before anything is known of it."""
        self.is_new = True
        self._lasting = np.array([0.0, offset_sigma**2, 0.0, 0.0])
        self._x, self._covariance = np.zeros(4), np.diag(self._lasting)

    def begin(self, pose: LiftedPose, gap_s: float) -> None:
        """Nothing is known of the distance any longer; call before the pose is used."""
        self.wait(max(gap_s, 0.0), UNSEEN_M_S, known=False)
        self.is_new = False
        distance = pose.mid_hip_distance_m if pose.image is None else pose.image.distance_m
        self._x[_DISTANCE] = np.log(distance)
        self._covariance[_DISTANCE, :] = self._covariance[:, _DISTANCE] = 0.0
        self._covariance[_DISTANCE, _DISTANCE] = 1.0

    def wait(self, dt_s: float, speed_m_s: float, known: bool) -> None:
        """Let time pass. speed_m_s: of the person, as far as it is known."""
        walked_m = speed_m_s * dt_s if speed_m_s >= STILL_M / MOVED_S else 0.0
        kept = np.exp(-walked_m / _LASTS_M - dt_s / _LASTS_S)
        self._fade(kept, (1.0 - kept**2) * self._lasting)
        moves = min(speed_m_s * MOVED_S / MOVES_M, 1.0) if known else 1.0
        walk = STILL_M_PER_SQRT_S + moves * (WALK_M_PER_SQRT_S - STILL_M_PER_SQRT_S)
        metre = np.exp(-self._x[_DISTANCE])
        self._covariance[_DISTANCE, _DISTANCE] += (walk * metre) ** 2 * dt_s

    def __call__(self, pose: LiftedPose) -> tuple[float, float]:
        """Use a pose; log distance and its variance now."""
        log_distance, seen = float(np.log(pose.mid_hip_distance_m)), pose.image
        variance = pose.relative_sigma**2  # of the distance's logarithm
        if seen is not None:
            by_image, log_seen = seen.relative_sigma**2, float(np.log(seen.distance_m))
            self._see(log_seen, by_image)
            heard = _sound_alone(pose)
            if heard is not None:
                self._hear(*heard)
        elif pose.scale_source == "sound":
            self._hear(log_distance, variance)
        else:
            self._see(log_distance, variance)
        return float(self._x[_DISTANCE]), float(self._covariance[_DISTANCE, _DISTANCE])

    def _see(self, log_distance: float, variance: float) -> None:
        varies = max(variance - float(self._lasting[_OFFSET]), LEAST_VARYING * variance)
        self._lasts(_DRIFT, DRIFTS * varies)
        self._update(_SEEN, log_distance, varies - float(self._lasting[_DRIFT]))

    def _hear(self, log_distance: float, variance: float) -> None:
        self._lasts(_SOUND, SOUND_LASTS * variance)
        self._update(_HEARD, log_distance, variance - float(self._lasting[_SOUND]))

    def compare(self, log_apart: float, sound: float, image: float, kept: Array) -> None:
        """By how much what sound said of the distance and what an image said of it at the same time
        are apart, and the variances of both: this tells of their errors, whatever the distance.
        kept: (4,) share of each error that is left of then.
        """
        self._lasts(_SOUND, SOUND_LASTS * sound)
        varies = max(image - float(self._lasting[_OFFSET]), LEAST_VARYING * image)
        rest = varies - float(self._lasting[_DRIFT]) + sound - float(self._lasting[_SOUND])
        row = (_HEARD - _SEEN) * kept
        rest = max(rest, (1.0 - DRIFTS) * varies) + float((1.0 - kept**2) @ self._lasting)
        self._update(row, log_apart, rest)

    def _lasts(self, which: int, variance: float) -> None:
        """A new look, of which this variance lasts. A surer look has all that the one before had:
        their covariance is the smaller variance, so that nothing is extrapolated from how they
        differ. One that is much less sure has an error of its own besides; what is a little less
        sure comes and goes, and is no new look.
        """
        before = self._lasting[which]
        kept, added = np.ones(4), np.zeros(4)
        if variance < before:
            kept[which] = variance / before
            added[which] = variance * (1.0 - kept[which])
            self._lasting[which] = variance
        elif variance > LESS_SURE * before:
            added[which] = variance - before
            self._lasting[which] = variance
        self._fade(kept, added)

    def _fade(self, kept: Array, added: Array) -> None:
        """Each state keeps this share (4,) of itself, and gains this variance (4,)."""
        self._x *= kept
        self._covariance = self._covariance * kept[:, None] * kept + np.diag(added)

    def _update(self, row: Array, log_distance: float, variance: float) -> None:
        """row: (4,) share that each state has in what is said. variance: of the rest of it."""
        across = self._covariance @ row
        gain = across / (row @ across + variance)
        self._x += gain * (log_distance - row @ self._x)
        left = np.eye(len(row)) - np.outer(gain, row)
        self._covariance = left @ self._covariance @ left.T + variance * np.outer(gain, gain)


def _sound_alone(pose: LiftedPose) -> tuple[float, float] | None:
    """What sound tells of the logarithm of the distance without the image, and its variance; None
    where it told nothing.
    """
    seen = pose.image
    if seen is None or not (pose.scale_source == "sound" or np.isfinite(pose.sound_confidence)):
        return None
    variance, by_image = pose.relative_sigma**2, seen.relative_sigma**2
    if variance >= TELLS_NOTHING * by_image:
        return None
    alone = 1.0 / (1.0 / variance - SHARED / by_image)
    log_distance = np.log(pose.mid_hip_distance_m) / variance
    log_seen = SHARED * np.log(seen.distance_m) / by_image
    return float(alone * (log_distance - log_seen)), alone


def _alpha(cutoff_hz: Array | float, dt_s: float) -> Array:
    tau = 1.0 / (2.0 * np.pi * np.asarray(cutoff_hz))
    return np.asarray(1.0 / (1.0 + tau / dt_s))
