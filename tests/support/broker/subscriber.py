"""Another client of the broker, and what a publisher needs to reach the same broker."""

import json
import queue
import threading
import time
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from msgspec.structs import replace
from paho.mqtt.enums import CallbackAPIVersion

from edge.core.config import MqttConfig
from edge.output.mqtt.publisher import MqttPublisher
from edge.output.mqtt.wire.network_thread import stop_network_thread
from tests.support.broker.mosquitto import Mosquitto
from tests.support.waiting import LIMIT_S

SECRET = "corr3ct-h0rse-b4ttery"
WAITED_S = 4.0  # who waits for the network does so for 5 s and more
POSE = {"schema": "posekernel.pose/2", "sequence": 1}


def config_for(broker: Mosquitto, **changes: Any) -> MqttConfig:
    return replace(MqttConfig(host="127.0.0.1", port=broker.port, discovery=False), **changes)


def publishing(config: MqttConfig, device_id: str = "hall") -> MqttPublisher:
    return MqttPublisher(config, device_id, source="simulated")


def password_file(folder: Path, password: str = SECRET) -> str:
    path = folder / "password"
    path.write_text(password + "\n")
    return str(path)


class Subscriber:
    """What another client of the broker sees: (topic, payload, retained) in order."""

    def __init__(
        self, broker: Mosquitto, topic: str = "#", user: str = "", password: str = ""
    ) -> None:
        self.messages: queue.Queue[tuple[str, bytes, bool]] = queue.Queue()
        self.client = paho.Client(CallbackAPIVersion.VERSION2)
        if user:
            self.client.username_pw_set(user, password)
        subscribed = threading.Event()
        self.client.on_connect = lambda client, *_: client.subscribe(topic, qos=1)
        self.client.on_subscribe = lambda *_: subscribed.set()
        self.client.on_message = lambda _c, _d, m: self.messages.put(
            (m.topic, bytes(m.payload), m.retain)
        )
        self.client.reconnect_delay_set(0.05, 0.1)  # type: ignore[arg-type]
        self.client.connect(broker.host, broker.port)
        self.client.loop_start()
        assert subscribed.wait(LIMIT_S)

    def __enter__(self) -> "Subscriber":
        return self

    def __exit__(self, *_: object) -> None:
        self.client.disconnect()
        stop_network_thread(self.client)

    def next(self, topic: str, timeout_s: float = LIMIT_S) -> tuple[dict[str, Any], bool]:
        """A topic's next message, (message, retained); earlier others are dropped."""
        deadline = time.monotonic() + timeout_s
        while True:
            got, payload, retained = self.messages.get(
                timeout=max(0.001, deadline - time.monotonic())
            )
            if got == topic:
                return json.loads(payload), retained

    def drain(self, quiet_s: float = 0.3) -> list[tuple[str, bytes, bool]]:
        """All messages until none comes for so long."""
        found = []
        while True:
            try:
                found.append(self.messages.get(timeout=quiet_s))
            except queue.Empty:
                return found
