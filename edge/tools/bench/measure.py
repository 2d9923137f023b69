"""Times of a run's stages, frame by frame."""

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import numpy as np
from msgspec import Meta

# Checked where a report is read: --compare divides by it.
AboveZero = Annotated[float, Meta(ge=1e-9)]


@dataclass(frozen=True)
class StageTime:
    """Time of one stage in the frames that needed it, all calls of a frame together [ms].

    frames: how many needed it. mean_ms: over all frames of the run. cpu_ms: processor time of all
    threads of the process.
    """

    name: str
    frames: int
    median_ms: AboveZero
    p95_ms: float
    mean_ms: float
    cpu_ms: float


class FrameTimer:
    """Times the calls that go through it. Call `next_frame` before each frame."""

    def __init__(self) -> None:
        self._frames: list[dict[str, tuple[float, float]]] = []
        self._names: dict[str, None] = {}  # in the order of their first calls

    def next_frame(self) -> None:
        """What is called from now on belongs to another frame."""
        self._frames.append(defaultdict(lambda: (0.0, 0.0)))

    def call(self, name: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """The function's result; its time counts for the stage of this name."""
        cpu, wall = time.process_time(), time.perf_counter()
        result = function(*args, **kwargs)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        before = self._frames[-1][name]
        self._frames[-1][name] = before[0] + 1e3 * wall, before[1] + 1e3 * cpu
        self._names.setdefault(name)
        return result

    def watch(self, target: Any, **names: str) -> Any:
        """The target with these methods timed under these names.

        calling="name" times a call of the target itself.
        """
        return _Watched(self, target, names)

    def stages(self) -> list[StageTime]:
        """One for each name, in the order of their first calls."""
        rows = []
        for name in self._names:
            wall, cpu = np.array([f[name] for f in self._frames if name in f]).T
            rows.append(
                StageTime(
                    name=name,
                    frames=len(wall),
                    median_ms=float(np.median(wall)),
                    p95_ms=float(np.percentile(wall, 95)),
                    mean_ms=float(wall.sum()) / len(self._frames),
                    cpu_ms=float(np.median(cpu)),
                )
            )
        return rows


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
