"""Brokers in a network of their own: announced, and not."""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator

import pytest

from tests.support.waiting import LIMIT_S, finished

pytest.importorskip("zeroconf", reason="zeroconf is not installed; pip install 'posekernel[setup]'")

LOOK = """
import sys, time
from edge.tools.setup import mdns
began = time.monotonic()
found, problem = mdns.look()
print(problem or [str(broker) for broker in found])
print(time.monotonic() - began)
"""
ANNOUNCE = """
import sys, time
from ipaddress import ip_address
from zeroconf import IPVersion, ServiceInfo, Zeroconf
network = Zeroconf(ip_version=IPVersion.V4Only)
for name, port in (
    ("Mosquitto on shed._mqtt._tcp.local.", 1884), ("Home._home-assistant._tcp.local.", 8123)
):
    kind = name.partition(".")[2]
    at = [ip_address("10.77.0.1").packed]
    network.register_service(ServiceInfo(kind, name, port, addresses=at, server="shed.local."))
print("announced", flush=True)
time.sleep(3600)
"""


@pytest.fixture
def namespace() -> Iterator[list[str]]:
    """The command that runs a program in a network with one interface and nobody else."""
    name = f"posekernel-{uuid.uuid4().hex[:8]}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        pytest.skip(f"no network namespace can be made here: {made.stderr.strip()}")
    inside = ["ip", "netns", "exec", name]
    try:
        for command in (
            ["ip", "link", "add", "lan", "type", "veth", "peer", "name", "lan2"],
            ["ip", "addr", "add", "10.77.0.1/24", "dev", "lan"],
            ["ip", "link", "set", "lan2", "up"],
            ["ip", "link", "set", "lan", "up"],
            ["ip", "link", "set", "lo", "up"],
        ):
            subprocess.run([*inside, *command], check=True, capture_output=True)
        yield inside
    finally:
        subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace needs root")
def test_announced_brokers_are_found_and_none_is_soon_a_sentence(namespace: list[str]) -> None:
    python = [*namespace, sys.executable, "-c"]
    said, seconds = finished([*python, LOOK]).stdout.splitlines()
    assert said == "[]"
    assert float(seconds) < 4.0
    announcer = subprocess.Popen([*python, ANNOUNCE], stdout=subprocess.PIPE, text=True)
    try:
        assert announcer.stdout is not None
        assert announcer.stdout.readline() == "announced\n"
        done = finished([*python, LOOK], timeout=LIMIT_S)
    finally:
        announcer.terminate()
        announcer.wait(LIMIT_S)
    said, seconds = done.stdout.splitlines()
    assert said == str(
        [
            "MQTT broker: Mosquitto on shed at 10.77.0.1:1884",
            "Home Assistant, perhaps with a broker: Home at 10.77.0.1:1883",
        ]
    )
    assert float(seconds) < 4.0


def test_without_a_network_it_says_so(namespace: list[str]) -> None:
    subprocess.run([*namespace, "ip", "link", "set", "lan", "down"], check=True)
    subprocess.run([*namespace, "ip", "link", "set", "lo", "down"], check=True)
    done = finished([*namespace, sys.executable, "-c", LOOK])
    assert done.returncode == 0, done.stderr
    assert float(done.stdout.splitlines()[-1]) < 4.0
