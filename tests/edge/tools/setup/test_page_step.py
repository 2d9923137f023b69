"""The live page within the setup: a broker that takes browsers, a free port, a password."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.core.config import load_config
from edge.output.page.page_password import read_page_password
from edge.sensor.plan import prepare
from edge.tools.setup import broker_sockets, mdns
from edge.tools.setup.draft import Draft
from edge.tools.setup.step import AnswerError
from edge.tools.setup.steps.page import PageAnswers, PageStep
from tests.support.broker.mosquitto import Mosquitto, free_port, needs_mosquitto

pytestmark = needs_mosquitto
CONFIG = """
device = {{ id = "hall" }}
audio = {{ playback_channels = 2 }}
camera = {{ backend = "v4l2", device = "/dev/video0" }}
mqtt = {{ host = "127.0.0.1", port = {port} }}
[rig]
speakers_m = [[0.10, 0.06, 0.0]]
mics_m = [[-0.032, 0.06, 0.0], [0.0, 0.028, 0.0], [0.032, 0.06, 0.0], [0.0, 0.092, 0.0]]
camera = {{ fx = 480, fy = 480, cx = 320, cy = 240 }}
"""


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path_factory.mktemp("broker"), websockets=True) as running:
        yield running


@pytest.fixture
def draft(tmp_path: Path, broker: Mosquitto, monkeypatch: pytest.MonkeyPatch) -> Draft:
    monkeypatch.setattr(broker_sockets, "PORTS", (free_port(), broker.websocket_port))
    (tmp_path / "config.toml").write_text(CONFIG.format(port=broker.port))
    return Draft.open(tmp_path / "config.toml")


def settle(draft: Draft, answer: PageAnswers) -> list[str]:
    return [str(j) for j in PageStep().settle(draft, answer, lambda text: None)]


def test_the_brokers_port_for_browsers_is_found(draft: Draft, broker: Mosquitto) -> None:
    port = free_port()
    said = settle(draft, PageAnswers("here", port=port))
    assert said[0] == f"good: the page will be at http://localhost:{port}/; Zones… is for drawing"
    assert "journalctl -u posekernel" in said[1]
    draft.write()
    config = load_config(draft.path)
    assert config.web.enabled
    assert config.web.websocket_url == f"ws://127.0.0.1:{broker.websocket_port}/"
    again = Draft.open(draft.path)
    defaults = {q.key: q.default for q in PageStep().ask(again, {}).questions}
    assert (defaults["show"], defaults["port"]) == ("here", port)
    settle(again, PageAnswers("off"))
    again.write()
    assert not load_config(draft.path).web.enabled


def test_for_the_network_localhost_is_called_by_its_address(
    draft: Draft, broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mdns, "own_addresses", lambda: ["127.0.0.2", "hall.local"])
    with pytest.raises(AnswerError, match=r"no broker takes browsers at 127\.0\.0\.2 \(tried: "):
        settle(draft, PageAnswers("network", port=free_port()))
    monkeypatch.setattr(mdns, "own_addresses", lambda: ["127.0.0.1", "hall.local"])
    port = free_port()
    said = settle(draft, PageAnswers("network", port=port))
    assert f"http://127.0.0.1:{port}/ or http://hall.local:{port}/" in said[0]
    assert draft.get("web.host") == "0.0.0.0"


def test_only_a_hash_of_the_password_is_written(draft: Draft) -> None:
    with pytest.raises(AnswerError, match="8 to 200") as refused:
        settle(draft, PageAnswers("here", port=free_port(), password="short"))
    assert refused.value.key == "password"
    said = settle(draft, PageAnswers("here", port=free_port(), password="apples and pears"))
    assert len(said) == 1
    draft.write()
    file = draft.path.with_name("page-password")
    assert file.stat().st_mode & 0o777 == 0o600
    assert "apples" not in file.read_text()
    config = load_config(draft.path)
    prepare(config)
    password = read_page_password(config.web.password_file)
    assert password is not None
    assert password.is_right("apples and pears")


def test_what_no_browser_could_use_is_refused(draft: Draft, broker: Mosquitto) -> None:
    for url, why in (
        (f"ws://127.0.0.1:{free_port()}/", "Connection refused"),
        (f"ws://127.0.0.1:{broker.port}/", "127.0.0.1"),  # MQTT without WebSockets
        ("ws://", "ws://"),
    ):
        with pytest.raises(AnswerError, match="no broker takes browsers at") as refused:
            settle(draft, PageAnswers("here", url, free_port()))
        assert refused.value.key == "websocket_url"
        assert why in str(refused.value)
        assert "listener 9001" in str(refused.value)


def test_a_port_that_is_taken_is_named(draft: Draft) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(AnswerError, match=rf"{port} cannot be had \(Address already in use\)"):
            settle(draft, PageAnswers("here", port=port))
