"""Candidates for one work, timed turn by turn, so that what else runs on the machine meets all of
them alike.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

_WARM_UP = 3
# Calls in one go before the timed one: most of what caches and predictions change has happened by
# then.
_SETTLING = 5
# More than fits into the caches of a large server.
_OTHER_BYTES = 64 << 20


@dataclass(frozen=True, eq=False)
class Turns:
    """Milliseconds of one candidate. stages: (turns, stages), settled; first: (turns,), with caches
    full of something else.
    """

    stages: npt.NDArray[np.float64]
    first: npt.NDArray[np.float64]
    result: Any

    @property
    def whole(self) -> npt.NDArray[np.float64]:
        """All stages, settled, (turns,)."""
        return np.asarray(self.stages.sum(axis=1))


def in_turns(
    candidates: Mapping[str, Sequence[Callable[[Any], Any]]], given: Any, repetitions: int
) -> dict[str, Turns]:
    """Every candidate's stages, each fed with what the one before gave, the first one with `given`.

    In a turn a candidate is called several times: first with caches full of something else, as in a
    sensor that sees between two periods, then settled.
    """
    other = np.zeros(_OTHER_BYTES, np.uint8)
    stages = {
        name: np.empty((repetitions, len(functions))) for name, functions in candidates.items()
    }
    first = {name: np.empty(repetitions) for name in candidates}
    results: dict[str, Any] = {}
    for i in range(-_WARM_UP, repetitions):
        for name, functions in candidates.items():
            other += 1
            for call in range(_SETTLING + 1):
                results[name], times = _through(functions, given)
                if call == 0 and i >= 0:
                    first[name][i] = times.sum()
            if i >= 0:
                stages[name][i] = times
    return {name: Turns(stages[name], first[name], results[name]) for name in candidates}


def _through(
    functions: Sequence[Callable[[Any], Any]], value: Any
) -> tuple[Any, npt.NDArray[np.float64]]:
    at = [time.perf_counter()]
    for function in functions:
        value = function(value)
        at.append(time.perf_counter())
    return value, 1e3 * np.diff(at)
