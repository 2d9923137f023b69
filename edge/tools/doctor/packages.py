"""Checks of the Python packages. Imports nothing that could be missing."""

import importlib.metadata
import importlib.util
import platform

from edge.tools.doctor.finding import Finding

PACKAGES = (
    "numpy",
    "scipy",
    "numba",
    "rocket-fft",
    "opencv-python-headless",
    "paho-mqtt",
    "msgspec",
)


def python() -> Finding:
    """The version of the interpreter."""
    return Finding("python", "ok", f"{platform.python_version()} on {platform.machine()}")


def packages() -> list[Finding]:
    """Whether what the sensor needs is installed."""
    findings = []
    for name in PACKAGES:
        try:
            findings.append(Finding(name, "ok", importlib.metadata.version(name)))
        except importlib.metadata.PackageNotFoundError:
            # JetPack and Raspberry Pi OS bring OpenCV as a system package under another name.
            if name == "opencv-python-headless" and importlib.util.find_spec("cv2"):
                findings.append(Finding(name, "ok", "the system's cv2"))
            else:
                findings.append(Finding(name, "error", "not installed", f"pip install {name}"))
    return findings
