"""What the training tests share."""

from pathlib import Path

import pytest

from tests.support.datasets import make_points


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Point-like people before a ring of six microphones, with noise, in the dataset format."""
    return make_points(tmp_path_factory.mktemp("points"))
