"""Responses of the empty room that share an early part: nothing was moved between them."""

import numpy as np

from edge.core.arrays import ComplexArray
from edge.sound.room.drift.late_model import LateParts, ResponseSums
from edge.sound.room.drift.warp import Warp, fit, fit_from_afar, identity, warped

# Misfit above which it is another room: the norm of what the drift leaves, over the response's,
# both weighted with time against spreading.
SAME_ROOM = 0.5
_ROUNDS, _FIT_STEPS = 3, 2
_GAINS = (0.3, 3.0)  # since the interval began: beyond, a microphone is off


class Interval:
    """first: (P, T), the response that all others are relative to. warp, misfit: of the latest.
    leaps: how often in a row the misfit has leapt.
    """

    def __init__(self, first: ComplexArray, began_ns: int | None) -> None:
        """began_ns: None = with the next response."""
        self.first, self.began_ns = first, began_ns
        self.warp, self.misfit, self.leaps = identity(len(first)), 1.0, 0
        self.sums = ResponseSums(*first.shape)

    def drift(self, response: ComplexArray, late: LateParts | None) -> tuple[Warp, float]:
        """The drift from the first response to this one (P, T), and its misfit, 0..1.

        late: of the first response, where known.
        """
        warp, misfit = self._fit(response, self.warp, late)
        if misfit > SAME_ROOM / 2.0:  # the air may be degrees warmer since the last response
            whole = np.full(len(response), response.shape[1], np.int64)
            direct = float(np.abs(self.first).argmax(axis=1).max())
            start = fit_from_afar(response, self.first, whole, direct, _FIT_STEPS)
            other, smaller = self._fit(response, start, late)
            if smaller < misfit:
                warp, misfit = other, smaller
        return (warp, misfit) if misfit < 1.0 else (identity(len(response)), 1.0)

    def _fit(
        self, response: ComplexArray, start: Warp, late: LateParts | None
    ) -> tuple[Warp, float]:
        whole = np.full(len(response), response.shape[1], np.int64)
        warp, change = start, None
        for _ in range(_ROUNDS):
            change = None if late is None else late.change(warp.stretch)
            warp = fit(response, self.first, whole, warp, _FIT_STEPS, change)
            if late is None or change is None or late.holds(change, warp.stretch):
                break
        within = np.all((warp.gain > _GAINS[0]) & (warp.gain < _GAINS[1]))
        if not (np.isfinite(warp.stretch) and within):
            return warp, 1.0
        first = self.first if change is None else self.first + change.at(warp.stretch)
        expected = warped(first, warp)
        known = np.isfinite(expected)
        if known.mean() <= 0.9:
            return warp, 1.0
        time = np.arange(response.shape[1])
        left = np.linalg.norm(np.where(known, response - expected, np.complex64(0.0)) * time)
        return warp, float(left) / max(float(np.linalg.norm(response * time)), 1e-30)
