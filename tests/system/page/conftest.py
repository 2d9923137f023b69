"""A broker that pages reach, a sensor on it, and a recording."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from edge.core.config import Config, DeviceConfig
from edge.output.message_file import MessageFile
from edge.output.page.description import page_description
from tests.support.broker.mosquitto import Mosquitto
from tests.support.browser.page_sensor import (
    LIVE,
    RIG,
    Sensor,
    a_pose,
    a_profile,
    an_event,
    sensing,
)

if TYPE_CHECKING:
    from tests.support.browser.chromium import Chromium, Page


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path / "broker", websockets=True) as b:
        yield b


@pytest.fixture
def hall(broker: Mosquitto, browser: "Chromium") -> "Iterator[tuple[Sensor, Page]]":
    with sensing(broker) as sensor, browser.open(sensor.url) as page:
        page.wait(LIVE)
        yield sensor, page


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds in another place: poses, an echo that moves, and an event after two seconds."""
    path = tmp_path_factory.mktemp("recording") / "kitchen.jsonl"
    page = page_description(Config(device=DeviceConfig("kitchen")), RIG) | {"name": "kitchen <1>"}
    with MessageFile(path, page) as file:
        for k in range(61):
            t_ns = 5_000_000_000 + k * 100_000_000
            file.publish_pose(a_pose(1000 + k, t_ns))
            if k % 5 == 0:
                file.publish_stream("envelope", a_profile(t_ns, k))
            if k == 20:
                file.publish_event(an_event("zone_entered", "sofa", t_ns))
    return path
