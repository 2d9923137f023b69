"""Somebody in view, as far as the empty room needs to know them, and where they may be heard."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from edge.core.arrays import Array, ComplexArray, IntArray
from edge.core.errors import ConfigError
from edge.core.rig import Rig

# The body's pulse begins before its time of arrival, by about the inverse of the bandwidth.
_PULSES_BEFORE_ARRIVAL = 1.5


@dataclass(frozen=True, eq=False)
class Occupant:
    """first_arrival_s: (P,) or one number, the earliest time at which they can be heard [s], from
    the image; None where that is not known, so that they may be heard at once. moved_m: how far
    they have moved in the last second [m], by the image alone: sound that is wrong must not make
    somebody move who sits still.
    """

    first_arrival_s: npt.ArrayLike | None
    moved_m: float = 0.0


def first_of(people: Sequence[Occupant], pairs: int) -> Array:
    """Earliest time (P,) [s] at which anybody can be heard; inf for nobody."""
    out = np.full(pairs, np.inf)
    for person in people:
        first = 0.0 if person.first_arrival_s is None else person.first_arrival_s
        out = np.minimum(out, np.nan_to_num(np.asarray(first, np.float64)))
    return out


@dataclass(frozen=True)
class ResponseWindow:
    """The part of the responses that is used, and what can be heard where in it."""

    rig: Rig
    sample_rate_hz: float
    band_hz: tuple[float, float]
    samples: int

    @property
    def shape(self) -> tuple[int, int]:
        """Pairs, samples."""
        return len(self.rig.pairs), self.samples

    @cached_property
    def direct_samples(self) -> int:
        """How many samples hold the direct sound."""
        latest_s = float(np.max(self.rig.direct_arrival_s)) + self._margin_s
        return int(latest_s * self.sample_rate_hz) + 1

    def checked(self, responses: ComplexArray) -> ComplexArray:
        """Contiguous complex64. Raises ConfigError on a wrong shape."""
        y = np.ascontiguousarray(responses, np.complex64)
        if y.shape != self.shape:
            raise ConfigError(
                f"responses have shape {y.shape}, the background was made for {self.shape}"
            )
        return y

    def before_body(self, people: Sequence[Occupant] | None) -> IntArray:
        """How many samples of each pair (P,) hold no body; 0 where that is not known."""
        pairs = len(self.rig.pairs)
        if people is None:
            return np.zeros(pairs, np.int64)
        until = (first_of(people, pairs) - self._margin_s) * self.sample_rate_hz
        return np.clip(until, 0, self.samples).astype(np.int64)

    @property
    def _margin_s(self) -> float:
        return _PULSES_BEFORE_ARRIVAL / (self.band_hz[1] - self.band_hz[0])
