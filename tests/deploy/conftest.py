"""These tests boot Debian as root and take minutes: only `make test-deploy` runs them."""

import os
from collections.abc import Iterator

import pytest

from tests.deploy.parts.packages import make_package
from tests.support.broker.mosquitto import Mosquitto

collect_ignore_glob = [] if os.environ.get("POSEKERNEL_DEPLOY_TESTS") else ["test_*.py"]


@pytest.fixture(scope="session")
def package() -> None:
    make_package()


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path_factory.mktemp("broker")) as broker:
        yield broker
