"""Poses and state to an MQTT broker: connects by itself, comes back by itself, never holds the
pipeline up.
"""

import logging
import queue
import random
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import edge
from edge.core.config import MqttConfig, ZoneConfig
from edge.core.errors import BrokerError
from edge.output.messages.homeassistant import (
    BIRTH,
    birth_topic,
    discovery_message,
    discovery_topic,
    removing,
)
from edge.output.messages.payloads import ENCODERS, Message, State, encode, status_message
from edge.output.mqtt.access import RefusedError, where, who
from edge.output.mqtt.connection import Connection, ReceivedMessage
from edge.output.mqtt.delivery import POLL_S, Delivery
from edge.output.mqtt.outbox import Outbox

_FIRST_DELAY_S = 0.25
_MAX_DELAY_S = (
    2.0  # a broker that is away: asking costs nothing, and the stream is to resume within 3 s
)
_MAX_REFUSED_DELAY_S = 30.0  # a broker that says no: it would log every attempt
_STABLE_S = 5.0
_SUSPICIOUS = 3  # connections in a row that were no longer stable than that
_ACK_TIMEOUT_S = 5.0
_GOODBYE_S = 0.4
_CLOSE_S = 0.9
_MAX_COMMANDS = 16

log = logging.getLogger(__name__)


@dataclass(slots=True)
class MqttCounters:
    """What happened to the stream so far; only ever grows.

    published: handed to a connection. dropped: not handed over, as the broker was away or did not
    keep up. lost: handed over, but known not to have left when the connection broke. limited: held
    back by mqtt.pose_rate_hz. connections: made so far.
    """

    published: int = 0
    dropped: int = 0
    lost: int = 0
    limited: int = 0
    connections: int = 0


class MqttPublisher:
    """Publishes to `<base_topic>/<device_id>/pose` (QoS 0), `.../status` (QoS 1, retained, last
    will) and further retained topics until closed, and announces the device to Home Assistant where
    mqtt.discovery is set. Events (`.../event`, QoS 1) go through an outbox, kept at `outbox_path`
    (None: in memory): each arrives at least once and in order, over restarts of either.

    commands: what came on `.../cmd/+`, for whoever carries commands out. recording: said in the
    status while online.

    It connects on a thread of its own and keeps trying; meanwhile messages are dropped and counted.
    The log gets one line per change of state, `last_error` the present trouble (one sentence), None
    while connected. Raises nothing once constructed.
    """

    def __init__(
        self,
        config: MqttConfig,
        device_id: str,
        *,
        source: str,
        zones: Sequence[ZoneConfig] = (),
        outbox_path: Path | None = None,
        recording: bool = False,
    ) -> None:
        self.commands: queue.Queue[ReceivedMessage] = queue.Queue(_MAX_COMMANDS)
        self.counters = MqttCounters()
        self.outbox = Outbox(outbox_path, config.outbox_events)
        self.last_error: str | None = None
        self._config = config
        self._device_id = device_id
        self._source = source
        self._recording = recording
        self._next_pose_s = 0.0
        self._connection: Connection | None = None
        self._short_lived = 0
        self._connected = threading.Event()
        self._closing = threading.Event()
        self._wake = threading.Event()
        self._lock = (
            threading.Lock()
        )  # serialises callers of publish; no callback of paho ever takes it
        self._retained: dict[str, bytes] = {}  # by topic
        self._untold: set[str] = (
            set()
        )  # topics of _retained whose newest payload the broker does not have
        self._birth = threading.Event()
        self._answers: deque[bytes] = deque(maxlen=_MAX_COMMANDS)
        self._delivery = Delivery(self.outbox, self.topic("event"))
        self._announcement: Message | None = None
        self._announced: bytes | None = None  # what the broker keeps of an earlier run's
        if config.discovery:
            self._announcement = discovery_message(
                config, device_id, version=edge.__version__, source=source, zones=zones
            )
            self._retained[discovery_topic(config, device_id)] = encode(self._announcement)
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def connected(self) -> bool:
        """Whether the broker took our online status and still listens."""
        return self._connected.is_set()

    def wait_connected(self, timeout_s: float) -> bool:
        """Wait until connected; False when that did not happen in time (`last_error` then tells
        why).
        """
        return self._connected.wait(timeout_s)

    def topic(self, name: str) -> str:
        """The full topic of one of this device's message kinds ("pose", "status")."""
        return f"{self._config.base_topic}/{self._device_id}/{name}"

    def publish_pose(self, message: Message) -> bool:
        """Send a pose at once or drop it; never waits for the network. Returns whether it was
        handed over.
        """
        now = time.monotonic()
        if now < self._next_pose_s:
            self.counters.limited += 1
            return False
        if self._config.pose_rate_hz:
            self._next_pose_s = max(self._next_pose_s + 1.0 / self._config.pose_rate_hz, now)
        return self._stream("pose", ENCODERS[self._config.format](message))

    def publish_stream(self, name: str, message: Message) -> bool:
        """Send a message (JSON, QoS 0, not retained) at once or drop and count it. Returns whether
        it was handed over.
        """
        return self._stream(name, encode(message))

    def publish_answer(self, message: Message) -> None:
        """Answer a command on `.../cmd/result` (QoS 1); while the broker is away the newest few
        wait in memory.
        """
        self._answers.append(encode(message))
        self._wake.set()

    def publish_event(self, message: Message) -> int:
        """Number an event and deliver it, at least once and in order, now or when the broker is
        back; durable on return.

        Sets message's `sequence`, which it returns: one more than the device's last, restarts
        included.
        """
        sequence = self.outbox.add(message)
        self._wake.set()
        return sequence

    def publish_retained(self, name: str, message: Message) -> None:
        """Keep one of this device's retained topics at `message`: delivered at QoS 1 now, or once
        connected; the newest wins.
        """
        with self._lock:
            self._retained[self.topic(name)] = encode(message)
            self._untold.add(self.topic(name))
        self._wake.set()

    def close(self) -> None:
        """Publish the offline status and disconnect, in under a second whatever the broker does;
        safe to call twice.
        """
        self._closing.set()
        self._wake.set()
        self._thread.join(_CLOSE_S)
        self.outbox.close()

    def _stream(self, name: str, payload: bytes) -> bool:
        with self._lock:
            connection = self._connection
            if connection is not None and connection.publish(self.topic(name), payload):
                self.counters.published += 1
                return True
            self.counters.dropped += 1
            return False

    def _run(self) -> None:
        failures = refusals = 0
        while not self._closing.is_set():
            self._wake.clear()
            began = time.monotonic()
            try:
                self._serve()
            except BrokerError as e:
                self._report(str(e))
                refused = isinstance(e, RefusedError)
            except Exception as e:
                # A fault of ours or paho's must not end the sensor's only voice for good.
                log.exception("MQTT connection failed unexpectedly")
                self._report(f"MQTT: unexpected {type(e).__name__}; see the log")
                refused = True
            else:
                break
            finally:
                self._connected.clear()  # after the report: who is not connected has a reason
            if time.monotonic() - began > _STABLE_S:
                failures = refusals = 0
            failures, refusals = (failures, refusals + 1) if refused else (failures + 1, 0)
            self._closing.wait(
                _delay_s(refusals, _MAX_REFUSED_DELAY_S)
                if refused
                else _delay_s(failures, _MAX_DELAY_S)
            )

    def _serve(self) -> None:
        """One connection from its opening to its end. Returns when closing; raises BrokerError for
        every other end.
        """
        will = (self.topic("status"), self._status("offline", "connection lost", at_will=True))
        connection = Connection(
            self._config,
            f"posekernel-{self._device_id}",
            will,
            self._wake.set,
            self._hear,
            self._config.session_s,
        )
        short_lived, self._short_lived = self._short_lived, 0
        try:
            connection.open()
            # First: who reads that we are online may command, and by the acknowledgement an earlier
            # announcement has been heard.
            connection.subscribe(self.topic("cmd/+"), *self._announcing())
            connection.publish_acknowledged(
                self.topic("status"), self._status("online", ""), _ACK_TIMEOUT_S
            )
            began = time.monotonic()
            self.counters.connections += 1
            self._report(None)
            self._connection = connection
            self._connected.set()
            try:
                self._attend(connection)
            finally:
                with self._lock:
                    self._connection = None
                    self.counters.lost += connection.unsent if connection.lost.is_set() else 0
            if not self._closing.is_set():
                self._short_lived = short_lived + 1 if time.monotonic() - began < _STABLE_S else 0
                raise connection.ending(again=self._short_lived >= _SUSPICIOUS)
            if not connection.lost.is_set():
                self._say_goodbye(connection)
        finally:
            connection.close()

    def _attend(self, connection: Connection) -> None:
        """Keep the retained topics up to date until closing or until the connection is lost. Raises
        BrokerError.
        """
        with self._lock:
            self._untold = set(
                self._retained
            )  # the broker may have forgotten them, and its ACL may have changed
        self._birth.clear()
        self._delivery.begin()
        while not self._closing.is_set() and not connection.lost.is_set():
            self._tell(connection)
            self._deliver(connection)
            self._wake.wait(self._delivery.wait_s())
            self._wake.clear()

    def _announcing(self) -> list[str]:
        """Topics of the announcement to Home Assistant."""
        config = self._config
        return (
            [birth_topic(config), discovery_topic(config, self._device_id)]
            if config.discovery
            else []
        )

    def _deliver(self, connection: Connection) -> None:
        try:
            self._answer(connection)
            denial = self._delivery.step(connection)
        except BrokerError:
            if not connection.lost.wait(_GOODBYE_S):
                raise
            return
        if denial is not None:
            self._report(
                f"{where(self._config)} does not let {who(self._config)} publish to {self.topic('event')} ({denial}); "
                "allow it in the broker's ACL, the events wait"
            )

    def _tell(self, connection: Connection) -> None:
        with self._lock:
            if self._birth.is_set():
                self._birth.clear()
                self._untold |= set(self._retained)
            self._remove_stale()
            messages = {topic: self._retained[topic] for topic in self._untold}
            self._untold.clear()
        for topic, payload in sorted(messages.items()):
            try:
                connection.publish_acknowledged(topic, payload, _ACK_TIMEOUT_S)
            except RefusedError as e:
                self._report(str(e))  # the other topics may be allowed
            except BrokerError:
                if connection.lost.is_set():
                    return
                raise

    def _remove_stale(self) -> None:
        """Home Assistant keeps a zone that is no longer announced, unless it is told. The lock is
        held.
        """
        before, self._announced = self._announced, None
        if before is not None and self._announcement is not None:
            topic, payload = (
                discovery_topic(self._config, self._device_id),
                encode(removing(self._announcement, before)),
            )
            if payload != self._retained[topic]:
                self._retained[topic] = payload
                self._untold.add(topic)

    def _answer(self, connection: Connection) -> None:
        while self._answers:
            connection.post(self.topic("cmd/result"), self._answers[0])
            self._answers.popleft()

    def _hear(self, heard: ReceivedMessage) -> None:
        if heard.topic == birth_topic(self._config) and heard.payload == BIRTH:
            self._birth.set()
            self._wake.set()
        elif self._config.discovery and heard.topic == discovery_topic(
            self._config, self._device_id
        ):
            self._announced = heard.payload
            self._wake.set()
        elif heard.topic.startswith(self.topic("cmd/")) and heard.topic not in (
            self.topic("cmd/result"),
            self.topic("cmd/check"),
        ):
            try:
                self.commands.put_nowait(heard)
            except queue.Full:
                log.warning("a command was dropped: %d wait already", _MAX_COMMANDS)

    def _say_goodbye(self, connection: Connection) -> None:
        until_s = time.monotonic() + _GOODBYE_S / 2
        with suppress(BrokerError):
            self._answer(connection)
            while (
                self._delivery.step(connection) is None
                and self._delivery.busy
                and time.monotonic() < until_s
            ):
                time.sleep(POLL_S)
        try:
            connection.publish_acknowledged(
                self.topic("status"), self._status("offline", "stopped"), _GOODBYE_S
            )
        except BrokerError as e:
            log.warning("offline status not delivered: %s", e)

    def _status(self, state: State, reason: str, at_will: bool = False) -> bytes:
        utc_ns = None if at_will else time.time_ns()
        return encode(
            status_message(
                self._device_id,
                state,
                reason,
                version=edge.__version__,
                source=self._source,
                recording=self._recording and state == "online",
                utc_ns=utc_ns,
            )
        )

    def _report(self, problem: str | None) -> None:
        if problem is None:
            log.info("connected to MQTT broker at %s:%d", self._config.host, self._config.port)
        elif problem != self.last_error:
            log.warning("%s (poses go on; trying again)", problem)
        self.last_error = problem


def _delay_s(failures: int, longest_s: float) -> float:
    """Exponential back-off with jitter, so that a site's devices do not all come back in the same
    instant.
    """
    return random.uniform(0.5, 1.0) * min(longest_s, _FIRST_DELAY_S * 2.0 ** min(failures - 1, 16))
