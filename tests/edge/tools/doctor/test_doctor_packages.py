"""Doctor says which package does not fit, where it lies, and how to mend that."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from edge.tools.doctor import packages
from edge.tools.doctor.camera_package import picamera2
from edge.tools.doctor.finding import Finding, Scope
from edge.tools.doctor.packages import Loaded, fits, load

APT = "/usr/lib/python3/dist-packages"
SCOPE = Scope(None, None)
OLD = (
    "ValueError: numpy.dtype size changed, may indicate binary incompatibility. "
    "Expected 96 from C header, got 88 from PyObject"
)
NEW = "ImportError: numpy.core.multiarray failed to import"
MISSING = "ModuleNotFoundError: No module named 'libcamera'"


def distribution(folder: Path, name: str, version: str, code: str | None = None) -> None:
    """What pip or apt leaves of a package; code: of its module."""
    module = folder / {"opencv-python": "cv2", "tflite-runtime": "tflite_runtime"}.get(name, name)
    module.mkdir(parents=True, exist_ok=True)
    (module / "__init__.py").write_text(code or f"__version__ = {version!r}\n")
    about = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")


def doctor(first: Path) -> str:
    """What it prints where packages of a folder come before those of this environment."""
    code = "import sys; from edge.__main__ import main; sys.exit(main(['doctor']))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(first), "HOME": str(first)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.stdout


def line(said: str, check: str) -> str:
    """A finding and its remedy."""
    lines = said.splitlines()
    at = next(i for i, x in enumerate(lines) if x.split()[1:2] == [check])
    remedy = lines[at + 1].strip() if "->" in lines[at + 1] else ""
    return " ".join(f"{lines[at]} {remedy}".split())


def test_a_numpy_of_another_place_and_version_is_named(tmp_path: Path) -> None:
    distribution(tmp_path, "numpy", "1.24.2")
    said = line(doctor(tmp_path), "numpy")
    assert said.startswith(f"ERROR numpy found 1.24.2 in {tmp_path}, but ")
    assert ">=1.26" in said
    assert "PYTHONPATH" in said


def test_parts_that_do_not_load_are_named(tmp_path: Path) -> None:
    distribution(tmp_path, "scipy", "1.15.0", "raise ValueError('numpy.dtype size changed')\n")
    said = line(doctor(tmp_path), "scipy")
    assert said.startswith("ERROR scipy 1.15.0 does not load: ValueError: numpy.dtype size")
    assert "pip install --force-reinstall 'scipy" in said


def test_two_packages_of_opencv_over_one_another_are_named(tmp_path: Path) -> None:
    distribution(tmp_path, "opencv-python", "4.6.0")
    said = line(doctor(tmp_path), "OpenCV")
    assert "opencv-python 4.6.0 are installed over one another" in said
    assert "pip uninstall" in said


def test_the_tflite_runtime_that_does_not_load_is_named(tmp_path: Path) -> None:
    broken = "raise ImportError('numpy.core.multiarray failed to import')\n"
    distribution(tmp_path, "tflite-runtime", "2.14.0", broken)
    said = line(doctor(tmp_path), "TFLite")
    assert said.startswith("WARNING TFLite ai-edge-litert")
    assert "tflite-runtime 2.14.0 does not load (ImportError: numpy.core.multiarray" in said
    assert said.endswith("-> pip uninstall tflite-runtime")


def test_a_package_that_ends_the_interpreter_does_not_end_doctor(tmp_path: Path) -> None:
    code = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)\n"
    distribution(tmp_path, "msgspec", "0.20.0", code)
    found = subprocess.run(
        [sys.executable, "-c", "from edge.tools.doctor.packages import load; print(load(['json', "
         "'msgspec', 'numpy']))"],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(tmp_path)},
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert "error='it ends the interpreter (code -11)'" in found
    assert found.count("error=''") == 2, "the others are loaded and judged by themselves"


def test_a_package_that_is_too_slow_says_so_and_hides_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an emulated or overloaded machine is: all after scipy were said to be broken, too."""
    (tmp_path / "cv2.py").write_text("import time\ntime.sleep(600)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(packages, "PACKAGES", {"opencv-python-headless": "cv2", "numpy": "numpy"})
    monkeypatch.setattr(packages, "PATIENCE_S", 5.0)
    slow, good = packages.packages()[:2]
    assert "does not load within 5 s" in slow.found
    assert slow.remedy.startswith("where the machine is busy")
    assert (good.check, good.outcome) == ("numpy", "ok")


def test_what_is_installed_here_is_found_good() -> None:
    assert {f.outcome for f in packages.packages()} == {"ok"}
    assert load(["json"])["json"].error == ""


@pytest.mark.parametrize(
    ("version", "needed", "good"),
    [
        ("1.24.2", ">=1.26,<3", False),
        ("2.4.6", "<3,>=1.26", True),
        ("3.0.0", ">=1.26,<3", False),
        ("5.0.0.93", ">=4.10", True),
        ("4.6.0+dfsg", ">=4.10", False),
        ("2.0", "", True),
    ],
)
def test_versions_are_compared_as_numbers(version: str, needed: str, good: bool) -> None:
    assert fits(version, needed) is good


def camera(scope: Scope, jpeg: str, package: str, there: bool = True) -> list[Finding]:
    """The finding for a picamera2 of apt, by what loading it and its simplejpeg gives."""
    numpy = str(Path(sys.prefix) / "lib" / "numpy" / "__init__.py")
    loaded = {
        "numpy": Loaded(numpy, ""),
        "simplejpeg": Loaded("", jpeg),
        "picamera2": Loaded(f"{APT}/picamera2/__init__.py", package),
    }
    origin = SimpleNamespace(origin=f"{APT}/simplejpeg/__init__.py") if there else None
    return picamera2(scope, lambda _: loaded, lambda _: origin)


@pytest.mark.parametrize("error", [OLD, NEW])
def test_a_simplejpeg_built_for_another_numpy_is_named(error: str) -> None:
    (found,) = camera(SCOPE, error, error)
    assert found.outcome == "error"
    assert f"simplejpeg in {APT} was built for another numpy" in found.found
    assert "pip install --force-reinstall --no-deps simplejpeg" in found.remedy


def test_a_camera_package_of_another_python_is_named() -> None:
    (found,) = camera(SCOPE, "", MISSING)
    assert found.outcome == "error"
    assert MISSING in found.found
    assert "system's python3" in found.remedy
    assert "simplejpeg" not in found.found


def test_a_camera_package_that_nobody_asks_for_is_no_matter() -> None:
    assert camera(SCOPE, "", "", there=False) == []
    assert [f.outcome for f in camera(SCOPE, "", "")] == ["ok"]
