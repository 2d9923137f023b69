from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.output.mqtt.access import PASSWORD_VARIABLE
from tests.support.broker.mosquitto import Mosquitto


@pytest.fixture(autouse=True)
def _no_password_in_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PASSWORD_VARIABLE, raising=False)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path / "broker") as b:
        yield b
