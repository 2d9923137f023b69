"""Whether every event arrives while broker and publisher are killed again and again."""

import json
import os
import random
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge.core.errors import BrokerError
from edge.output.mqtt.embedded_broker import find_mosquitto
from export.studies.event_publisher import DEVICE

_PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result. accepted: events that publish_event accepted. received: different ones that
    arrived. missing: accepted, but never arrived. gaps: missing sequence numbers between the first
    and the last. disorder: first arrivals after one with a higher number. resume_s: from when the
    broker listens again to the first pose at the subscriber.
    """

    seconds: float
    broker_kills: int
    device_kills: int
    accepted: int
    received: int
    duplicates: int
    missing: int
    gaps: int
    disorder: int
    poses: int
    resume_s: tuple[float, ...]


class KillableBroker:
    """A mosquitto that can be killed. durable: it saves each change of its sessions."""

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        found = find_mosquitto()
        if found is None:
            raise BrokerError(
                "mosquitto is not installed, but this measures a real broker; sudo apt install "
                "mosquitto"
            )
        folder.mkdir(parents=True, exist_ok=True)
        with socket.create_server(("127.0.0.1", 0)) as s:
            self.port = int(s.getsockname()[1])
        self._config = folder / "mosquitto.conf"
        lines = [f"listener {self.port} 127.0.0.1", "allow_anonymous true", "log_type none"]
        if durable:
            lines += [
                "max_queued_messages 0",
                "persistence true",
                f"persistence_location {folder}/",
                "autosave_on_changes true",
                "autosave_interval 1",
            ]
        self._config.write_text(
            "\n".join([*lines, *(["user root"] if os.geteuid() == 0 else []), ""])
        )
        self._binary = found
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start and wait until it listens. Raises BrokerError."""
        self._process = subprocess.Popen(
            [self._binary, "-c", self._config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline and self._process.poll() is None:
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.005)
        raise BrokerError("mosquitto does not listen; see its own message")

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """Send SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


class Receiver:
    """A subscriber with a persistent session. sequences: events as they came, with doubles."""

    def __init__(self, port: int) -> None:
        self.sequences: list[int] = []
        self.pose_times_s: list[float] = []
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
        self.client.loop_stop()

    def _receive(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        if message.topic.endswith("/event"):
            self.sequences.append(int(json.loads(message.payload)["sequence"]))
        else:
            self.pose_times_s.append(time.monotonic())


class Device:
    """The publishing process; its outbox is on disk."""

    def __init__(self, folder: Path, port: int, events_per_s: float) -> None:
        self._journal = folder / "journal"
        self._command = [
            sys.executable,
            "-m",
            "export.studies.event_publisher",
            str(port),
            str(folder / "hall.outbox"),
        ]
        self._command += [str(self._journal), str(events_per_s)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, without waiting."""
        self._process = subprocess.Popen(self._command, cwd=Path(__file__).parents[2])

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


def measure(
    folder: Path,
    *,
    kills: int,
    restarts: int,
    seconds: float,
    events_per_s: float = 20.0,
    seed: int = 1,
) -> Outcome:
    """Kill the broker `kills` times and the device `restarts` times within `seconds`, then wait
    until all events have arrived.

    The times are random; the broker stays away for 0.05 to 1.5 s. Raises BrokerError.
    """
    rng = random.Random(seed)
    spacing = seconds / (kills + 1)
    plan = [(spacing * (k + 1 + rng.uniform(-0.3, 0.3)), "broker") for k in range(kills)]
    plan += [
        (seconds / (restarts + 1) * (k + 1 + rng.uniform(-0.3, 0.3)), "device")
        for k in range(restarts)
    ]
    resumed: list[float] = []
    with KillableBroker(folder / "broker") as broker:
        device, receiver = Device(folder, broker.port, events_per_s), Receiver(broker.port)
        try:
            device.start()
            _wait(lambda: bool(receiver.sequences))
            began_s = time.monotonic()
            for at_s, what in sorted(plan):
                time.sleep(max(0.0, began_s + at_s - time.monotonic()))
                if what == "broker":
                    broker.kill()
                    time.sleep(rng.uniform(0.05, 1.5))
                    before = len(receiver.pose_times_s)
                    broker.start()
                    listening_s = time.monotonic()
                    _wait(lambda n=before: len(receiver.pose_times_s) > n)
                    resumed.append(receiver.pose_times_s[before] - listening_s)
                else:
                    device.kill()
                    device.start()
            time.sleep(max(0.0, began_s + seconds - time.monotonic()))
            device.kill()
            elapsed_s = time.monotonic() - began_s
            device.start()  # publishes what is left in the outbox
            accepted = device.accepted()
            _wait(lambda: set(accepted) <= set(receiver.sequences))
        finally:
            device.kill()
            receiver.close()
    return _compare(elapsed_s, kills, restarts + 1, accepted, receiver, tuple(resumed))


def _compare(
    elapsed_s: float,
    kills: int,
    restarts: int,
    accepted: list[int],
    receiver: Receiver,
    resumed: tuple[float, ...],
) -> Outcome:
    seen: set[int] = set()
    disorder, newest = 0, 0
    for sequence in receiver.sequences:
        if sequence not in seen:
            disorder += sequence < newest
            newest = max(newest, sequence)
            seen.add(sequence)
    return Outcome(
        seconds=elapsed_s,
        broker_kills=kills,
        device_kills=restarts,
        accepted=len(accepted),
        received=len(seen),
        duplicates=len(receiver.sequences) - len(seen),
        missing=len(set(accepted) - seen),
        gaps=max(seen) - min(seen) + 1 - len(seen),
        disorder=disorder,
        poses=len(receiver.pose_times_s),
        resume_s=resumed,
    )


def _wait(condition: Any) -> bool:
    deadline = time.monotonic() + _PATIENCE_S
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return bool(condition())
