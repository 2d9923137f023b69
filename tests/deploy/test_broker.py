"""The broker's configuration, as the role renders it, in a real mosquitto: who gets in, and who may say what."""

import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import jinja2
import pytest
import yaml

from tests.mosquitto import BINARY, Authority, free_port, needs_mosquitto

ROLE = Path(__file__).parents[2] / "deploy" / "roles" / "broker"
pytestmark = needs_mosquitto


class Broker:
    """The role's files with paths and ports of a test, and mosquitto running them."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        self.authority, self.folder = authority, folder
        self.port, self.users_port, self.websocket_port = free_port(), free_port(), free_port()
        variables = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text()) | {
            "ansible_managed": "by a test",
            "inventory_hostname": "site-a",
            "broker_address": "127.0.0.1",
            "broker_port": self.port,
            "broker_users_port": self.users_port,
            "broker_websocket_port": self.websocket_port,
            "broker_websocket_address": "127.0.0.1",
            "broker_tls_dir": str(folder),
            "broker_users": {"operator": {"password": "secret", "acl": ["topic read posekernel/#"]}},
        }
        certificate, key = authority.issue("site-a")
        for source, name in ((authority.certificate, "ca.crt"), (certificate, "device.crt"), (key, "device.key")):
            (folder / name).write_bytes(source.read_bytes())
        environment = jinja2.Environment(trim_blocks=True, undefined=jinja2.StrictUndefined)
        for template, name in (("posekernel.conf.j2", "posekernel.conf"), ("acl.j2", "posekernel.acl")):
            text = environment.from_string((ROLE / "templates" / template).read_text()).render(variables)
            (folder / name).write_text(text.replace("/etc/mosquitto", str(folder)))
            (folder / name).chmod(0o600)
        subprocess.run(["mosquitto_passwd", "-b", "-c", folder / "posekernel.passwords", "operator", "secret"], check=True)
        with (folder / "posekernel.conf").open("a") as config:
            config.write(f"\nuser root\nlog_dest file {folder}/log\nlog_type all\n")
        assert BINARY is not None
        self.process = subprocess.Popen([BINARY, "-c", str(folder / "posekernel.conf")])
        deadline = time.monotonic() + 20.0
        while not all(_listens("127.0.0.1", p) for p in (self.port, self.users_port, self.websocket_port)):
            assert self.process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def publish(self, device: str | None, topic: str, authority: Authority | None = None) -> bool:
        """Whether a device's message is taken; None: one without a certificate."""
        arguments = ["mosquitto_pub", "-V", "mqttv5", "-h", "127.0.0.1", "-p", str(self.port), "-q", "1", "-t", topic, "-m", "x",
                     "--cafile", str(self.authority.certificate)]  # fmt: skip
        if device is not None:
            certificate, key = (authority or self.authority).issue(device)
            arguments += ["--cert", str(certificate), "--key", str(key)]
        done = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=30)
        return done.returncode == 0 and "not authorized" not in (done.stdout + done.stderr).lower()


def _listens(host: str, port: int) -> bool:
    with socket.socket() as s:
        s.settimeout(1.0)
        return s.connect_ex((host, port)) == 0


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    folder = tmp_path_factory.mktemp("broker")
    broker = Broker(folder, Authority.create(folder / "authority"))
    yield broker
    broker.process.terminate()
    broker.process.wait(10.0)


def test_a_device_speaks_for_itself_and_for_no_other(broker: Broker) -> None:
    assert broker.publish("hall", "posekernel/hall/pose")
    assert broker.publish("hall", "homeassistant/device/posekernel_hall/config")
    assert not broker.publish("hall", "posekernel/kitchen/pose")
    assert not broker.publish("hall", "homeassistant/device/posekernel_kitchen/config")
    assert not broker.publish("hall", "homeassistant/status")


def test_without_a_certificate_of_the_fleet_nobody_gets_in(broker: Broker, tmp_path: Path) -> None:
    assert not broker.publish(None, "posekernel/hall/pose")
    assert not broker.publish("hall", "posekernel/hall/pose", Authority.create(tmp_path / "another"))


def test_a_person_reads_with_a_password_and_writes_nothing(broker: Broker) -> None:
    to = ["-V", "mqttv5", "-h", "127.0.0.1", "-p", str(broker.users_port), "--cafile", str(broker.authority.certificate)]
    operator = ["-u", "operator", "-P", "secret"]
    sent = subprocess.run(["mosquitto_pub", *to, *operator, "-q", "1", "-t", "posekernel/hall/pose", "-m", "x"],
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert "not authorized" in (sent.stdout + sent.stderr).lower()
    wrong = subprocess.run(
        ["mosquitto_sub", *to, "-u", "operator", "-P", "guess", "-t", "#", "-W", "2"], capture_output=True, check=False
    )
    assert wrong.returncode not in (0, 27)  # 27: nothing came in time, so it was let in
    reader = subprocess.Popen(["mosquitto_sub", *to, *operator, "-t", "posekernel/#", "-C", "1", "-W", "30"],
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
        for line in subprocess.run(["ss", "-Hltn"], capture_output=True, text=True, check=True).stdout.splitlines()
    }
    assert {a for a in own if a.endswith(f":{broker.websocket_port}")} == {f"127.0.0.1:{broker.websocket_port}"}
