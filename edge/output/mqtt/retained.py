"""Topics of which the broker keeps the newest payload, and the announcement to Home Assistant."""

import threading
import time
from collections.abc import Sequence
from functools import partial

import edge
from edge.core.config import LoudnessName, MqttConfig, ZoneConfig
from edge.core.contracts import SourceKind
from edge.output.homeassistant.discovery import (
    BIRTH,
    birth_topic,
    discovery_message,
    discovery_topic,
    removing,
)
from edge.output.homeassistant.machine import HostMachine
from edge.output.messages.payloads import encode
from edge.output.mqtt.wire.messages import ReceivedMessage

_BIRTH_SPACING_S = 5.0  # a flood of birth messages must not become one of ours


class RetainedTopics:
    """The newest payload by topic, and which of them the broker may lack. Thread-safe."""

    def __init__(self) -> None:
        self._payloads: dict[str, bytes] = {}
        self._pending: set[str] = set()
        self._lock = threading.Lock()

    def set(self, topic: str, payload: bytes) -> None:
        """Have this topic sent; the newest payload wins."""
        with self._lock:
            self._payloads[topic] = payload
            self._pending.add(topic)

    def send_all_again(self, but: str = "") -> None:
        """Every topic is pending, but for one: a broker may have forgotten them, or changed its
        access list.
        """
        with self._lock:
            self._pending = set(self._payloads) - {but}

    def take_pending(self) -> list[tuple[str, bytes]]:
        """Topics and payloads to send now, by topic; they count as sent."""
        with self._lock:
            found = [(topic, self._payloads[topic]) for topic in sorted(self._pending)]
            self._pending.clear()
            return found


class Announcement:
    """Announces the device to Home Assistant with each connection and whenever it starts (birth
    message), and removes entities that only an earlier run announced, such as those of old zones.
    """

    def __init__(
        self,
        config: MqttConfig,
        device_id: str,
        *,
        source: SourceKind,
        zones: Sequence[ZoneConfig],
        loudness: LoudnessName,
        machine: HostMachine | None = None,
    ) -> None:
        self.topic, self._birth_topic = discovery_topic(config, device_id), birth_topic(config)
        self._again_s = 0.0  # a birth before this time waits
        self._describe = partial(
            discovery_message,
            config,
            device_id,
            version=edge.__version__,
            source=source,
            loudness=loudness,
            machine=machine,
        )
        self._message = self._describe(zones=zones)
        self._new_zones: tuple[ZoneConfig, ...] | None = None
        self._payload = encode(self._message)
        self._birth = threading.Event()
        self._earlier: bytes | None = None  # what the broker retains of an earlier run

    @property
    def subscriptions(self) -> list[str]:
        """Topics to listen to."""
        return [self._birth_topic, self.topic]

    def receive(self, message: ReceivedMessage) -> bool:
        """Note a message; False where it is not for us. Called by paho's thread: takes no lock."""
        if message.topic == self._birth_topic and message.payload == BIRTH:
            self._birth.set()
        elif message.topic == self.topic:
            self._earlier = message.payload
        else:
            return False
        return True

    def set_zones(self, zones: Sequence[ZoneConfig]) -> None:
        """Note other zones, for `update` to announce. Any thread may call it: takes no lock."""
        self._new_zones = tuple(zones)

    def begin(self, retained: RetainedTopics) -> None:
        """Announce on a new connection."""
        self._birth.clear()
        retained.set(self.topic, self._payload)
        self.update(retained)

    def update(self, retained: RetainedTopics) -> None:
        """Act on what was received since the last call."""
        if self._birth.is_set() and time.monotonic() >= self._again_s:
            self._birth.clear()
            self._again_s = time.monotonic() + _BIRTH_SPACING_S
            retained.send_all_again()
        zones, self._new_zones = self._new_zones, None
        if zones is not None:
            self._message = self._describe(zones=zones)
            self._payload = encode(removing(self._message, self._payload))
            retained.set(self.topic, self._payload)
        earlier, self._earlier = self._earlier, None
        if earlier is not None:
            payload = encode(removing(self._message, earlier))
            if payload != self._payload:
                self._payload = payload
                retained.set(self.topic, payload)

    def wait_s(self) -> float | None:
        """Seconds until a birth that waits may be acted on; None where there is none."""
        return max(0.0, self._again_s - time.monotonic()) if self._birth.is_set() else None
