"""Periods that agree with each other: the first empty room, or the one after the rig was moved; or
that of single pairs, whose microphone was dead while the others' was learned.
"""

import numpy as np

from edge.core.arrays import BoolArray, ComplexArray

_ALIKE = 0.7  # normalised correlation of a period with the mean so far, at least
# The direct sound of one pair is like the learned one, but for its phase, by so much.
_ALIKE_PAIR = 0.4
_TRIES = 3  # times as many periods as are enough; a microphone that stays dead is not waited for


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


class LatePairs:
    """The pairs whose empty room is not known, though that of most others is."""

    def __init__(self, pairs: int, enough: int) -> None:
        """enough: as for `RoomCandidate`."""
        self._enough = enough
        self.known: BoolArray = np.ones(pairs, bool)
        self.forget()

    def forget(self) -> None:
        """All are known, or none."""
        self.known = np.ones_like(self.known)
        self._candidates: dict[int, RoomCandidate] = {}
        self._tries = 0

    @property
    def settled(self) -> bool:
        """All are known, or cannot be learned."""
        return bool(self.known.all()) or self._tries >= _TRIES * self._enough

    def judge(self, y: ComplexArray, room: ComplexArray, direct_samples: int) -> BoolArray:
        """Which pairs (P,) of y (P, T) have a direct sound like that of the learned room (P, T).
        Where few have, the whole period is of another room, or none, and all count as known.
        """
        a, b = y[:, :direct_samples], room[:, :direct_samples]
        norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
        alike = np.abs(np.sum(a.conj() * b, axis=1)) > _ALIKE_PAIR * np.maximum(norms, 1e-30)
        self.known = alike if 2 * alike.sum() >= len(alike) else np.ones(len(alike), bool)
        for pair in np.flatnonzero(self.known):
            self._candidates.pop(int(pair), None)
        if self.known.all():
            self._tries = 0
        return self.known

    def learned(self, y: ComplexArray, t_ns: int) -> list[tuple[int, ComplexArray]]:
        """Nobody is there: the pairs that enough periods have now agreed on, each with its empty
        room (T,).
        """
        found = []
        self._tries += not self.known.all()
        for pair in map(int, np.flatnonzero(~self.known)):
            candidate = self._candidates.setdefault(pair, RoomCandidate(self._enough))
            room = candidate.add(y[pair], t_ns, 0.0)
            if room is not None:
                found.append((pair, room))
        return found


def normalised_correlation(a: ComplexArray, b: ComplexArray) -> float:
    """Real part, -1..1; 0 when one is silent."""
    norm = float(np.linalg.norm(a)) * float(np.linalg.norm(b))
    return float(np.vdot(a, b).real) / norm if norm > 0.0 else 0.0
