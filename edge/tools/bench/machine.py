"""The machine that is measured: what it is, and how warm it is."""

import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any

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
