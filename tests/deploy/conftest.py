"""These tests boot Debian as root and take minutes: `make test-deploy` runs them, the ordinary run does not."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.deploy.machine import CACHE
from tests.deploy.playbooks import DEPLOY
from tests.mosquitto import Mosquitto

collect_ignore_glob = [] if os.environ.get("POSEKERNEL_DEPLOY_TESTS") else ["test_*.py"]


@pytest.fixture(scope="session")
def wheelhouse() -> None:
    shutil.rmtree(CACHE / "wheelhouse", ignore_errors=True)
    CACHE.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [str(DEPLOY / "wheelhouse.sh"), str(CACHE / "wheelhouse"), os.uname().machine, "3.11"],
        env=os.environ | {"PYTHON": sys.executable}, check=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path_factory.mktemp("broker")) as broker:
        yield broker
