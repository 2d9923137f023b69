"""When and where the room was changed, for whoever wonders about its sound."""

from dataclasses import dataclass

import numpy as np

from edge.core.arrays import Array, ComplexArray

MOST = 8  # changes that are kept, the newest
_LEAST_DB = 10.0  # of an echo above the median of what is heard, noise and late reverberation ...
_PEOPLE_DB = -17.0  # ... and over the loudest, people
_EXTENT_DB = 8.0  # below its loudest, a change ends
_SETTLING_S = 2.0
# What is learned in the same place so soon after is more of the same change.
_REST_S, _REST_M = 30.0, 0.3
_BIN_M = 0.1  # of range


@dataclass(frozen=True, slots=True)
class RoomChange:
    """Something that was moved, brought or taken away. t_ns: when it was first heard, on the clock
    of the periods. from_m, to_m: range (half path) of its nearest echo; for one that was moved, of
    both places together where they are not far apart.
    """

    t_ns: int
    from_m: float
    to_m: float


class ChangeLog:
    """Watches what is learned of the room while people are in it."""

    def __init__(self, sample_rate_hz: float, speed_of_sound_m_s: float) -> None:
        self._bin = max(1, round(2.0 * _BIN_M / speed_of_sound_m_s * sample_rate_hz))
        self._bin_m = self._bin / sample_rate_hz * speed_of_sound_m_s / 2.0
        self.changes: list[RoomChange] = []
        self.forget()

    def forget(self) -> None:
        """What is learned now is the room; the changes so far stay."""
        self._told: ComplexArray | None = None
        self._noticed_ns: int | None = None

    def step(self, learned: ComplexArray, kernels: ComplexArray, t_ns: int) -> RoomChange | None:
        """What was learned beside the empty room (P, T), and a period without it (P, T) -> a change
        that has now been learned well enough to say where it is.
        """
        new = self._levels(learned if self._told is None else learned - self._told)
        heard = self._levels(kernels)
        threshold = max(
            10.0 ** (_LEAST_DB / 10.0) * float(np.median(heard)),
            10.0 ** (_PEOPLE_DB / 10.0) * float(heard.max()),
        )
        if new.max() < threshold:
            self._noticed_ns = None
            return None
        if self._noticed_ns is None:
            self._noticed_ns = t_ns
        if t_ns - self._noticed_ns < _SETTLING_S * 1e9:
            return None
        loud = new > max(threshold, new.max() * 10.0 ** (-_EXTENT_DB / 10.0))
        first = int(np.argmax(loud))
        last = first
        while last + 1 < len(loud) and loud[last + 1 : last + 4].any():
            last += 1
        change = RoomChange(self._noticed_ns, first * self._bin_m, (last + 1) * self._bin_m)
        self._told, self._noticed_ns = learned.copy(), None
        if self.changes and _is_rest(change, self.changes[-1]):
            return None
        self.changes = [*self.changes[-MOST + 1 :], change]
        return change

    def _levels(self, x: ComplexArray) -> Array:
        """Mean energy over the pairs and in bins of range (B,)."""
        energy = (x.real**2 + x.imag**2).mean(axis=0)
        whole = len(energy) // self._bin * self._bin
        return np.asarray(energy[:whole].reshape(-1, self._bin).mean(axis=1), np.float64)


def _is_rest(new: RoomChange, last: RoomChange) -> bool:
    apart_m = max(new.from_m - last.to_m, last.from_m - new.to_m)
    return apart_m < _REST_M and new.t_ns - last.t_ns < _REST_S * 1e9
