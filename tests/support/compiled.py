"""Shared libraries that tests compile for themselves, once per process."""

import functools
import shutil
import tempfile
from pathlib import Path

from tests.support.waiting import finished


class NoToolchainError(RuntimeError):
    """It cannot be compiled here; the message says what is missing."""


@functools.cache
def shared_library(source: Path, *options: str) -> Path:
    """The compiled C file. Raises NoToolchainError."""
    if shutil.which("gcc") is None:
        raise NoToolchainError("gcc is not installed")
    library = Path(tempfile.mkdtemp(prefix="posetest-")) / f"lib{source.stem}.so"
    command = ["gcc", "-O2", "-fPIC", "-shared", "-o", str(library), str(source), *options]
    done = finished(command)
    if done.returncode:
        raise NoToolchainError(f"{source.name} does not compile: {done.stderr.strip()[-300:]}")
    return library
