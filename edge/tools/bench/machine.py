"""The machine under the measurements: what it is, how warm it is, and what it could do at most."""

import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import edge
from edge.core.errors import BenchError
from edge.core.inference.execution import board_name
from edge.sensor.telemetry import soc_temperature_c, throttled_flags

PACKAGES = (
    "numpy",
    "scipy",
    "numba",
    "rocket-fft",
    "opencv-python-headless",
    "ai-edge-litert",
    "tflite-runtime",
)
COPIED_MB = (1, 8, 64)
_MATRIX = 768
_ROUNDS = 12
# Libraries read these when they are loaded, so each number of threads needs a process of its own.
_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Limits:
    """copy_gb_s: read and written bytes per second of a copy of so many megabytes, on one thread.
    gflop_s: of a float32 matrix product on one thread; gflop_s_all: on every core.
    """

    copy_gb_s: dict[str, float]
    gflop_s: float
    gflop_s_all: float

    def bandwidth(self, n_bytes: float) -> float:
        """GB/s of a copy about as large as this working set."""
        size = min(COPIED_MB, key=lambda mb: abs(np.log(2e6 * mb / max(n_bytes, 1.0))))
        return self.copy_gb_s[str(size)]


def describe_machine() -> dict[str, Any]:
    """Board or processor, memory, kernel, Python, versions of what computes; JSON-ready."""
    return {
        "board": board_name(),
        "architecture": platform.machine(),
        "memory_mb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e6),
        "kernel": platform.release(),
        "distribution": _distribution(),
        "python": platform.python_version(),
        "posekernel": edge.__version__,
        "packages": {name: version for name in PACKAGES if (version := _version(name)) is not None},
        "load_average": round(os.getloadavg()[0], 1),
    }


def conditions() -> dict[str, Any]:
    """Temperature and throttling now; None where the machine does not tell."""
    flags = throttled_flags()
    return {
        "temperature_c": soc_temperature_c(),
        "throttled": None if flags is None else bool(flags & 0xF),
        "throttled_flags": flags,
        "clock_mhz": _clock_mhz(),
    }


def measure_limits() -> Limits:
    """Half a minute at most, seconds on a fast machine. Raises BenchError."""
    return Limits(
        {str(mb): _copy_gb_s(mb) for mb in COPIED_MB}, _gflop_s(1), _gflop_s(os.cpu_count() or 1)
    )


def resident_mb() -> float:
    """Resident memory of this process [MB]."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _copy_gb_s(megabytes: int) -> float:
    source = np.ones(megabytes * 250_000, np.float32)
    target = np.zeros_like(source)
    times = []
    for _ in range(_ROUNDS):
        start = time.perf_counter()
        np.copyto(target, source)
        times.append(time.perf_counter() - start)
    return 2.0 * source.nbytes / min(times) / 1e9


def _gflop_s(threads: int) -> float:
    done = subprocess.run(
        [sys.executable, "-c", _PRODUCT, str(_MATRIX), str(_ROUNDS)],
        env=os.environ | dict.fromkeys(_THREADS, str(threads)),
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        return 2.0 * _MATRIX**3 / float(json.loads(done.stdout)) / 1e9
    except ValueError:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise BenchError(
            f"a matrix product in a process of its own failed ({last}); it takes numpy alone: install it again"
        ) from None


_PRODUCT = """
import sys, time
import numpy as np
n, rounds = int(sys.argv[1]), int(sys.argv[2])
a = np.ones((n, n), np.float32)
out = np.empty_like(a)
times = []
for _ in range(rounds):
    start = time.perf_counter()
    np.matmul(a, a, out)
    times.append(time.perf_counter() - start)
print(min(times))
"""


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _distribution() -> str | None:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME")
    except OSError:
        return None


def _clock_mhz() -> float | None:
    try:
        return (
            int(Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq").read_text()) / 1000.0
        )
    except (OSError, ValueError):
        return None
