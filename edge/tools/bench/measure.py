"""Times, processor time and allocations of calls, by name."""

import resource
import time
import tracemalloc
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numba.core.runtime import rtsys
from numba.core.runtime._nrt_python import memsys_disable_stats, memsys_enable_stats

_P95 = 95.0


@dataclass(frozen=True)
class Row:
    """One stage. Milliseconds of wall time per call; cpu_ms: of all threads of the process;
    share_ms: per frame, None where the stage is not part of a run.

    page_faults: memory pages that the kernel had to hand out, per call. peak_kib: most memory that
    Python and numpy held at once for the call, its result included. compiled_allocations: arrays
    that compiled code allocated, per call. The last two come from a second pass, as watching
    allocations costs time; None where there was none.
    """

    group: str
    name: str
    calls: int
    median_ms: float
    p95_ms: float
    cpu_ms: float
    page_faults: float
    peak_kib: float | None = None
    compiled_allocations: float | None = None
    share_ms: float | None = None


class CallTimer:
    """Call functions through it. allocations: watch what they allocate; their times then mean
    nothing.
    """

    def __init__(self, allocations: bool = False) -> None:
        self.allocations = allocations
        self._samples: dict[str, list[tuple[float, float, float]]] = defaultdict(list)

    def __enter__(self) -> "CallTimer":
        if self.allocations:
            tracemalloc.start()
            memsys_enable_stats()
        return self

    def __exit__(self, *_: object) -> None:
        if self.allocations:
            memsys_disable_stats()
            tracemalloc.stop()

    def call(self, name: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """The function's result; what it cost is kept under the name."""
        if self.allocations:
            return self._watched(name, function, *args, **kwargs)
        faults, cpu, wall = _page_faults(), time.process_time(), time.perf_counter()
        result = function(*args, **kwargs)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        self._samples[name].append((1e3 * wall, 1e3 * cpu, float(_page_faults() - faults)))
        return result

    def watch(self, target: Any, **names: str) -> Any:
        """The target with these methods timed under these names; calling="name" times the target's
        own call.
        """
        return _Watched(self, target, names)

    def cpu_ms(self, name: str) -> float:
        """Median processor time of the calls under this name."""
        return float(np.median([s[1] for s in self._samples[name]]))

    def rows(
        self, group: str, watched: "CallTimer | None" = None, frames: int | None = None
    ) -> list[Row]:
        """One row per name, in the order of their first calls. watched: the second pass. frames: to
        share the time among.
        """
        rows = []
        for name, samples in self._samples.items():
            wall, cpu, faults = np.array(samples).T
            peaks, _, compiled = (
                np.array(watched._samples[name]).T
                if watched and name in watched._samples
                else ([], [], [])
            )
            rows.append(
                Row(
                    group=group,
                    name=name,
                    calls=len(wall),
                    median_ms=float(np.median(wall)),
                    p95_ms=float(np.percentile(wall, _P95)),
                    cpu_ms=float(np.median(cpu)),
                    page_faults=float(faults.mean()),
                    peak_kib=float(np.median(peaks)) if len(peaks) else None,
                    compiled_allocations=float(np.median(compiled)) if len(compiled) else None,
                    share_ms=None
                    if frames is None
                    else float(np.median(wall)) * len(wall) / frames,
                )
            )
        return rows

    def _watched(self, name: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        tracemalloc.reset_peak()
        held, compiled = tracemalloc.get_traced_memory()[0], rtsys.get_allocation_stats().alloc
        result = function(*args, **kwargs)
        compiled = rtsys.get_allocation_stats().alloc - compiled
        self._samples[name].append(
            ((tracemalloc.get_traced_memory()[1] - held) / 1024.0, 0.0, float(compiled))
        )
        return result


class _Watched:
    def __init__(self, clock: CallTimer, target: Any, names: dict[str, str]) -> None:
        self._clock, self._target, self._names = clock, target, names

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._clock.call(self._names["calling"], self._target, *args, **kwargs)

    def __getattr__(self, attribute: str) -> Any:
        value = getattr(self._target, attribute)
        if attribute not in self._names:
            return value
        return partial(self._clock.call, self._names[attribute], value)


def _page_faults() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
