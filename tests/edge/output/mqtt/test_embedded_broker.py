import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from edge.core.config import MqttConfig
from edge.core.errors import BrokerError
from edge.output.messages.payloads import encode, pose_message
from edge.output.mqtt import embedded_broker as broker_module
from edge.output.mqtt.broker_visit import check
from edge.output.mqtt.embedded_broker import EmbeddedBroker, Kind, find_mosquitto
from edge.output.mqtt.publisher import MqttPublisher
from edge.output.mqtt.wire.network_thread import stop_network_thread
from tests.support import ROOT
from tests.support.messages import a_person, an_estimate
from tests.support.waiting import LIMIT_S, until

KINDS = [
    pytest.param(
        "mosquitto",
        marks=pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed"),
    ),
    "amqtt",
]
# As large as a pose becomes.
POSE = pose_message(an_estimate(*(a_person(id=number) for number in range(1, 7))), "demo")


@pytest.fixture(autouse=True)
def _amqtt_installed(request: pytest.FixtureRequest) -> None:
    if "amqtt" in request.node.name:
        pytest.importorskip("amqtt", reason="amqtt is not installed")


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def listens(port: int) -> bool:
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("transport", ["tcp", "websockets"])
@pytest.mark.parametrize("kind", KINDS)
def test_poses_reach_subscribers(kind: Kind, transport: str) -> None:
    got: list[tuple[str, bytes]] = []
    done = threading.Event()
    with EmbeddedBroker(kind) as broker:
        client = paho.Client(CallbackAPIVersion.VERSION2, transport=transport)  # type: ignore[arg-type]
        subscribed = threading.Event()
        client.on_subscribe = lambda *_: subscribed.set()

        def on_message(_c: object, _d: object, m: paho.MQTTMessage) -> None:
            got.append((m.topic, bytes(m.payload)))
            if m.topic.endswith("/pose"):
                done.set()

        client.on_message = on_message
        client.connect(broker.host, broker.port if transport == "tcp" else broker.websocket_port)
        client.loop_start()
        client.subscribe("posekernel/#", qos=1)
        assert subscribed.wait(LIMIT_S)
        config = MqttConfig(host=broker.host, port=broker.port, protocol=broker.protocol)
        assert check(config) is None
        with MqttPublisher(config, "demo", source="simulated") as publisher:
            assert publisher.wait_connected(LIMIT_S), publisher.last_error
            assert publisher.publish_pose(POSE)
            assert done.wait(LIMIT_S)
        client.disconnect()
        stop_network_thread(client)
    expected = [f"posekernel/demo/{name}" for name in ("summary", "status", "pose")]
    assert [topic for topic, _ in got[:3]] == expected
    assert got[2][1] == encode(POSE)
    assert len(got[2][1]) > 11_000


@pytest.mark.parametrize("kind", KINDS)
def test_starts_and_stops(kind: Kind) -> None:
    with EmbeddedBroker(kind) as broker:
        assert listens(broker.port)
        assert listens(broker.websocket_port)
    assert not listens(broker.port)
    assert not listens(broker.websocket_port)
    broker.close()


@pytest.mark.parametrize("kind", KINDS)
def test_two_at_once(kind: Kind) -> None:
    with EmbeddedBroker(kind) as a, EmbeddedBroker(kind) as b:
        assert len({a.port, a.websocket_port, b.port, b.websocket_port}) == 4


@pytest.mark.parametrize("kind", KINDS)
def test_listens_on_loopback_only(kind: Kind) -> None:
    with EmbeddedBroker(kind) as broker:
        for table in ("tcp", "tcp6"):
            for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
                address, port = line.split()[1].split(":")
                if (
                    int(port, 16) in (broker.port, broker.websocket_port)
                    and line.split()[3] == "0A"
                ):
                    assert address == "0100007F"


@pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_no_orphan_when_the_parent_is_killed(how: signal.Signals) -> None:
    program = (
        "import time; from edge.output.mqtt.embedded_broker import EmbeddedBroker\n"
        "b = EmbeddedBroker('mosquitto'); b.start()\n"
        "print(b._server._process.pid, flush=True); time.sleep(600)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    with parent.stdout:
        child = int(parent.stdout.readline())
    assert alive(child)
    parent.send_signal(how)
    parent.wait()
    left = not until(lambda: not alive(child))
    if left:
        os.kill(child, signal.SIGKILL)
    assert not left


@pytest.mark.parametrize("kind", KINDS)
def test_another_port_when_one_is_taken(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        free = broker_module._free_ports
        offers = [(taken.getsockname()[1], free(1)[0]), free(2)]
        monkeypatch.setattr(broker_module, "_free_ports", lambda _count: offers.pop(0))
        with EmbeddedBroker(kind) as broker:
            assert broker.port != taken.getsockname()[1]
            assert (
                check(MqttConfig(host=broker.host, port=broker.port, protocol=broker.protocol))
                is None
            )


def test_neither_installed_is_one_clear_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_module, "find_mosquitto", lambda: None)
    monkeypatch.setitem(sys.modules, "amqtt", None)
    monkeypatch.setitem(sys.modules, "amqtt.broker", None)
    with pytest.raises(
        BrokerError,
        match=r"^no MQTT broker is installed; sudo apt install mosquitto, or pip install",
    ):
        EmbeddedBroker().start()
    with pytest.raises(BrokerError, match=r"^mosquitto is not installed"):
        EmbeddedBroker("mosquitto").start()


def test_amqtt_where_there_is_no_mosquitto(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_module, "find_mosquitto", lambda: None)
    broker = EmbeddedBroker()
    assert (broker.kind, broker.protocol) == ("amqtt", 311)
