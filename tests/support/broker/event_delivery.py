"""Whether every event arrives while broker and publisher are killed again and again."""

import json
import random
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge.output.mqtt.wire.network_thread import stop_network_thread
from tests.support import ROOT
from tests.support.broker.event_publisher import DEVICE
from tests.support.broker.mosquitto import Mosquitto
from tests.support.waiting import until


@dataclass(frozen=True, slots=True)
class Outcome:
    """accepted: events that publish_event accepted. missing: accepted, but never arrived. gaps:
    missing sequence numbers between the first and the last. disorder: first arrivals after one with
    a higher number. resumed: how often poses came again after the broker.
    """

    accepted: int
    missing: int
    gaps: int
    disorder: int
    resumed: int


class Receiver:
    """A subscriber with a persistent session. sequences: events as they came, with doubles."""

    def __init__(self, port: int) -> None:
        self.sequences: list[int] = []
        self.poses = 0
        self.client = client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id="receiver", protocol=paho.MQTTv5
        )
        client.on_connect = lambda c, *_: c.subscribe(
            [(f"posekernel/{DEVICE}/event", 1), (f"posekernel/{DEVICE}/pose", 0)]
        )
        client.on_message = self._receive
        client.reconnect_delay_set(0.05, 0.1)  # type: ignore[arg-type]  # paho sleeps for any float
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho annotates only parts
        properties.SessionExpiryInterval = 3600
        client.connect("127.0.0.1", port, clean_start=False, properties=properties)
        client.loop_start()

    def close(self) -> None:
        """Disconnect."""
        self.client.disconnect()
        stop_network_thread(self.client)

    def _receive(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        if message.topic.endswith("/event"):
            self.sequences.append(int(json.loads(message.payload)["sequence"]))
        else:
            self.poses += 1


class Device:
    """The publishing process; its outbox is on disk."""

    def __init__(self, folder: Path, port: int, events_per_s: float) -> None:
        self._journal = folder / "journal"
        self._command = [
            sys.executable,
            "-m",
            "tests.support.broker.event_publisher",
            str(port),
            str(folder / "hall.outbox"),
        ]
        self._command += [str(self._journal), str(events_per_s)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, without waiting."""
        self._process = subprocess.Popen(self._command, cwd=ROOT)

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def accepted(self) -> list[int]:
        """Sequence numbers of all events accepted so far."""
        # A kill may leave half a line: that event is not counted as accepted.
        text = self._journal.read_text() if self._journal.exists() else ""
        return [int(line) for line in text[: text.rfind("\n") + 1].split()]


def measure(folder: Path, *, kills: int, restarts: int, seconds: float) -> Outcome:
    """Kill the broker `kills` times and the device `restarts` times within `seconds`, then wait
    until all events have arrived.

    The times are random; the broker stays away for 0.05 to 1.5 s.
    """
    rng = random.Random(1)
    plan = [
        (seconds / (count + 1) * (k + 1 + rng.uniform(-0.3, 0.3)), what)
        for what, count in (("broker", kills), ("device", restarts))
        for k in range(count)
    ]
    resumed = 0
    with Mosquitto(folder / "broker", persistent=True) as broker:
        device, receiver = Device(folder, broker.port, events_per_s=20.0), Receiver(broker.port)
        try:
            device.start()
            assert until(lambda: receiver.sequences)
            began_s = time.monotonic()
            for at_s, what in sorted(plan):
                time.sleep(max(0.0, began_s + at_s - time.monotonic()))
                if what == "broker":
                    broker.kill()
                    time.sleep(rng.uniform(0.05, 1.5))
                    before = receiver.poses
                    broker.start()
                    resumed += until(lambda n=before: receiver.poses > n)
                else:
                    device.kill()
                    device.start()
            time.sleep(max(0.0, began_s + seconds - time.monotonic()))
            device.kill()
            device.start()  # publishes what is left in the outbox
            accepted = device.accepted()
            until(lambda: set(accepted) <= set(receiver.sequences))
        finally:
            device.kill()
            receiver.close()
    seen: set[int] = set()
    disorder, newest = 0, 0
    for sequence in receiver.sequences:
        if sequence not in seen:
            disorder += sequence < newest
            newest = max(newest, sequence)
            seen.add(sequence)
    return Outcome(
        accepted=len(accepted),
        missing=len(set(accepted) - seen),
        gaps=max(seen) - min(seen) + 1 - len(seen),
        disorder=disorder,
        resumed=resumed,
    )
