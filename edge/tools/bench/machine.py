"""The machine that is measured: what it is, and how warm it is."""

import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any, TypedDict

import edge
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


class Machine(TypedDict):
    """Board or processor, memory, system, and the versions of the packages that compute."""

    board: str
    architecture: str
    memory_mb: int
    kernel: str
    distribution: str | None
    python: str
    posekernel: str
    packages: dict[str, str]
    load_average: float


def describe_machine() -> Machine:
    """This machine."""
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
    """Temperature and throttling now; None where the machine does not report them."""
    flags = throttled_flags()
    return {
        "temperature_c": soc_temperature_c(),
        "throttled": None if flags is None else bool(flags & 0xF),
        "throttled_flags": flags,
        "clock_mhz": _clock_mhz(),
    }


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
