"""What the training tests share."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.datasets import make_points


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Point-like people before a ring of six microphones, with noise, in the dataset format."""
    return make_points(tmp_path_factory.mktemp("points"))


@pytest.fixture(scope="module", params=("ray", "volume"))
def trained(
    request: pytest.FixtureRequest, dataset: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The checkpoint of the smallest network of each form, trained for a few steps."""
    from export.train.training import train  # needs torch
    from tests.export.train.tiny import TINY

    run = tmp_path_factory.mktemp("run")
    return train(replace(TINY, form=request.param), dataset, run, say=lambda line: None)
