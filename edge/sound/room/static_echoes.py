"""Echoes that keep their place while people move: of what was changed in the room.

A body that has moved by a quarter of a wavelength is heard with another phase. So the mean of the
pose kernels over somebody's way keeps what stands still, as a chair that was put down or a door
that was opened, and loses the body. The mean itself tells how much of the sound keeps still: of N
periods that have nothing in common it has one N-th of the energy.
"""

from collections.abc import Sequence

import numpy as np

from edge.core.arrays import ComplexArray, FloatArray, IntArray
from edge.core.jit import kernel
from edge.sound.room.occupant import Occupant, first_of

# Somebody who moves less than this in a second may be sitting there, and the image's joints jitter.
STILL_M = 0.25
# Movement after which an echo has nothing in common with itself.
LOOK_M = 0.03
# No period has a larger weight in the mean than this, however rarely they come.
_MOST = 1.0 / 10.0
# The mean may have this share of the energy by chance: with N periods of an exponential average it
# has 1 / 2 N, which varies.
_BY_CHANCE = 0.1
# The image gives the earliest arrival from an assumed height. Somebody who is small is nearer.
SMALLEST = 0.7
_TAKEN_EVERY = 5  # periods


class StaticEchoes:
    """Mean and energy of the pose kernels (P, T) of the last seconds of movement."""

    def __init__(
        self, width_samples: int, direct_samples: int, sample_rate_hz: float, seconds: float
    ) -> None:
        """width_samples: energies are compared over so many samples, the extent of one echo.
        direct_samples: hold the direct sound, which jitters. seconds: time constant of the mean
        while somebody walks; inf learns nothing.
        """
        self._half, self._direct = max(1, width_samples // 2), direct_samples
        self._rate_hz, self._seconds = sample_rate_hz, seconds
        self.forget()

    def forget(self) -> None:
        """Start anew."""
        self._mean: ComplexArray | None = None
        self._energy: FloatArray | None = None
        # What keeps still and was not taken yet (P, T).
        self.found: ComplexArray | None = None
        self._periods = 0

    def step(
        self, kernels: ComplexArray, people: Sequence[Occupant] | None, elapsed_s: float
    ) -> bool:
        """Learn from one period's pose kernels (P, T), from which `found` was subtracted. True: it
        is time to take what was found.

        people: None where it is not known where they are. elapsed_s: since the last period.
        """
        share = min(1.0 - float(np.exp(-elapsed_s / self._seconds)), _MOST)
        if people is None or share == 0.0:
            return False
        pairs, samples = kernels.shape
        begins = np.empty((len(people), pairs), np.int64)
        looks = np.empty(len(people), np.float32)
        for q, person in enumerate(people):
            first = SMALLEST * self._rate_hz * first_of([person], pairs)
            begins[q] = np.minimum(first, samples)
            moved = person.moved_m if person.moved_m >= STILL_M else 0.0
            looks[q] = min(1.0, moved * elapsed_s / LOOK_M)
        if self._mean is None or self._energy is None or self.found is None:
            self._mean, self.found = np.zeros_like(kernels), np.zeros_like(kernels)
            self._energy = np.zeros(kernels.shape, np.float32)
        _learn(
            kernels,
            begins,
            np.float32(share) * looks,
            np.float32(share),
            self._direct,
            self._half,
            self._mean,
            self._energy,
            self.found,
        )
        self._periods += 1
        return self._periods >= _TAKEN_EVERY

    def take(self) -> ComplexArray:
        """What was found to keep still (P, T): from now on it is part of the room."""
        assert self.found is not None
        found, self.found, self._periods = self.found, np.zeros_like(self.found), 0
        return found


@kernel
def _learn(
    kernels: ComplexArray,
    begins: IntArray,
    shares: FloatArray,
    most: np.float32,
    direct: int,
    half: int,
    mean: ComplexArray,
    energy: FloatArray,
    found: ComplexArray,
) -> None:
    """Updates mean and energy, and moves what keeps still from there to `found`. begins (Q, P),
    shares (Q,): from where on each of the people may be heard, and how much a period counts there.
    """
    pairs, samples = kernels.shape
    coherent, whole = np.empty(samples + 1), np.empty(samples + 1)
    weight = np.empty(samples, np.float32)
    for p in range(pairs):
        weight[:direct], weight[direct:] = 0.0, most
        for q in range(len(shares)):
            for t in range(max(begins[q, p], direct), samples):
                weight[t] = min(weight[t], shares[q])
        coherent[0] = whole[0] = 0.0
        for t in range(samples):
            w, z = weight[t], kernels[p, t]
            mean[p, t] += w * (z - mean[p, t])
            energy[p, t] += w * (z.real * z.real + z.imag * z.imag - energy[p, t])
            m = mean[p, t]
            coherent[t + 1] = coherent[t] + m.real * m.real + m.imag * m.imag
            whole[t + 1] = whole[t] + energy[p, t]
        for t in range(samples):
            low, high = max(t - half, 0), min(t + half + 1, samples)
            kept, all_of_it = coherent[high] - coherent[low], whole[high] - whole[low]
            # Differences of sums round, for a dead microphone down to energies of 0 or less.
            if weight[t] > 0.0 and kept > 0.0 and kept > _BY_CHANCE * all_of_it:
                kept_share = kept / max(all_of_it, kept)
                share = np.float32((kept_share - _BY_CHANCE) / (1.0 - _BY_CHANCE))
                m = mean[p, t]
                found[p, t] += share * m
                mean[p, t] = m - share * m
                energy[p, t] -= share * (2 - share) * (m.real * m.real + m.imag * m.imag)
