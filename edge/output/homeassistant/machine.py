"""What is known of the machine that the sensor runs on, for the device's page in Home Assistant."""

import hashlib
import socket
from dataclasses import dataclass
from pathlib import Path

from edge.core.config import MqttConfig, WebConfig
from edge.core.profiles import PROC, board_model

_MACHINE_ID = Path("/etc/machine-id")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_ANY = ("", "0.0.0.0", "::")


@dataclass(frozen=True, slots=True)
class HostMachine:
    """Each is "" where it is not known. serial: of the board. model: of the board. page: address of
    the live page as other machines reach it.
    """

    serial: str = ""
    model: str = ""
    page: str = ""


def this_machine(
    mqtt: MqttConfig, web: WebConfig, proc: Path = PROC, machine_id: Path = _MACHINE_ID
) -> HostMachine:
    """What can be read here. Without a device tree, as a PC has none, the serial is made from the
    machine's id, which itself should stay on it (machine-id(5)).
    """
    serial = _text(proc / "device-tree" / "serial-number")
    if not serial and (kept := _text(machine_id)):
        serial = hashlib.sha256(f"posekernel {kept}".encode()).hexdigest()[:16]
    return HostMachine(serial, board_model(proc), page_url(mqtt, web))


def page_url(mqtt: MqttConfig, web: WebConfig) -> str:
    """Address of the page for others; "" where it is off, or only for this machine, or its port is
    not known beforehand.
    """
    if not web.enabled or not web.port or web.host in _LOOPBACK:
        return ""
    host = _address_towards(mqtt) if web.host in _ANY else web.host
    if not host:
        return ""
    return f"http://{f'[{host}]' if ':' in host else host}:{web.port}/"


def _address_towards(mqtt: MqttConfig) -> str:
    """This machine's address in the broker's network, else its name."""
    try:
        kind, *_, broker = socket.getaddrinfo(mqtt.host, mqtt.port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(kind, socket.SOCK_DGRAM) as s:
            s.connect(broker)  # sends nothing
            found = str(s.getsockname()[0])
    except OSError:
        found = _LOOPBACK[0]
    if not found.startswith("127.") and found not in _LOOPBACK:
        return found
    return f"{socket.gethostname().partition('.')[0]}.local"


def _text(path: Path) -> str:
    try:
        return path.read_text().rstrip("\0\n").strip()
    except (OSError, UnicodeDecodeError):
        return ""
