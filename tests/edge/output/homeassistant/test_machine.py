"""What is known of the machine, for the device's page in Home Assistant."""

from pathlib import Path

import pytest

from edge.core.config import MqttConfig, WebConfig
from edge.output.homeassistant.discovery import discovery_message
from edge.output.homeassistant.machine import HostMachine, page_url, this_machine

BROKER, OFF = MqttConfig(host="127.0.0.1"), WebConfig()


def test_a_raspberry_pi_has_its_own_serial_and_model(tmp_path: Path) -> None:
    tree = tmp_path / "device-tree"
    tree.mkdir()
    (tree / "serial-number").write_text("10000000abcdef01\0")
    (tree / "model").write_text("Raspberry Pi 5 Model B Rev 1.0\0")
    machine = this_machine(BROKER, OFF, tmp_path)
    assert machine == HostMachine("10000000abcdef01", "Raspberry Pi 5 Model B Rev 1.0", "")
    device = discovery_message(
        BROKER, "hall", version="1", source="device", machine=machine
    )["device"]  # fmt: skip
    assert device["serial_number"] == machine.serial
    assert device["hw_version"] == machine.model
    assert "configuration_url" not in device


def test_a_pc_has_one_of_its_own_that_does_not_give_away_its_id(tmp_path: Path) -> None:
    ids = []
    for name in ("0123456789abcdef0123456789abcdef", "f" * 32):
        (tmp_path / "machine-id").write_text(name + "\n")
        ids.append(this_machine(BROKER, OFF, tmp_path, tmp_path / "machine-id").serial)
        assert name[:8] not in ids[-1]
    assert len(set(ids)) == 2
    assert this_machine(BROKER, OFF, tmp_path, tmp_path / "none") == HostMachine()


@pytest.mark.parametrize(
    ("web", "url"),
    [
        (WebConfig(host="192.168.1.20"), ""),  # off
        (WebConfig(enabled=True), ""),  # for this machine only
        (WebConfig(enabled=True, host="192.168.1.20", port=0), ""),
        (WebConfig(enabled=True, host="192.168.1.20"), "http://192.168.1.20:8080/"),
        (WebConfig(enabled=True, host="fd00::2"), "http://[fd00::2]:8080/"),
    ],
)
def test_the_page_is_linked_where_others_can_reach_it(web: WebConfig, url: str) -> None:
    assert page_url(BROKER, web) == url


def test_a_page_at_every_address_has_a_name_that_it_answers_to() -> None:
    url = page_url(BROKER, WebConfig(enabled=True, host="0.0.0.0"))
    assert url.startswith("http://")
    assert url.endswith(".local:8080/")
