"""Times of a run's stages, frame by frame."""

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import numpy as np
from msgspec import Meta

# Checked where a report is read: --compare divides by it.
AboveZero = Annotated[float, Meta(ge=1e-9)]


@dataclass(frozen=True)
class Timing:
    """One row of a table [ms]. count: how many were measured. mean_ms: over all frames of a run,
    also those that did not need this stage.
    """

    name: str
    count: int
    median_ms: AboveZero
    p95_ms: float
    mean_ms: float


def timing(name: str, values_ms: Sequence[float], frames: int | None = None) -> Timing:
    """The row of these values, at least one. frames: of the whole run, where not all are here."""
    return Timing(
        name,
        count=len(values_ms),
        median_ms=float(np.median(values_ms)),
        p95_ms=float(np.percentile(values_ms, 95)),
        mean_ms=float(np.sum(values_ms)) / (frames or len(values_ms)),
    )


class FrameTimer:
    """Times the calls that go through it. Call `next_frame` before each frame."""

    def __init__(self) -> None:
        self._frames: list[dict[str, float]] = []
        self._names: dict[str, None] = {}  # in the order of their first calls

    def next_frame(self) -> None:
        """What is called from now on belongs to another frame."""
        self._frames.append(defaultdict(float))

    def call(self, name: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """The function's result; its time counts for the stage of this name."""
        start_s = time.perf_counter()
        result = function(*args, **kwargs)
        self._frames[-1][name] += 1e3 * (time.perf_counter() - start_s)
        self._names.setdefault(name)
        return result

    def watch(self, target: Any, **names: str) -> Any:
        """The target with these methods timed under these names.

        calling="name" times a call of the target itself.
        """
        return _Watched(self, target, names)

    def stages(self) -> list[Timing]:
        """All calls of a frame together, one row for each name, in the order of first calls."""
        return [
            timing(name, [f[name] for f in self._frames if name in f], len(self._frames))
            for name in self._names
        ]


class _Watched:
    def __init__(self, timer: FrameTimer, target: Any, names: dict[str, str]) -> None:
        self._timer, self._target, self._names = timer, target, names

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._timer.call(self._names["calling"], self._target, *args, **kwargs)

    def __getattr__(self, attribute: str) -> Any:
        value = getattr(self._target, attribute)
        if attribute not in self._names:
            return value
        return partial(self._timer.call, self._names[attribute], value)
