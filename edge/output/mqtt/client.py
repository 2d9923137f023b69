"""Keeps a device connected to its broker, and says online or offline in its status."""

import logging
import random
import threading
import time
from collections.abc import Callable

from edge.core.config import MqttConfig
from edge.core.errors import BrokerError
from edge.output.messages.device_messages import State
from edge.output.mqtt.access import RefusedError
from edge.output.mqtt.connection import ACK_TIMEOUT_S, Connection
from edge.output.mqtt.stream import Stream
from edge.output.mqtt.traffic import Traffic
from edge.output.mqtt.wire.limits import Limits
from edge.output.mqtt.wire.messages import ReceivedMessage

_FIRST_DELAY_S = 0.25
_MAX_DELAY_S = 2.0  # a broker that is away: asking is cheap, and poses are to resume within 3 s
_MAX_REFUSED_DELAY_S = 30.0  # a broker that refuses us: it may log every attempt
_STABLE_S = 5.0
_SUSPICIOUS = 3  # connections in a row that ended before they were stable
_GOODBYE_S = 0.4
_CLOSE_S = 0.9

log = logging.getLogger(__name__)

Status = Callable[[State, str, bool], bytes]  # state, reason, whether it is the last will


class BrokerClient:
    """One connection after the other, on a thread of its own, from `start` to `close`.

    status_topic: gets "online", "offline" at the end, and "offline" as last will (QoS 1, retained).
    received: called by paho's thread with what comes in on traffic.subscriptions. last_error: the
    present problem in one sentence, None while connected; the log gets one line per change.
    """

    def __init__(
        self,
        config: MqttConfig,
        client_id: str,
        status_topic: str,
        status: Status,
        stream: Stream,
        traffic: Traffic,
        received: Callable[[ReceivedMessage], None],
    ) -> None:
        self.connected = threading.Event()
        self.last_error: str | None = None
        self._config, self._client_id = config, client_id
        self._status_topic, self._status = status_topic, status
        self._stream, self._traffic, self._received = stream, traffic, received
        self._limits = Limits()
        self._short_lived = 0  # connections in a row that ended before _STABLE_S
        self._suspect: tuple[str, int] | None = None  # on its way when the last ones ended
        self._closing = threading.Event()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)

    def start(self) -> None:
        """Begin to connect."""
        self._thread.start()

    def wake(self) -> None:
        """Something is pending."""
        self._wake.set()

    def close(self) -> None:
        """Publish the offline status and disconnect, in under a second; safe to call twice."""
        self._closing.set()
        self._wake.set()
        self._thread.join(_CLOSE_S)

    def _run(self) -> None:
        failures = refusals = 0
        while not self._closing.is_set():
            self._wake.clear()
            began = time.monotonic()
            try:
                self._serve()
                return
            except BrokerError as e:
                self._report(str(e))
                refused = isinstance(e, RefusedError)
            except Exception as e:
                # A fault of ours or paho's must not cut the sensor off for good.
                log.exception("MQTT connection failed unexpectedly")
                self._report(f"MQTT: unexpected {type(e).__name__}; see the log")
                refused = True
            finally:
                self.connected.clear()  # after the report: who is not connected has a reason
            if time.monotonic() - began > _STABLE_S:
                failures = refusals = 0
            failures, refusals = (failures, refusals + 1) if refused else (failures + 1, 0)
            self._closing.wait(
                _delay_s(refusals, _MAX_REFUSED_DELAY_S)
                if refused
                else _delay_s(failures, _MAX_DELAY_S)
            )

    def _serve(self) -> None:
        """One connection, from connecting to its end. Any end but closing raises BrokerError."""
        connection = Connection(
            self._config,
            self._client_id,
            (self._status_topic, self._status("offline", "connection lost", True)),
            self._wake.set,
            self._received,
            self._config.session_s,
            self._limits,
        )
        short_lived, self._short_lived = self._short_lived, 0
        try:
            connection.open()
            # Subscribe before the online status: its readers may send commands at once, and by its
            # acknowledgement an earlier announcement has been received.
            began = time.monotonic()
            try:
                self._begin(connection)
                self._attend(connection)
            except BrokerError:
                if not connection.lost.is_set():
                    raise
            finally:
                self._stream.detach()
            if not self._closing.is_set():
                self._short_lived = short_lived + 1 if time.monotonic() - began < _STABLE_S else 0
                self._suspect_message(connection)
                raise connection.ending(again=self._short_lived >= _SUSPICIOUS)
            if not connection.lost.is_set():
                self._traffic.finish(connection, _GOODBYE_S / 2)
                try:
                    self._publish_status("offline", "stopped", connection, _GOODBYE_S)
                except BrokerError as e:
                    log.warning("offline status not delivered: %s", e)
        finally:
            connection.close()

    def _begin(self, connection: Connection) -> None:
        """Retained topics, then the online status, then all else. Raises BrokerError."""
        connection.subscribe(*self._traffic.subscriptions(self._limits))
        # Before the online status: a reader that takes us for online must not find an old summary.
        denials: list[str] = []
        self._traffic.begin(connection, denials.append)
        self._publish_status("online", "", connection, ACK_TIMEOUT_S)
        self._report(None)
        for denial in denials:
            self._report(denial)
        self._stream.attach(connection)
        self.connected.set()

    def _suspect_message(self, connection: Connection) -> None:
        """An MQTT 3.1.1 broker does not say that a message is too large for it: it closes the
        connection, each time while that message is on its way.
        """
        before, self._suspect = self._suspect, connection.unanswered
        if self._suspect is None or self._suspect != before:
            return
        if self._short_lived >= _SUSPICIOUS - 1:
            self._limits.suspect(*self._suspect)
            self._short_lived = 0

    def _attend(self, connection: Connection) -> None:
        """Send what is pending until `close` or the connection's end. Raises BrokerError."""
        while not self._closing.is_set() and not connection.lost.is_set():
            try:
                wait_s = self._traffic.step(connection, self._report)
            except BrokerError:
                if not connection.lost.wait(_GOODBYE_S):
                    raise
                return
            self._wake.wait(wait_s)
            self._wake.clear()

    def _publish_status(
        self, state: State, reason: str, connection: Connection, timeout_s: float
    ) -> None:
        payload = self._status(state, reason, False)
        connection.publish_acknowledged(self._status_topic, payload, timeout_s)

    def _report(self, problem: str | None) -> None:
        if problem is None:
            log.info("connected to MQTT broker at %s:%d", self._config.host, self._config.port)
        elif problem != self.last_error:
            log.warning("%s (poses go on; trying again)", problem)
        self.last_error = problem


def _delay_s(attempts: int, longest_s: float) -> float:
    """Exponential back-off with jitter, so that a site's devices do not all come back at once."""
    return random.uniform(0.5, 1.0) * min(longest_s, _FIRST_DELAY_S * 2.0 ** min(attempts - 1, 16))
