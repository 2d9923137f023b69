"""A small session, and a copy that a test may damage."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.edge.sources.session.small_session import START_NS, fill, make


@pytest.fixture(scope="package")
def original(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("session") / "original"
    with make(path) as writer:
        fill(writer)
        joints = np.full((2, 2, 25, 3), np.nan)
        joints[:, 0, 8] = [[0.0, 0.0, 3.0], [0.0, 0.0, 3.1]]
        joints[1, 1, 8] = [1.0, 0.0, 4.0]  # comes later
        writer.set_truth(np.array([START_NS, START_NS + 10**9]), joints)
    return path


@pytest.fixture
def folder(original, tmp_path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(original, tmp_path / "copy"))
