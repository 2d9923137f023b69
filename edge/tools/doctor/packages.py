"""Checks of the Python packages: versions, where they lie, whether their compiled parts load.

Imports nothing that could be missing: packages are loaded in another process, which may die of one.
"""

import importlib.metadata
import importlib.util
import json
import platform
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from edge.tools.doctor.finding import Finding

# Distribution: the module that shows whether its compiled part loads.
PACKAGES = {
    "numpy": "numpy",
    "scipy": "scipy.linalg",
    "numba": "numba",
    "rocket-fft": "rocket_fft",
    "opencv-python-headless": "cv2",
    "paho-mqtt": "paho.mqtt",
    "msgspec": "msgspec",
}
OPENCV = (
    "opencv-python-headless",
    "opencv-python",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
)
PATIENCE_S = 120.0  # a first start from a slow SD card
TOO_SLOW = "it does not load within"

_LOAD = """
import importlib, json, sys
for name in sys.argv[1:]:
    print(json.dumps([name, None, None]), flush=True)
    try:
        module = importlib.import_module(name)
        print(json.dumps([name, getattr(module, "__file__", None) or "", ""]), flush=True)
    except BaseException as e:
        print(json.dumps([name, "", f"{type(e).__name__}: {e}"]), flush=True)
"""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came of loading a module. file: where it lies; error: "" when it loads."""

    file: str
    error: str


def python() -> Finding:
    """The version of the interpreter."""
    return Finding("python", "ok", f"{platform.python_version()} on {platform.machine()}")


def packages() -> list[Finding]:
    """Whether what the sensor needs is installed, fits, and loads."""
    loaded = load([*PACKAGES.values()])
    needed = _needed()
    findings = [
        _package(name, needed.get(name, ""), loaded[module]) for name, module in PACKAGES.items()
    ]
    return findings + _opencv_twice() + _tflite()


def load(names: list[str]) -> dict[str, Loaded]:
    """Load modules one after another in a process of their own. Those after one that cannot be
    loaded are loaded in the next process: each is judged by itself.
    """
    found: dict[str, Loaded] = {}
    while left := [name for name in names if name not in found]:
        more, ended = _load_until_one_fails(left)
        found |= {left[0]: Loaded("", ended)} | more
    return found


def _load_until_one_fails(names: list[str]) -> tuple[dict[str, Loaded], str]:
    """What came of the first ones, and how the process ended."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", _LOAD, *names],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE_S,
            check=False,
        )
        lines, ended = done.stdout, f"it ends the interpreter (code {done.returncode})"
    except subprocess.TimeoutExpired as e:
        lines = e.stdout.decode(errors="replace") if isinstance(e.stdout, bytes) else ""
        ended = f"{TOO_SLOW} {PATIENCE_S:g} s"
    found = {}
    for line in lines.splitlines():
        try:
            name, file, error = json.loads(line)
        except ValueError:  # what a package prints as it loads
            continue
        found[name] = Loaded(file or "", ended if error is None else error)
    return found, ended


def _package(name: str, needed: str, loaded: Loaded) -> Finding:
    version = version_of(name)
    if not version:
        # JetPack and Raspberry Pi OS bring OpenCV as a system package under another name.
        if name == "opencv-python-headless" and not loaded.error:
            return Finding(name, "ok", f"the system's cv2{folder_of(loaded.file)}")
        return Finding(name, "error", "not installed", f"pip install {name}")
    found = version + folder_of(loaded.file)
    if needed and not fits(version, needed):
        remedy = (
            f"in this environment: pip install '{name}{needed}'; where PYTHONPATH is set, unset it"
        )
        return Finding(name, "error", f"found {found}, but {needed} is needed", remedy)
    if loaded.error:
        wrong = loaded.error.strip().splitlines()[-1]
        again = f"pip install --force-reinstall '{name}{needed}'"
        remedy = (
            f"where the machine is busy or its card slow, try again; else {again}"
            if wrong.startswith(TOO_SLOW)
            else f"its parts are of different versions: {again}"
        )
        return Finding(name, "error", f"{found} does not load: {wrong}", remedy)
    return Finding(name, "ok", found)


def fits(version: str, needed: str) -> bool:
    """Whether a version such as "1.24.2" is within a range such as ">=1.26,<3"."""
    have = _numbers(version)
    return all(
        have >= _numbers(bound) if comparison == ">=" else have < _numbers(bound)
        for comparison, bound in re.findall(r"(>=|<)([\d.]+)", needed)
    )


def _numbers(version: str) -> list[int]:
    return [int(n) for n in re.findall(r"\d+", version.split("+")[0])[:3]]


def _needed() -> dict[str, str]:
    """Version ranges by package; none where posekernel runs without being installed."""
    try:
        lines = importlib.metadata.requires("posekernel") or []
    except importlib.metadata.PackageNotFoundError:
        return {}
    plain = [re.match(r"([\w.-]+)([<>=][^;]*)?(;.*)?$", x.replace(" ", "")) for x in lines]
    return {m[1]: m[2] or "" for m in plain if m and "extra==" not in (m[3] or "")}


def version_of(name: str) -> str:
    """Of an installed distribution; "" where there is none."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def folder_of(file: str | None) -> str:
    """Where a module lies, for one that is not of this environment; else ""."""
    if not file or not Path(file).is_absolute() or Path(file).is_relative_to(sys.prefix):
        return ""
    path = Path(file)
    return f" in {path.parents[1] if path.stem == '__init__' else path.parent}"


def _opencv_twice() -> list[Finding]:
    """Two of pip's OpenCV packages write the same files; the one installed last wins in part."""
    there = [f"{name} {version}" for name in OPENCV if (version := version_of(name))]
    if len(there) < 2:
        return []
    remedy = f"pip uninstall {' '.join(OPENCV)}, then pip install opencv-python-headless"
    found = f"{' and '.join(there)} are installed over one another"
    return [Finding("OpenCV", "warning", found, remedy)]


def _tflite() -> list[Finding]:
    runtimes = {
        name: module
        for name, module in (
            ("ai-edge-litert", "ai_edge_litert.interpreter"),
            ("tflite-runtime", "tflite_runtime.interpreter"),
        )
        if version_of(name)
    }
    if not runtimes:
        return [Finding("TFLite", "error", "no runtime is installed", "pip install ai-edge-litert")]
    loaded = {name: load([module])[module] for name, module in runtimes.items()}
    good = [f"{n} {version_of(n)}{folder_of(x.file)}" for n, x in loaded.items() if not x.error]
    bad = [
        f"{n} {version_of(n)} does not load ({x.error.strip().splitlines()[-1]})"
        for n, x in loaded.items()
        if x.error
    ]
    if bad:
        names = [n for n, x in loaded.items() if x.error]
        remedy = (
            f"pip uninstall {' '.join(names)}"
            if good
            else "pip install --force-reinstall " + names[0]
        )
        return [Finding("TFLite", "warning" if good else "error", "; ".join(good + bad), remedy)]
    return [Finding("TFLite", "ok", "; ".join(good))]
