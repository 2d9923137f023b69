"""Augmentation: the ranges that training samples are drawn from, and the changes to a sample."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from edge.core.arrays import Array, BoolArray, ComplexArray, Rng
from edge.core.pose import N_JOINTS
from edge.core.rig import Camera, Rig
from edge.lifting.other_people import Echoes, echoes_of
from edge.sound.pose_kernel import analytic_signal

# Joints that are hidden together: an arm, a leg, the head, the lower or the upper body.
GROUPS = (
    (2, 3, 4),
    (5, 6, 7),
    (10, 11),
    (13, 14),
    (0,),
    (4,),
    (7,),
    (11,),
    (14,),
    (10, 11, 13, 14),
    (0, 2, 3, 4),
    (0, 5, 6, 7),
)


@dataclass(frozen=True)
class Augmentation:
    """Ranges that each training sample is drawn from.

    detector: share with the simulated 2D joints; the others get noise of `noise` (at unit depth:
    0.002 is 1 pixel at a focal length of 500), a share `outliers` of the joints `outlier_factor`
    times that. hidden: share with hidden joints, at most hidden_most. sir_db: body over
    interference; clear: share at `clear_sir_db`. silent, foreign, drowned: shares without sound,
    with another person's sound, and with interference only. drop_pairs: share that loses some
    pairs. height_known: share with the camera's height and tilt. height_error_m, tilt_error_deg,
    sound_speed_error: 1-sigma of their measurement. pair_gain_db: 1-sigma of a pair's gain.
    world_scale: 1-sigma of the logarithm of a scale of the whole scene; with the speed of sound
    scaled alike, image and kernels stay the same. narrow: share with a part of the band only, at
    least narrowest_hz wide.

    company: shares with one, two and three other people of the same room, at least apart_m away.
    unseen: share of those whom the camera does not see, so that nothing is told of them.
    others_error: 1-sigma of the logarithm of the distance at which the others are thought to be,
    from a first look at them. changed: share with the echo of something that was moved, in rooms
    that have such echoes.
    """

    detector: float = 0.5
    noise: tuple[float, float] = (0.002, 0.01)
    outliers: float = 0.03
    outlier_factor: float = 4.0
    hidden: float = 0.4
    hidden_most: int = 6
    sir_db: tuple[float, float] = (-5.0, 22.0)
    clear: float = 0.1
    clear_sir_db: float = 30.0
    silent: float = 0.08
    foreign: float = 0.1
    drowned: float = 0.05
    drop_pairs: float = 0.4
    height_known: float = 0.6
    height_error_m: float = 0.02
    tilt_error_deg: float = 0.7
    sound_speed_error: float = 0.002
    pair_gain_db: float = 1.0
    world_scale: float = 0.05
    narrow: float = 0.5
    narrowest_hz: float = 2000.0
    company: tuple[float, float, float] = (0.27, 0.16, 0.07)
    apart_m: float = 0.35
    unseen: float = 0.12
    others_error: tuple[float, float] = (0.01, 0.12)
    changed: float = 0.25


def scaled_rig(rig: Rig, scale: float) -> Rig:
    """The rig of a scene `scale` times as large, with faster sound: the same arrivals."""
    c = rig.speed_of_sound_m_s * scale
    return replace(rig, speakers=rig.speakers * scale, mics=rig.mics * scale, speed_of_sound_m_s=c)


def detect(joints: Array, a: Augmentation, rng: Rng) -> tuple[Array, BoolArray]:
    """Noisy 2D joints: rays (..., 15, 3) and which are detected (..., 15)."""
    shape = joints.shape[:-1]
    sigma = rng.uniform(*a.noise, (*shape[:-1], 1)) * np.where(
        rng.random(shape) < a.outliers, a.outlier_factor, 1.0
    )
    rays = joints / joints[..., 2:]
    rays[..., :2] += rng.normal(size=(*shape, 2)) * sigma[..., None]
    flat = np.ones((int(np.prod(shape[:-1])), N_JOINTS), bool)
    for row in flat:
        if rng.random() < a.hidden:
            for group in rng.permutation(len(GROUPS))[: rng.integers(1, 4)]:
                if (~row).sum() + len(GROUPS[group]) <= a.hidden_most:
                    row[list(GROUPS[group])] = False
    return rays, flat.reshape(shape)


def mounting(camera: Camera, a: Augmentation, rng: Rng) -> tuple[Array, Array]:
    """Gravity (3,) and the camera's height, with measurement errors; NaN where unknown."""
    if camera.height_m is None or rng.random() >= a.height_known:
        return np.array([0.0, 1.0, 0.0]), np.array(np.nan)
    tilt = camera.tilt_deg + rng.normal(0.0, a.tilt_error_deg)
    roll = camera.roll_deg + rng.normal(0.0, a.tilt_error_deg)
    measured = replace(camera, tilt_deg=tilt, roll_deg=roll)
    return -measured.room_rotation[2], np.array(camera.height_m + rng.normal(0.0, a.height_error_m))


def part_of_band(band_hz: tuple[float, float], a: Augmentation, rng: Rng) -> tuple[float, float]:
    """A random part of a band."""
    low, high = band_hz
    if rng.random() >= a.narrow or high - low <= a.narrowest_hz:
        return band_hz
    width = rng.uniform(a.narrowest_hz, high - low)
    start = rng.uniform(low, high - width)
    return start, start + width


def drop_pairs(
    analytic: ComplexArray, rig: Rig, a: Augmentation, rng: Rng
) -> tuple[ComplexArray, Rig]:
    """A random subset of the pairs, at least one."""
    if len(analytic) == 1 or rng.random() >= a.drop_pairs:
        return analytic, rig
    keep = np.sort(rng.permutation(len(analytic))[: rng.integers(1, len(analytic))])
    return analytic[keep], replace(rig, pairs=rig.pairs[keep])


def company(a: Augmentation, rng: Rng) -> int:
    """How many other people are in the room."""
    return int(rng.choice(4, p=[1.0 - sum(a.company), *a.company]))


def thought_echoes(others: Sequence[Array], rig: Rig, a: Augmentation, rng: Rng) -> Echoes:
    """The echoes of the others (15, 3) as a first look at them gives them: some are not seen, all
    are a little nearer or farther than they are.
    """
    seen = [joints for joints in others if rng.random() >= a.unseen]
    low, high = np.log(a.others_error)
    sigma = np.exp(rng.uniform(low, high, len(seen)))
    wrong = np.exp(sigma * rng.normal(size=len(seen)))
    # What is said of the error is not quite right, either.
    told = sigma * np.exp(rng.normal(0.0, 0.2, len(seen)))
    return echoes_of([j * w for j, w in zip(seen, wrong, strict=True)], told.tolist(), rig)


_NOISE: dict[tuple[float, tuple[float, float]], ComplexArray] = {}


def band_noise(
    rate_hz: float, band_hz: tuple[float, float], samples: int = 1 << 17
) -> ComplexArray:
    """Analytic white noise (samples,) in a band, long enough to take slices of."""
    key = (rate_hz, band_hz)
    if key not in _NOISE:
        _NOISE[key] = analytic_signal(
            np.random.default_rng(5).normal(size=(1, samples)), rate_hz, band_hz
        )[0]
    return _NOISE[key]
