"""All that a sensor publishes on MQTT, without ever holding up the pipeline."""

import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Self

import edge
from edge.core.config import LoudnessName, MqttConfig, ZoneConfig
from edge.core.contracts import SourceKind
from edge.output.homeassistant.machine import HostMachine
from edge.output.messages.attendance import RoomState
from edge.output.messages.device_messages import State
from edge.output.messages.fields import Message
from edge.output.messages.payloads import ENCODERS, encode, status_message, summary_message
from edge.output.mqtt.client import BrokerClient
from edge.output.mqtt.command_queue import CommandQueue
from edge.output.mqtt.outbox import Outbox
from edge.output.mqtt.retained import Announcement
from edge.output.mqtt.stream import MqttCounters, Stream
from edge.output.mqtt.traffic import Traffic
from edge.output.mqtt.wire.messages import ReceivedMessage

_STARTING = "the sensor is starting"


class MqttPublisher:
    """Publishes below `<base_topic>/<device_id>/` until closed, and announces the device to Home
    Assistant where mqtt.discovery is set.

    pose: QoS 0. status: QoS 1, retained, last will; recording: said in it while online. Further
    retained topics: QoS 1. event: QoS 1 through an outbox, kept at outbox_path (None: in memory),
    so that each arrives at least once and in order over restarts of sensor and broker. commands:
    received on cmd/+, for whoever carries them out. fallen_since: of a fall of an earlier run that
    is not over.

    It connects on a thread of its own and keeps trying; meanwhile the stream is dropped and
    counted. Raises nothing once constructed.
    """

    def __init__(
        self,
        config: MqttConfig,
        device_id: str,
        *,
        source: SourceKind,
        zones: Sequence[ZoneConfig] = (),
        loudness: LoudnessName = "continuous",
        outbox_path: Path | None = None,
        recording: bool = False,
        first: Mapping[str, Message] | None = None,
        fallen_since: str | None = None,
        machine: HostMachine | None = None,
    ) -> None:
        self._topic = f"{config.base_topic}/{device_id}"
        self._encode_pose = ENCODERS[config.format]
        self.commands = CommandQueue(self.topic("cmd"))
        self.outbox = Outbox(outbox_path, config.outbox_events)
        self._announcement = None
        if config.discovery:
            self._announcement = Announcement(
                config, device_id, source=source, zones=zones, loudness=loudness, machine=machine
            )
        self._stream = Stream(config.pose_rate_hz)
        self._traffic = Traffic(config, self._topic, self.outbox, self._announcement)
        # What an earlier run saw is not true any more, but the broker still has it.
        state = RoomState(fallen_since=fallen_since, unknown_because=_STARTING)
        unknown = summary_message(device_id, state, source=source, utc_ns=time.time_ns())
        for name, message in ({"summary": unknown} | dict(first or {})).items():
            self._traffic.retained.set(self.topic(name), encode(message))
        self._client = BrokerClient(
            config,
            f"posekernel-{device_id}",
            self.topic("status"),
            partial(_status, device_id, source, recording),
            self._stream,
            self._traffic,
            self._receive,
        )
        self._client.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def counters(self) -> MqttCounters:
        """Totals of the stream."""
        return self._stream.counters

    @property
    def last_error(self) -> str | None:
        """The present problem in one sentence; None while connected."""
        return self._client.last_error

    @property
    def connected(self) -> bool:
        """Whether the broker took the online status and the connection still holds."""
        return self._client.connected.is_set()

    def wait_connected(self, timeout_s: float) -> bool:
        """Wait until connected; False when that did not happen in time (see `last_error`)."""
        return self._client.connected.wait(timeout_s)

    def topic(self, name: str) -> str:
        """The full topic of one of this device's message kinds ("pose", "status")."""
        return f"{self._topic}/{name}"

    def publish_pose(self, message: Message) -> bool:
        """Send a pose at once or drop it, without waiting. Returns whether it was handed over."""
        if not self._stream.pose_due():
            return False
        return self._stream.publish(self.topic("pose"), self._encode_pose(message))

    def publish_stream(self, name: str, message: Message) -> bool:
        """Send a message (JSON, QoS 0) at once, else drop and count it. Returns whether it went."""
        return self._stream.publish(self.topic(name), encode(message))

    def publish_answer(self, message: Message) -> None:
        """Answer a command on cmd/result (QoS 1); while the broker is away the newest few wait."""
        self._traffic.answer(encode(message))
        self._client.wake()

    def publish_event(self, message: Message) -> int:
        """Number an event and deliver it at least once and in order, now or when the broker is
        back; durable on return.

        Sets the message's `sequence` and returns it: one more than the device's last, over
        restarts.
        """
        sequence = self.outbox.add(message)
        self._client.wake()
        return sequence

    def publish_retained(self, name: str, message: Message) -> None:
        """Set a retained topic of this device (QoS 1), now or once connected; the newest wins."""
        self._traffic.retained.set(self.topic(name), encode(message))
        self._client.wake()

    def set_zones(self, zones: Sequence[ZoneConfig]) -> None:
        """Announce these zones to Home Assistant in place of those before."""
        if self._announcement is not None:
            self._announcement.set_zones(zones)
            self._client.wake()

    def close(self) -> None:
        """Publish the offline status and disconnect within a second; safe to call twice."""
        self._client.close()
        self.outbox.close()

    def _receive(self, message: ReceivedMessage) -> None:
        """Called by paho's thread: only notes."""
        if self._announcement is not None and self._announcement.receive(message):
            self._client.wake()
        else:
            self.commands.receive(message)


def _status(
    device_id: str, source: SourceKind, recording: bool, state: State, reason: str, will: bool
) -> bytes:
    return encode(
        status_message(
            device_id,
            state,
            reason,
            version=edge.__version__,
            source=source,
            recording=recording and state == "online",
            utc_ns=None if will else time.time_ns(),  # nobody knows when a last will is sent
        )
    )
