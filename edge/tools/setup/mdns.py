"""Brokers that announce themselves in the network (mDNS and DNS-SD, RFC 6762 and 6763)."""

import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

MQTT, HOME_ASSISTANT = "_mqtt._tcp.local.", "_home-assistant._tcp.local."
LOOK_S = 3.0
_ENOUGH_S = 1.0  # after the first one has been found; others answer as fast
_BROKER_PORT = 1883


@dataclass(frozen=True, slots=True)
class AnnouncedBroker:
    """A broker that may be there. name: as announced. sure: a broker said so itself; else it is a
    Home Assistant, whose Mosquitto add-on listens at this port where it is installed.
    """

    name: str
    host: str
    port: int
    sure: bool

    def __str__(self) -> str:
        what = "MQTT broker" if self.sure else "Home Assistant, perhaps with a broker"
        return f"{what}: {self.name} at {self.host}:{self.port}"


def look(seconds: float = LOOK_S) -> tuple[list[AnnouncedBroker], str]:
    """(what is announced, brokers first; why nothing was looked for, "" where it was), within
    `seconds` and a moment.
    """
    try:
        from zeroconf import IPVersion, ServiceBrowser, ServiceStateChange, Zeroconf
    except ImportError:
        return [], "the package zeroconf is not installed, so the network was not searched"
    names: dict[str, str] = {}  # name: type
    first = threading.Event()

    def changed(zeroconf: Any, service_type: str, name: str, state_change: Any) -> None:
        if state_change is not ServiceStateChange.Removed:
            names[name] = service_type
            first.set()

    try:
        network = Zeroconf(ip_version=IPVersion.V4Only)
    except OSError as e:
        return [], f"the network could not be searched ({e.strerror or e})"
    try:
        end = time.monotonic() + seconds
        ServiceBrowser(network, [MQTT, HOME_ASSISTANT], handlers=[changed])
        if first.wait(seconds):
            time.sleep(max(0.0, min(_ENOUGH_S, end - time.monotonic())))
        found = [
            broker
            for name, kind in list(names.items())
            if (broker := _resolved(network, kind, name, end)) is not None
        ]
    finally:
        network.close()
    return sorted(set(found), key=lambda b: (not b.sure, b.name)), ""


def _resolved(network: Any, kind: str, name: str, end_s: float) -> AnnouncedBroker | None:
    left_ms = max(200, round(1000.0 * (end_s - time.monotonic())))
    info = network.get_service_info(kind, name, timeout=left_ms)
    if info is None or not (addresses := info.parsed_addresses()):
        return None
    sure = kind == MQTT
    label = name.removesuffix(f".{kind}")
    # The address, not the name.local: that needs a resolver of its own on this machine.
    return (
        AnnouncedBroker(label, addresses[0], info.port or _BROKER_PORT, sure)
        if sure
        else (AnnouncedBroker(label, addresses[0], _BROKER_PORT, False))
    )


def own_addresses() -> list[str]:
    """This machine's names and IPv4 addresses in the local network, the likeliest first."""
    address = ""
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        # Nothing is sent: the system only says from which address it would be (RFC 5737).
        probe.connect(("192.0.2.1", 9))
        address = str(probe.getsockname()[0])
    name = socket.gethostname().partition(".")[0]
    return [*([address] if address else []), f"{name}.local"]
