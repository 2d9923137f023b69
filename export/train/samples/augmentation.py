"""Augmentation: the ranges that training samples are drawn from, and the changes to a sample."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from edge.core.arrays import Array, BoolArray, ComplexArray, FloatArray, Rng
from edge.core.pose import N_JOINTS
from edge.core.rig import Rig
from edge.core.stature import standing_heights
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
    interference; wide: share with `wide_sir_db` instead. noise_told: share of which it is known how
    much of the interference is noise, to noise_error_db. uneven: share whose excitation was not
    flat, as music. silent, foreign, drowned: shares without sound, with another person's sound, and
    with interference only. imagined: share of those silent or drowned who are replaced by people of
    the image's training, from near to far. drop_pairs: share that loses some pairs.

    height_known: share with the camera's height and tilt. height_error_m, tilt_error_deg: 1-sigma
    of their measurement; misjudged: share with misjudged_factor times that. raised: share of people
    who are raised_m above the floor that the camera's height is told from: on stairs or a stool, or
    the height is wrong. size_known: share of whom the body's size is known, to a 1-sigma of its
    logarithm in size_sigma, which is itself told with an error of sigma_error. sound_speed_error:
    1-sigma. pair_gain_db: 1-sigma of a pair's gain. world_scale: 1-sigma of the logarithm of a
    scale of the whole scene; with the speed of sound scaled alike, image and kernels stay the same.
    narrow: share with a part of the band only, at least narrowest_hz wide.

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
    wide: float = 0.4
    wide_sir_db: tuple[float, float] = (-15.0, 45.0)
    noise_told: float = 0.5
    noise_error_db: float = 1.5
    uneven: float = 0.15
    silent: float = 0.2
    foreign: float = 0.1
    drowned: float = 0.05
    imagined: float = 0.25
    drop_pairs: float = 0.4
    height_known: float = 0.6
    height_error_m: float = 0.02
    tilt_error_deg: float = 0.7
    misjudged: float = 0.15
    misjudged_factor: float = 3.0
    raised: float = 0.05
    raised_m: tuple[float, float] = (-0.3, 1.1)
    size_known: float = 0.55
    size_sigma: tuple[float, float] = (0.01, 0.08)
    sigma_error: float = 0.2
    sound_speed_error: float = 0.002
    pair_gain_db: float = 1.0
    world_scale: float = 0.05
    narrow: float = 0.5
    narrowest_hz: float = 2000.0
    company: tuple[float, float, float] = (0.27, 0.16, 0.07)
    apart_m: float = 0.35
    unseen: float = 0.12
    others_error: tuple[float, float] = (0.01, 0.12)
    changed: float = 0.4


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


def mounting(
    height_m: float | None, tilt_deg: float, roll_deg: float, a: Augmentation, rng: Rng
) -> tuple[Array, Array]:
    """Gravity (3,) and the camera's height, with measurement errors; NaN where unknown."""
    if height_m is None:
        return np.array([0.0, 1.0, 0.0]), np.array(np.nan)
    h, t, r = (np.array([x]) for x in (height_m, tilt_deg, roll_deg))
    down, height = mountings(h, t, r, a, rng)
    return down[0], np.asarray(height[0])


def mountings(
    height_m: Array, tilt_deg: Array, roll_deg: Array, a: Augmentation, rng: Rng
) -> tuple[Array, Array]:
    """As `mounting`, of N cameras (N,): (N, 3) and (N,)."""
    n = len(height_m)
    factor = np.where(rng.random(n) < a.misjudged, a.misjudged_factor, 1.0)
    tilt, roll = (
        np.radians(x + factor * rng.normal(0.0, a.tilt_error_deg, n)) for x in (tilt_deg, roll_deg)
    )
    # As Camera.room_rotation, one per scene.
    down = np.stack(
        [np.sin(roll) * np.cos(tilt), np.cos(roll) * np.cos(tilt), np.sin(tilt)], axis=1
    )
    height = height_m + factor * rng.normal(0.0, a.height_error_m, n)
    height += np.where(rng.random(n) < a.raised, rng.uniform(*a.raised_m, n), 0.0)
    known = rng.random(n) < a.height_known
    return np.where(known[:, None], down, [0.0, 1.0, 0.0]), np.where(known, height, np.nan)


def known_body(joints: Array, a: Augmentation, rng: Rng) -> Array:
    """What is remembered of the size (..., 2) of bodies with joints (..., 15, 3), as `BodySize`;
    NaN where nothing is.
    """
    log_height = np.log(standing_heights(joints))
    shape = log_height.shape
    low, high = np.log(a.size_sigma)
    sigma = np.exp(rng.uniform(low, high, shape))
    told = np.stack(
        [
            log_height + sigma * rng.normal(size=shape),
            sigma * np.exp(rng.normal(0.0, a.sigma_error, shape)),
        ],
        axis=-1,
    )
    return np.where((rng.random(shape) < a.size_known)[..., None], told, np.nan)


def told_noise(noise: ComplexArray, a: Augmentation, rng: Rng) -> FloatArray | None:
    """`Kernels.sigma` of kernels whose noise (P, T) is known, None where it is not."""
    if rng.random() >= a.noise_told:
        return None
    rms = np.sqrt((np.abs(noise) ** 2).mean(axis=1, keepdims=True))
    error = 10.0 ** (rng.normal(0.0, a.noise_error_db) / 20.0)
    return np.broadcast_to(rms * error, noise.shape).astype(np.float32)


def played(
    heard: ComplexArray,
    noise: ComplexArray,
    rate_hz: float,
    band_hz: tuple[float, float],
    a: Augmentation,
    rng: Rng,
) -> tuple[ComplexArray, ComplexArray]:
    """Kernels and noise (P, T) as regularised least squares gives them of a sound that is not flat,
    for a share `uneven`: what it hardly plays is weak, and noisy.
    """
    if rng.random() >= a.uneven:
        return heard, noise
    n = 2 * heard.shape[1]
    octave = np.log2(np.maximum(np.fft.fftfreq(n, 1.0 / rate_hz), 1.0) / band_hz[0])
    octaves = float(np.log2(band_hz[1] / band_hz[0]))
    ripple = np.interp(octave, np.linspace(0.0, octaves, 8), rng.normal(0.0, 5.0, 8))
    power_db = rng.uniform(0.0, 15.0) - rng.uniform(0.0, 12.0) * octave + ripple
    power = 10.0 ** (power_db / 10.0)  # over the regularisation
    gain, spread = power / (1.0 + power), np.sqrt(power) / (1.0 + power)
    inside = (octave >= 0.0) & (octave <= octaves)
    spread *= np.sqrt(np.mean(gain[inside] ** 2) / np.mean(spread[inside] ** 2))
    echo, hiss = (
        np.fft.ifft(np.fft.fft(x, n) * g)[:, : heard.shape[1]].astype(np.complex64)
        for x, g in ((heard, gain), (noise, spread))
    )
    return echo, hiss


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
    """A random subset of the pairs of (..., P, T), at least one."""
    pairs = analytic.shape[-2]
    if pairs == 1 or rng.random() >= a.drop_pairs:
        return analytic, rig
    keep = np.sort(rng.permutation(pairs)[: rng.integers(1, pairs)])
    return analytic[..., keep, :], replace(rig, pairs=rig.pairs[keep])


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
