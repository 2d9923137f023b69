"""Echoes that keep their place while people move: of what was changed in the room.

A body that has moved by a quarter of a wavelength is heard with another phase. So the mean of the
pose kernels over somebody's way keeps what stands still, as a chair that was put down or a door
that was opened, and loses the body. The mean itself tells how much of the sound keeps still: of N
periods that have nothing in common it has one N-th of the energy.
"""

from collections.abc import Sequence

import numpy as np

from edge.core.arrays import ComplexArray, FloatArray
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


class StaticEchoes:
    """Mean and energy of the pose kernels (P, T) of the last seconds of movement."""

    def __init__(self, width_samples: int, seconds: float) -> None:
        """width_samples: energies are compared over so many samples, the extent of one echo.
        seconds: time constant of the mean while somebody walks; inf learns nothing.
        """
        self._half, self._seconds = max(1, width_samples // 2), seconds
        self.forget()

    def forget(self) -> None:
        """Start anew."""
        self._mean: ComplexArray | None = None
        self._energy: FloatArray | None = None

    def weights(
        self,
        people: Sequence[Occupant] | None,
        shape: tuple[int, int],
        direct_samples: int,
        sample_rate_hz: float,
        elapsed_s: float,
    ) -> FloatArray:
        """Weight of one period in the mean (P, T), 0 where somebody may be heard who keeps still.

        people: None where it is not known where they are. shape: (P, T). direct_samples: hold the
        direct sound, which jitters. elapsed_s: since the last period.
        """
        pairs, samples = shape
        out = np.zeros(shape, np.float32)
        share = min(1.0 - float(np.exp(-elapsed_s / self._seconds)), _MOST)
        if people is None or share == 0.0:
            return out
        out[:] = share
        for person in people:
            moved = person.moved_m if person.moved_m >= STILL_M else 0.0
            looks = np.float32(min(1.0, moved * elapsed_s / LOOK_M))
            begins = SMALLEST * sample_rate_hz * first_of([person], pairs)
            for row, begin in zip(out, np.clip(begins, 0, samples).astype(int), strict=True):
                np.minimum(row[begin:], share * looks, out=row[begin:])
        out[:, :direct_samples] = 0.0
        return out

    def step(self, kernels: ComplexArray, weights: FloatArray) -> ComplexArray:
        """Pose kernels (P, T) of one period -> what is found by it to keep still (P, T), which they
        will hold no longer once it is part of the room.
        """
        if self._mean is None or self._energy is None:
            self._mean = np.zeros_like(kernels)
            self._energy = np.zeros(kernels.shape, np.float32)
        still = np.empty_like(kernels)
        _static_part(kernels, weights, self._mean, self._energy, self._half, still)
        return still


@kernel
def _static_part(
    kernels: ComplexArray,
    weights: FloatArray,
    mean: ComplexArray,
    energy: FloatArray,
    half: int,
    still: ComplexArray,
) -> None:
    """Updates mean and energy, and takes out of both what is returned in `still`."""
    pairs, samples = kernels.shape
    coherent, whole = np.empty(samples + 1), np.empty(samples + 1)
    for p in range(pairs):
        coherent[0] = whole[0] = 0.0
        for t in range(samples):
            w, z = weights[p, t], kernels[p, t]
            mean[p, t] += w * (z - mean[p, t])
            energy[p, t] += w * (z.real * z.real + z.imag * z.imag - energy[p, t])
            m = mean[p, t]
            coherent[t + 1] = coherent[t] + m.real * m.real + m.imag * m.imag
            whole[t + 1] = whole[t] + energy[p, t]
        for t in range(samples):
            low, high = max(t - half, 0), min(t + half + 1, samples)
            kept, all_of_it = coherent[high] - coherent[low], whole[high] - whole[low]
            if weights[p, t] == 0.0 or kept <= _BY_CHANCE * all_of_it:
                still[p, t] = 0.0
                continue
            share = np.float32(min((kept / all_of_it - _BY_CHANCE) / (1.0 - _BY_CHANCE), 1.0))
            m = mean[p, t]
            still[p, t] = share * m
            mean[p, t] = m - still[p, t]
            energy[p, t] -= share * (2 - share) * (m.real * m.real + m.imag * m.imag)
