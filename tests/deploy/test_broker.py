"""The role's broker configuration in a real mosquitto: who gets in and may say what."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.peers.broker import Broker
from tests.support.broker.mosquitto import Authority, needs_mosquitto

pytestmark = needs_mosquitto


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    folder = tmp_path_factory.mktemp("broker")
    broker = Broker(folder, Authority.create(folder / "authority"), {"operator": "secret"})
    yield broker
    broker.stop()


def test_a_device_speaks_for_itself_and_for_no_other(broker: Broker) -> None:
    assert broker.publish("hall", "posekernel/hall/pose")
    assert broker.publish("hall", "homeassistant/device/posekernel_hall/config")
    assert not broker.publish("hall", "posekernel/kitchen/pose")
    assert not broker.publish("hall", "homeassistant/device/posekernel_kitchen/config")
    assert not broker.publish("hall", "homeassistant/status")


def test_without_a_certificate_of_the_fleet_nobody_gets_in(broker: Broker, tmp_path: Path) -> None:
    assert not broker.publish(None, "posekernel/hall/pose")
    assert not broker.publish(
        "hall", "posekernel/hall/pose", authority=Authority.create(tmp_path / "another")
    )


def test_a_person_reads_with_a_password_and_writes_nothing(broker: Broker) -> None:
    to = [
        "-V",
        "mqttv5",
        "-h",
        "127.0.0.1",
        "-p",
        str(broker.users_port),
        "--cafile",
        str(broker.authority.certificate),
    ]
    operator = ["-u", "operator", "-P", "secret"]
    sent = subprocess.run(["mosquitto_pub", *to, *operator, "-q", "1", "-t",
                          "posekernel/hall/pose", "-m", "x"],
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert "not authorized" in (sent.stdout + sent.stderr).lower()
    wrong = subprocess.run(
        ["mosquitto_sub", *to, "-u", "operator", "-P", "guess", "-t", "#", "-W", "2"],
        capture_output=True,
        check=False,
    )
    assert wrong.returncode not in (0, 27)  # 27: nothing came in time, so it was let in
    reader = subprocess.Popen(["mosquitto_sub", *to, *operator, "-t", "posekernel/#", "-C", "1",
                              "-W", "30"],
                              stdout=subprocess.PIPE, text=True)  # fmt: skip
    deadline = time.monotonic() + 30.0
    while reader.poll() is None:
        assert time.monotonic() < deadline
        assert broker.publish("hall", "posekernel/hall/event")
    assert reader.communicate()[0] == "x\n"


def test_websockets_listen_on_their_address_only(broker: Broker) -> None:
    """Mosquitto 2.0 listens everywhere unless socket_domain is set."""
    own = {
        line.split()[3]
        for line in subprocess.run(
            ["ss", "-Hltn"], capture_output=True, text=True, check=True
        ).stdout.splitlines()
    }
    assert {a for a in own if a.endswith(f":{broker.websocket_port}")} == {
        f"127.0.0.1:{broker.websocket_port}"
    }
