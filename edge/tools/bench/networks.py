"""Keypoints and lifter by runtime, number of threads and variant: what is fastest here."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from edge.core.errors import ModelError
from edge.core.inference.tflite import RUNTIMES, load_runtime
from edge.lifting.lifter import MODELS, lifter_file
from edge.lifting.network_lifter import NetworkLifter
from edge.sight.people import PeopleFinder
from edge.tools.bench.measure import AboveZero
from edge.tools.bench.stages import NetworkInputs

_WARM_UP = 3
FORMS = ("ray", "volume")


@dataclass(frozen=True)
class NetworkTime:
    """One network with what is around it, on one number of threads; milliseconds per call.

    network: as "keypoints" or "lifter ray int8".
    """

    network: str
    runtime: str
    threads: int
    median_ms: AboveZero
    p95_ms: float


def installed_runtimes() -> list[str]:
    """The TFLite runtimes that can be loaded here, the preferred one first."""
    found = []
    for name in RUNTIMES:
        try:
            found.append(load_runtime(name)[0])
        except ModelError:
            continue
    return found


def thread_counts() -> tuple[int, ...]:
    """1, 2 and 4, as far as there are cores."""
    return tuple(n for n in (1, 2, 4) if n <= (os.cpu_count() or 1)) or (1,)


def bench_keypoints(inputs: NetworkInputs, repetitions: int = 15) -> tuple[NetworkTime, ...]:
    """MoveNet on one image with people. Raises ModelError."""
    if inputs.image is None:
        return ()

    def make(_: str, runtime: str, n: int) -> Callable[[], Any]:
        return partial(PeopleFinder(MODELS, n, runtime), inputs.image)

    return _in_turns(make, ["keypoints"], repetitions)


def bench_lifters(inputs: NetworkInputs, repetitions: int = 40) -> tuple[NetworkTime, ...]:
    """Every lifter that ships, float and int8, on the people of the run. Raises ModelError."""
    files = {
        f"lifter {form} {variant}": lifter_file(form, variant)
        for form in FORMS
        for variant in ("float", "int8")
    }

    def make(name: str, runtime: str, n: int) -> Callable[[], Any]:
        lift = NetworkLifter(MODELS / files[name], n, runtime)
        frames = iter(inputs.people * (repetitions + _WARM_UP))
        return lambda: lift(*next(frames), inputs.rig)

    return _in_turns(make, list(files), repetitions)


def _in_turns(
    make: Callable[[str, str, int], Callable[[], Any]], names: list[str], repetitions: int
) -> tuple[NetworkTime, ...]:
    """All networks on all runtimes and numbers of threads, one call of each in turn, so that other
    load of the machine meets all alike.
    """
    calls = {
        (name, runtime, n): make(name, runtime, n)
        for runtime in installed_runtimes()
        for name in names
        for n in thread_counts()
    }
    wall_ms = {key: np.empty(repetitions) for key in calls}
    for i in range(-_WARM_UP, repetitions):
        for key, call in calls.items():
            start_s = time.perf_counter()
            call()
            if i >= 0:
                wall_ms[key][i] = 1e3 * (time.perf_counter() - start_s)
    return tuple(
        NetworkTime(*key, median_ms=float(np.median(t)), p95_ms=float(np.percentile(t, 95)))
        for key, t in wall_ms.items()
    )
