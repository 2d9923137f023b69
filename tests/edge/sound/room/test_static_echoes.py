"""What keeps its place while somebody moves, and what a microphone that dies does to it."""

import numpy as np

from edge.sound.room.occupant import Occupant
from edge.sound.room.static_echoes import StaticEchoes

SAMPLES, RATE_HZ = 400, 8000.0
WALKER = [Occupant(0.010, moved_m=1.0)]


def noise(rng: np.random.Generator, pairs: int = 2) -> np.ndarray:
    shape = (pairs, SAMPLES)
    return (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(np.complex64)


def test_an_echo_that_stands_still_is_found_and_noise_is_not() -> None:
    rng, echoes = np.random.default_rng(1), StaticEchoes(12, 20, RATE_HZ, 1.2)
    still = np.zeros((2, SAMPLES), np.complex64)
    still[:, 200:212] = 10.0
    taken = np.zeros_like(still)
    for _ in range(50):
        if echoes.step(noise(rng) + still - taken - echoes_found(echoes), WALKER, 0.1):
            taken = taken + echoes.take()
    found = taken + echoes_found(echoes)
    assert np.abs(found[:, 203:209] - 10.0).mean() < 2.0
    elsewhere = np.r_[50:180, 240:390]
    assert np.sqrt((np.abs(found[:, elsewhere]) ** 2).mean()) < 0.7


def echoes_found(echoes: StaticEchoes) -> np.ndarray | float:
    return 0.0 if echoes.found is None else echoes.found


def test_a_microphone_that_dies_while_somebody_walks_ends_nothing() -> None:
    """All that is left of it is the room that it no longer hears: that keeps still to the last bit,
    and rounding leaves energies of 0 and less.
    """
    rng, echoes = np.random.default_rng(2), StaticEchoes(12, 20, RATE_HZ, 1.2)
    room = noise(rng) * np.float32(1e-2)
    taken = np.zeros_like(room)
    for k in range(300):
        kernels = noise(rng) * np.float32(1e-3)
        if k >= 10:
            kernels[1] = -room[1]
        kernels = (kernels - taken - echoes_found(echoes)).astype(np.complex64)
        if echoes.step(kernels, WALKER, 0.1):
            taken = (taken + echoes.take()).astype(np.complex64)
        assert np.isfinite(taken).all()
