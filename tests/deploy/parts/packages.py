"""The Debian package of what this repository is now, and others like it."""

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

from tests.deploy.machine import CACHE
from tests.support import ROOT
from tests.support.worse_model import carded, sums

VERSION = str(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"])
ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
FOLDER = CACHE / "packages"
PACKAGE = FOLDER / f"posekernel_{VERSION}_{ARCHITECTURE}.deb"
VISION = "edge/models/lifter_vision.tflite"


def make_package() -> Path:
    """PACKAGE, made anew: minutes."""
    CACHE.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [str(ROOT / "deploy/debian/build.sh"), str(FOLDER), ARCHITECTURE],
        env=os.environ | {"PYTHON": sys.executable}, check=True,
    )  # fmt: skip
    return PACKAGE


def release(
    folder: Path,
    version: str,
    changed: Mapping[str, bytes] | None = None,
    appended: Mapping[str, bytes] | None = None,
) -> Path:
    """A package like PACKAGE of another version in a folder with its checksums. changed: files
    below site-packages that are others. appended: what such files have more at their end.

    All checksums match: whether the release is any good shows only when it runs.
    """
    tree, package = folder / "tree", folder / PACKAGE.name.replace(VERSION, version)
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["dpkg-deb", "-R", str(PACKAGE), str(tree)], check=True)
    control = tree / "DEBIAN/control"
    control.write_text(re.sub(r"(?m)^Version: .*", f"Version: {version}", control.read_text()))
    for packages in (tree / "usr/lib/posekernel/lib").glob("python3.*/site-packages"):
        files = {"edge/__init__.py": (packages / "edge/__init__.py").read_bytes()}
        files |= {p: (packages / p).read_bytes() for p in _models(packages)}
        files |= dict(changed or {})
        files |= {p: (packages / p).read_bytes() + more for p, more in (appended or {}).items()}
        init = files["edge/__init__.py"]
        files["edge/__init__.py"] = init.replace(VERSION.encode(), version.encode(), 1)
        models = {Path(n).name: f for n, f in files.items() if n.endswith(".tflite")}
        files |= {n: carded(f, models) for n, f in files.items() if n.endswith(".json")}
        files["edge/models/SHA256SUMS"] = sums(models)
        for name, data in files.items():
            path = packages / name
            path.unlink(missing_ok=True)  # it may be one file for both Pythons
            path.write_bytes(data)
            for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
                compiled.unlink()
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-Zzstd", "-z1", "-b", str(tree), str(package)],
        check=True, capture_output=True,
    )  # fmt: skip
    subprocess.run(["rm", "-rf", str(tree)], check=True)
    subprocess.run("sha256sum -- *.deb > SHA256SUMS", shell=True, cwd=folder, check=True)
    return folder


def _models(packages: Path) -> list[str]:
    found = [*packages.glob("edge/models/*.tflite"), *packages.glob("edge/models/lifter_*.json")]
    return [str(path.relative_to(packages)) for path in found]


# Appended to a release: it passes every check and then crashes in service.
CRASH = {
    "edge/tools/commands/run.py": (
        b"\n\ndef run(_: object) -> int:\n    raise RuntimeError('made to crash')\n"
    )
}
