"""Listening longer to who keeps still: what it gains, what breathing costs, and who moved."""

import numpy as np
import pytest

from edge.sound.averaging import KernelMean
from edge.sound.pose_kernel import Kernels, make_kernels
from tests.support.scenes.signals import BAND, RATE, WINDOW, db, echo, ring

RIG = ring()
CHEST = np.array([0.1, 0.1, 2.5])
SPREAD = np.array([[0.0, 0.0, 0.0], [0.05, -0.45, 0.03], [-0.1, 0.5, 0.02], [0.12, 0.2, -0.04]])
NOISE = 0.5
EVERY_NS = 2_000_000_000


def body(at: np.ndarray, breath_m: float = 0.0) -> np.ndarray:
    """Echoes (P, T) of a chest that comes out by breath_m, and of head, legs and an arm."""
    parts = [echo(RIG, at + off - (breath_m if k == 0 else 0.0) * np.array([0, 0, 1.0]))
             for k, off in enumerate(SPREAD)]  # fmt: skip
    return np.sum(parts, axis=0)


def hiss(rng: np.random.Generator) -> np.ndarray:
    white = rng.standard_normal((6, WINDOW)) + 1j * rng.standard_normal((6, WINDOW))
    spectrum = np.fft.fft(white)
    f = np.fft.fftfreq(WINDOW, 1.0 / RATE)
    spectrum[:, (f < BAND[0]) | (f > BAND[1])] = 0.0
    out = np.fft.ifft(spectrum)
    return NOISE * out / np.sqrt(np.mean(np.abs(out) ** 2))


def kernels(analytic: np.ndarray) -> Kernels:
    sigma = np.full(analytic.shape, NOISE, np.float32)
    return make_kernels(analytic.astype(np.complex64), RATE, BAND, sigma)


def window(at: np.ndarray) -> np.ndarray:
    arrival = RIG.arrival_s(at + SPREAD) * RATE
    return np.stack([arrival.min(axis=1) - 60, arrival.max(axis=1) + 60], axis=1)


def over_noise_db(found: Kernels, at: np.ndarray) -> float:
    """Power where the body is, over that where nobody is."""
    begin, end = window(at).astype(int).T
    inside = [np.mean(row[a:b] ** 2) for row, a, b in zip(found.envelope, begin, end, strict=True)]
    return db(np.sqrt(np.mean(inside) / np.mean(found.envelope[:, 200:500] ** 2)))


def heard(
    rng: np.random.Generator, count: int, walker: bool = False, breath_m: float = 0.0
) -> KernelMean:
    mean = KernelMean()
    for k in range(count):
        chest = 0.5 * breath_m * np.sin(2.2 * k)
        sound = body(CHEST, chest) + hiss(rng)
        if walker:
            sound = sound + 3.0 * body(np.array([-1.5 + 0.4 * k, 0.0, 2.6 + 0.1 * (k % 3)]))
        mean.add(kernels(sound), k * EVERY_NS)
    return mean


def test_ten_bursts_take_ten_decibels_off_the_noise_and_say_so() -> None:
    mean = heard(np.random.default_rng(0), 10)
    ten, one = mean.since(0, window(CHEST)), mean.since(9 * EVERY_NS, window(CHEST))
    assert ten is not None
    assert one is not None
    assert (ten[1], one[1]) == (10, 1)
    quiet = np.s_[:, 200:500]
    fall = db(np.sqrt(np.mean(one[0].envelope[quiet] ** 2) / np.mean(ten[0].envelope[quiet] ** 2)))
    assert fall == pytest.approx(10.0, abs=1.5)
    np.testing.assert_allclose(ten[0].sigma, NOISE / np.sqrt(10), rtol=1e-3)


def test_a_breathing_chest_costs_less_than_two_decibels_of_what_is_gained() -> None:
    rng = np.random.default_rng(1)
    calm = heard(rng, 10).since(0, window(CHEST))
    breathing = heard(rng, 10, breath_m=0.01).since(0, window(CHEST))
    assert calm is not None
    assert breathing is not None
    assert breathing[1] == 10
    assert over_noise_db(calm[0], CHEST) - over_noise_db(breathing[0], CHEST) < 2.0


def test_whoever_has_moved_is_heard_with_the_newest_that_agree() -> None:
    rng = np.random.default_rng(2)
    mean = KernelMean()
    for k in range(12):
        at = CHEST + (0.0 if k < 8 else 0.15) * np.array([0.0, 0.0, 1.0])
        mean.add(kernels(body(at) + hiss(rng)), k * EVERY_NS)
    found = mean.since(0, window(CHEST))
    assert found is not None
    assert found[1] <= 6
    assert over_noise_db(found[0], CHEST) > 3.0


def test_a_walker_beside_somebody_who_keeps_still_averages_out() -> None:
    """So the still one profits although another walks: their echo is in every kernel, the
    walker's in each at another place.
    """
    mean = heard(np.random.default_rng(3), 10, walker=True)
    window_m = window(CHEST)
    many, one = mean.since(0, window_m), mean.since(9 * EVERY_NS, window_m)
    assert many is not None
    assert one is not None
    begin, end = window_m.astype(int).T
    clean = np.abs(body(CHEST))

    def likeness(found: Kernels) -> float:
        rows = zip(found.envelope, clean, begin, end, strict=True)
        return float(np.mean([np.corrcoef(a[b:e], c[b:e])[0, 1] for a, c, b, e in rows]))

    assert likeness(many[0]) > likeness(one[0]) + 0.1


def test_other_pairs_and_old_kernels_are_left_behind() -> None:
    rng = np.random.default_rng(4)
    mean = heard(rng, 3)
    mean.add(kernels(body(CHEST) + hiss(rng)), 100 * EVERY_NS)
    assert (mean.since(0) or (None, 0))[1] == 1
    mean.add(kernels((body(CHEST) + hiss(rng))[:4]), 101 * EVERY_NS)
    assert (mean.since(0) or (None, 0))[1] == 1
    assert KernelMean().since(0) is None
