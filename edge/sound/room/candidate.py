"""Periods that agree with each other: the first empty room, or the one after the rig was moved."""

import numpy as np

from edge.core.arrays import ComplexArray

_ALIKE = 0.7  # normalised correlation of a period with the mean so far, at least


class RoomCandidate:
    """The mean of the newest periods that agree."""

    def __init__(self, enough: int) -> None:
        """enough: periods that must agree before they count as a room."""
        self._enough = enough
        self.forget()

    def forget(self) -> None:
        """Begin with the next period."""
        self._mean: ComplexArray | None = None
        self._periods, self._since_ns = 0, 0

    def add(self, y: ComplexArray, t_ns: int, patience_s: float) -> ComplexArray | None:
        """Take one period's responses (P, T); the room (P, T) once enough periods over at least
        `patience_s` seconds have agreed, else None.
        """
        if self._mean is None or normalised_correlation(y, self._mean) < _ALIKE:
            self._mean, self._periods, self._since_ns = y.copy(), 1, t_ns
            return None
        self._periods += 1
        self._mean += (y - self._mean) / np.float32(self._periods)
        if self._periods < self._enough or t_ns - self._since_ns < patience_s * 1e9:
            return None
        room = self._mean
        self.forget()
        return room


def normalised_correlation(a: ComplexArray, b: ComplexArray) -> float:
    """Real part, -1..1; 0 when one is silent."""
    norm = float(np.linalg.norm(a)) * float(np.linalg.norm(b))
    return float(np.vdot(a, b).real) / norm if norm > 0.0 else 0.0
