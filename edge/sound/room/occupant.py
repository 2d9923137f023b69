"""Somebody in view, as far as the empty room needs to know them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.core.arrays import Array


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
