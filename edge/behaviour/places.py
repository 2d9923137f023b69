"""The places in which somebody was measured, for errors repeat in each: what counts is the number
of places, not of poses.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Generic, Protocol, TypeVar

import numpy as np

from edge.core.arrays import Array

PLACE_M = 0.6  # what is nearer than this is one place
MOST_PLACES = 16  # of each kind
LEAST_PERIODS = 3  # in each of the newest places, before they may be of somebody else


class MeasuredPlace(Protocol):
    """What was measured in one place. kind: of evidence; where: it is (D,) [m]."""

    kind: str
    where: Array

    @property
    def periods(self) -> int:
        """How many measurements there are."""


P = TypeVar("P", bound=MeasuredPlace)


class Places(Generic[P]):
    """Those of one person, the one visited last at the end."""

    def __init__(self, new: Callable[[str, Array], P], most: int = MOST_PLACES) -> None:
        """new: makes one without measurements, from its kind and where it is. most: of each kind,
        then the one not visited for longest is forgotten.
        """
        self._new, self._most = new, most
        self._places: list[P] = []

    def __iter__(self) -> Iterator[P]:
        return iter(self._places)

    @property
    def newest(self) -> P | None:
        """The one visited last."""
        return self._places[-1] if self._places else None

    def at(self, kind: str, where: Array) -> P:
        """The one of this kind about here, which is now the newest."""
        for place in self._places:
            if place.kind == kind and np.linalg.norm(place.where - where) < PLACE_M:
                self._places.remove(place)
                break
        else:
            place = self._new(kind, where)
            alike = [p for p in self._places if p.kind == kind]
            if len(alike) == self._most:
                self._places.remove(alike[0])
        self._places.append(place)
        return place

    def forget_somebody_else(self, differ: Callable[[Sequence[P], Sequence[P]], bool]) -> None:
        """Keep the newest places only, where they `differ` from all those before."""
        for k in range(1, len(self._places)):
            older, newer = self._places[:-k], self._places[-k:]
            if min(p.periods for p in newer) < LEAST_PERIODS:
                return
            if differ(older, newer):
                self._places = newer
                return
