"""A broker and a running Home Assistant that listens to it."""

from collections.abc import Iterator

import pytest

from tests.support.broker.mosquitto import Mosquitto
from tests.support.homeassistant.core import HomeAssistant


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path_factory.mktemp("broker")) as running:
        yield running


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, broker: Mosquitto) -> Iterator[HomeAssistant]:
    with HomeAssistant(tmp_path_factory.mktemp("home")) as running:
        running.add_broker(broker)
        yield running
