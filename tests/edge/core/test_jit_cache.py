"""The compiler's cache saves time only: whatever is wrong with it, programs run."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import ROOT

SUM = """
from edge.core.jit import cache_folder, compiled_here, kernel

@kernel
def total(x):
    t = 0.0
    for v in x:
        t += v
    return t

import numpy as np
print(total(np.arange(4.0)), compiled_here(), cache_folder())
"""
READ_ONLY_PYTHON = (sys.executable, "-B", "-m", "edge")


def summed(folder: Path, cache: Path) -> tuple[list[str], str]:
    script = folder / "total.py"
    script.write_text(SUM)
    done = subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, "NUMBA_CACHE_DIR": str(cache), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split(), done.stderr


@pytest.mark.parametrize("pattern", ["*.nbi", "*.nbc"])
@pytest.mark.parametrize("length", [0, 40])
def test_a_cache_damaged_by_a_power_cut_is_made_again(
    pattern: str, length: int, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    assert summed(tmp_path, cache)[0][:2] == ["6.0", "1"]
    assert summed(tmp_path, cache)[0][:2] == ["6.0", "0"]
    (damaged,) = cache.rglob(pattern)
    os.truncate(damaged, length)
    found, said = summed(tmp_path, cache)
    assert found[:2] == ["6.0", "1"]
    assert "Traceback" not in said
    assert "set NUMBA_CACHE_DIR to a folder" in said
    assert summed(tmp_path, cache) == (["6.0", "0", found[2]], "")


def test_a_full_disk_costs_the_cache_only(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", str(cache)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a file system of four kilobytes can be mounted by root only")
    try:
        found, said = summed(tmp_path, cache)
    finally:
        subprocess.run(["umount", str(cache)], check=True)
    assert found[:2] == ["6.0", "1"]
    assert "No space left on device" in said
    assert "Traceback" not in said


@pytest.fixture
def stranger(tmp_path: Path) -> Iterator[list[str]]:
    """Starts Python's `-m edge` from a package that nobody may write, as a user without a home."""
    package = tmp_path / "package"
    for part in ("edge", "firmware_config"):
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / part, package / part, ignore=ignore)
    subprocess.run(["chmod", "-R", "a+rX,a-w", str(package)], check=True)
    # The interpreter may lie in a folder that only root reads.
    read = ("--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search")
    user = ["setpriv", "--reuid=61234", "--regid=61234", "--clear-groups", *read]
    bare = ["env", "-i", "-C", str(package), "PATH=/usr/bin:/bin"]
    if subprocess.run([*user, "true"], capture_output=True, check=False).returncode:
        pytest.skip("only root may become another user, and root may write anything")
    yield [*user, *bare, *READ_ONLY_PYTHON]
    subprocess.run(["chmod", "-R", "u+w", str(package)], check=True)


def test_doctor_examines_a_read_only_package_of_a_user_without_a_home(
    stranger: list[str], tmp_path: Path
) -> None:
    config = tmp_path / "config.toml"
    config.write_text('device = { id = "a" }\nsource = { kind = "replay", path = "none" }\n')
    done = subprocess.run([*stranger, "doctor"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "WARNING  compiler cache" in done.stdout
    assert "set NUMBA_CACHE_DIR" in done.stdout
    with_config = [*stranger, "doctor", "--config", str(config)]
    done = subprocess.run(with_config, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    assert "WARNING  state folder" in done.stdout
    assert "set runtime.state_dir" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("command", ["replay", "run"])
def test_poses_come_from_a_read_only_package_of_a_user_without_a_home(
    command: str, stranger: list[str], tmp_path: Path
) -> None:
    session = "edge/sessions/demo"
    config = tmp_path / "config.toml"
    config.write_text(
        'device = { id = "a" }\nmqtt = { enabled = false }\n'
        f'source = {{ kind = "replay", path = "{session}", realtime = false }}\n'
    )
    more = ["--config", str(config)] if command == "run" else [session]
    done = subprocess.run(
        [*stranger, command, *more], capture_output=True, text=True, check=False, timeout=900
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "scale from sound" in done.stdout
