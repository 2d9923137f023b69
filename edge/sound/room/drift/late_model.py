"""How late reverberation appears in a periodic signal's responses, and the least squares that find
it. See late_reverberation.py for the idea.

P pairs, T frequencies, K = LATE parts: the k-th arrives k periods late.
"""

from dataclasses import dataclass, replace

import numpy as np
import scipy.fft

from edge.core.arrays import Array, Complex128Array, ComplexArray
from edge.sound.room.drift.warp import LateChange, Warp, warped

LATE = 2  # what is later still is too faint to matter
# Of least squares, in squared turns: as much as one response with a turn of 0.87 rad weighs.
_DAMPING = 0.75
# Errors of the stretch turn phases by this much [rad] even in still air. However many responses
# agree on smaller turns, they are no evidence: otherwise late parts are found in noise, the stretch
# is fitted to these, and both grow for ever.
_LEAST_TURN_RAD = 0.1
# Up to this turn [rad], root mean square, the change of late parts is taken to be linear in the
# stretch.
_LINEAR_RAD = 0.3


class LateModel:
    """The late parts' phases. When the air stretches the response by a, the k-th part's phase turns
    by `phases` a more than the early part's.
    """

    def __init__(self, samples: int, period_samples: float) -> None:
        """samples: T. period_samples: after how many samples the response repeats."""
        k = np.arange(1, LATE + 1)
        per_frequency = 2.0 * np.pi * period_samples / samples * np.arange(samples)
        # (T, K) rad per unit of stretch.
        self.phases: Array = np.asarray(per_frequency[:, None] * k, np.float64)

    def turn(self, stretch: float) -> Complex128Array:
        """Phase factors (T, K)."""
        return np.asarray(np.exp(1j * self.phases * stretch))


@dataclass(frozen=True, eq=False)
class LateParts:
    """The late parts of one room's responses. spectra: (P, T, K). rms_phase: rad per unit of
    stretch, root mean square over the spectra.
    """

    model: LateModel
    spectra: Complex128Array
    rms_phase: float

    def drifted(self, warp: Warp) -> "LateParts":
        """The late parts under a drift."""
        return replace(self, spectra=drifted(self.model, self.spectra, warp))

    def change(self, stretch: float) -> LateChange:
        """By how much they change when they are stretched."""
        pairs, samples, _ = self.spectra.shape
        spectra = np.zeros((2, pairs, samples), np.complex64)
        half = samples // 2  # of an analytic signal: the rest is empty
        turn = self.model.turn(stretch)[:half].astype(np.complex64)
        known = self.spectra[:, :half].astype(np.complex64)
        phases = 1j * self.model.phases[:half].astype(np.float32)
        for out, factor in zip(spectra, (turn - np.float32(1.0), phases * turn), strict=True):
            out[:, :half] = known[..., 0] * factor[:, 0]
            for k in range(1, LATE):
                out[:, :half] += known[..., k] * factor[:, k]
        value, slope = scipy.fft.ifft(spectra, axis=2)
        return LateChange(value, slope, stretch)

    def holds(self, change: LateChange, stretch: float) -> bool:
        """Whether a change is linear in the stretch up to this one; also where that is NaN."""
        return not abs(stretch - change.stretch) * self.rms_phase > _LINEAR_RAD


@dataclass(frozen=True, eq=False)
class NormalEquations:
    """Of the late parts. gram: (T, K, K), right: (P, T, K)."""

    gram: Complex128Array
    right: Complex128Array

    def plus(self, other: "NormalEquations") -> "NormalEquations":
        """All responses of both."""
        return NormalEquations(self.gram + other.gram, self.right + other.right)

    def weighted(self, weight: float) -> "NormalEquations":
        """Each response counts so much."""
        return NormalEquations(weight * self.gram, weight * self.right)

    def drifted(self, model: LateModel, warp: Warp) -> "NormalEquations":
        """The equations for the late parts under this drift."""
        turn = model.turn(warp.stretch)
        gram = turn[:, :, None] * self.gram * turn.conj()[:, None, :]
        return NormalEquations(gram, drifted(model, self.right, warp))

    def solution(self, model: LateModel) -> LateParts | None:
        """The late parts; None without any response."""
        if not self.gram.any():
            return None
        right = np.moveaxis(self.right, 0, -1)
        solved = np.linalg.solve(self.gram + _DAMPING * np.eye(LATE), right)
        late = np.asarray(np.moveaxis(solved, -1, 0))
        power = (late.real**2 + late.imag**2).sum(axis=0)
        mean = (power * model.phases**2).sum() / max(float(power.sum()), 1e-30)
        return LateParts(model, late, float(np.sqrt(mean)))


def no_equations(pairs: int, samples: int) -> NormalEquations:
    """Before the first response."""
    return NormalEquations(
        np.zeros((samples, LATE, LATE), complex), np.zeros((pairs, samples, LATE), complex)
    )


class ResponseSums:
    """Sums over responses that share an early part, which is eliminated."""

    def __init__(self, pairs: int, samples: int) -> None:
        self._count = 0
        self._turns: Complex128Array = np.zeros((samples, LATE), complex)
        self._spectra: Complex128Array = np.zeros((pairs, samples), complex)
        start = no_equations(pairs, samples)
        self._gram, self._right = start.gram, start.right

    def add(self, response: ComplexArray, turn: Complex128Array) -> None:
        """One response (P, T), the early part's drift undone; turn: (T, K) of its late parts."""
        spectrum = scipy.fft.fft(response, axis=1)
        self._count += 1
        self._turns += turn
        self._spectra += spectrum
        self._gram += turn.conj()[:, :, None] * turn[:, None, :]
        self._right += turn.conj() * spectrum[..., None]

    def equations(self) -> NormalEquations | None:
        """Of the late parts alone, with errors of turns allowed for; None before the first."""
        if self._count == 0:
            return None
        mean = self._turns / self._count
        gram = self._gram - mean.conj()[:, :, None] * self._turns[:, None, :]
        gram += self._count * _LEAST_TURN_RAD**2 * np.eye(LATE)
        return NormalEquations(gram, self._right - mean.conj() * self._spectra[..., None])


def drifted(model: LateModel, late: Complex128Array, warp: Warp) -> Complex128Array:
    """Spectra (P, T, K) of late parts under a drift."""
    rows = scipy.fft.ifft(model.turn(warp.stretch) * late, axis=1).astype(np.complex64)
    parts = [np.nan_to_num(warped(np.ascontiguousarray(rows[..., k]), warp)) for k in range(LATE)]
    return np.asarray(scipy.fft.fft(np.stack(parts, axis=-1), axis=1), complex)
