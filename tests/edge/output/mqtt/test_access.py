"""A broker with TLS, passwords and an access list: what gets in, and what does not."""

import json
import logging
from dataclasses import dataclass
from pathlib import Path

import pytest

from edge.__main__ import main
from edge.core.config import load_config
from edge.output.mqtt.publisher import MqttPublisher
from tests.support import ROOT
from tests.support.broker.mosquitto import Authority, Mosquitto, needs_mosquitto
from tests.support.broker.subscriber import password_file
from tests.support.waiting import LIMIT_S, until

pytestmark = needs_mosquitto

ACL = """user hall
topic readwrite posekernel/hall/#
topic readwrite homeassistant/device/posekernel_hall/config
topic read homeassistant/status
user deaf
topic write posekernel/deaf/#
topic readwrite homeassistant/device/posekernel_deaf/config
"""
PASSWORDS = {"hall": "corr3ct-h0rse", "deaf": "corr3ct-h0rse"}


@dataclass
class Site:
    """The broker's authority, a foreign one, and the device's files."""

    folder: Path
    ours: Authority
    foreign: Authority

    def broker(
        self, certificate: tuple[Path, Path] | None = None, *, clients: bool = False
    ) -> Mosquitto:
        return Mosquitto(
            self.folder / f"b{len(list(self.folder.iterdir()))}",
            passwords=PASSWORDS,
            acl=ACL,
            tls=self.ours,
            certificate=certificate,
            require_certificate=clients,
        )

    def config(
        self,
        broker: Mosquitto,
        *,
        device: str = "hall",
        user: str = "hall",
        password: str = "corr3ct-h0rse",
        extra: str = "",
    ) -> Path:
        path = self.folder / "config.toml"
        path.write_text(f"""
[device]
id = "{device}"
[source]
kind = "replay"
path = "{ROOT / "edge" / "sessions" / "demo"}"
[mqtt]
host = "127.0.0.1"
port = {broker.port}
username = "{user}"
password_file = "{password_file(self.folder, password)}"
tls = true
ca_file = "{self.ours.certificate}"
{extra}
""")
        return path


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder = tmp_path_factory.mktemp("site")
    return Site(folder, Authority.create(folder / "ours"), Authority.create(folder / "foreign"))


def doctors_sentence(config: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """What `doctor` finds about the broker; "" when all is well."""
    code = main(["doctor", "--config", str(config), "--no-hardware", "--json"])
    (broker,) = [f for f in json.loads(capsys.readouterr().out) if f["check"] == "broker"]
    assert (broker["outcome"] == "error") == (code == 1)
    return "" if broker["outcome"] == "ok" else str(broker["found"])


def logged(config: Path, caplog: pytest.LogCaptureFixture) -> list[str]:
    """What a sensor logs about it, its second attempt included."""
    loaded = load_config(config)
    caplog.clear()
    with (
        caplog.at_level(logging.INFO, "edge"),
        MqttPublisher(loaded.mqtt, loaded.device.id, source="simulated") as publisher,
    ):
        assert until(lambda: publisher.last_error)
        publisher.wait_connected(1.0)
    lines = [
        r.getMessage()
        for r in caplog.records
        if r.name.startswith("edge.") and r.levelno >= logging.WARNING
    ]
    return [line.removesuffix(" (poses go on; trying again)") for line in lines]


def test_the_right_device_gets_in_and_stays_below_its_own_id(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    with site.broker() as broker:
        assert doctors_sentence(site.config(broker), capsys) == ""
        loaded = load_config(site.config(broker))
        with MqttPublisher(loaded.mqtt, "hall", source="simulated") as publisher:
            assert publisher.wait_connected(LIMIT_S), publisher.last_error
            publisher.publish_event({"n": 1})
            assert until(lambda: publisher.outbox.depth == 0)
            assert publisher.last_error is None


@pytest.mark.parametrize(
    "trouble", ["password", "expired", "foreign", "topic", "client expired", "client foreign"]
)
def test_each_trouble_is_one_sentence_in_doctor_and_log(
    site: Site, trouble: str, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    certificate, extra = None, ""
    if trouble == "expired":
        certificate = site.ours.issue("old", days=-1)
    elif trouble == "foreign":
        certificate = site.foreign.issue("other")
    elif trouble.startswith("client"):
        shown = (
            site.ours.issue("late", days=-1)
            if trouble == "client expired"
            else site.foreign.issue("stranger")
        )
        extra = f'client_cert = "{shown[0]}"\nclient_key = "{shown[1]}"'
    with site.broker(certificate, clients=bool(extra)) as broker:
        where = f"MQTT broker at 127.0.0.1:{broker.port}"
        config = site.config(
            broker,
            device="kitchen" if trouble == "topic" else "hall",
            password="wrong" if trouble == "password" else "corr3ct-h0rse",
            extra=extra,
        )
        sentence, lines = doctors_sentence(config, capsys), logged(config, caplog)
    untrusted = f"{where}: its certificate is not trusted"
    rejected = f"{where} rejects our client certificate"
    expected = {
        "password": f"{where} refused user 'hall' (Not authorized); check mqtt.username, ",
        "expired": f"{untrusted} (certificate has expired); set mqtt.ca_file",
        "foreign": f"{untrusted} (",
        "topic": f"{where} does not let user 'hall' publish to posekernel/kitchen/",
        "client expired": f"{rejected} {site.ours.folder / 'late.crt'} (certificate expired); mend",
        "client foreign": f"{rejected} {site.foreign.folder / 'stranger.crt'} (unknown ca); mend",
    }[trouble]
    assert sentence.startswith(expected)
    assert "\n" not in sentence
    assert len(lines) == 1
    assert lines[0].startswith(expected)
    if trouble != "topic":  # there each names the topic that it tried
        assert lines[0] == sentence
    assert "corr3ct-h0rse" not in sentence + lines[0]


def test_doctor_names_a_sensor_that_may_not_receive_commands(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    with site.broker() as broker:
        sentence = doctors_sentence(site.config(broker, device="deaf", user="deaf"), capsys)
    assert sentence.endswith(
        "does not let user 'deaf' read posekernel/deaf/cmd/#, so no command will arrive; "
        "allow it in the broker's ACL"
    )
