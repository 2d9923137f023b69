"""One connection to an MQTT broker, from CONNECT to its end.

paho's callbacks run on its own thread and partly under its own locks: here they only set events and
store values.
"""

import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from edge.core.config import MqttConfig
from edge.core.errors import BrokerError
from edge.output.mqtt.access import (
    CONNECT_TIMEOUT_S,
    UNSPECIFIED,
    RefusedError,
    TooLargeError,
    explain_connect,
    explain_early_end,
    explain_end,
    explain_refusal,
    read_password,
    tls_context,
    where,
    who,
)
from edge.output.mqtt.wire.limits import Limits, packet_size
from edge.output.mqtt.wire.messages import Posted, ReceivedMessage, answered
from edge.output.mqtt.wire.network_thread import stop_network_thread

ACK_TIMEOUT_S = 5.0
MAX_IN_FLIGHT = 32
MAX_WAIT_S = 2.0  # of the oldest unsent stream message: what follows it would arrive too late
_MAX_UNSENT_BYTES = 4096  # in the kernel, whose default would hold minutes of poses
MAX_INCOMING_BYTES = 65536  # an MQTT 5 broker does not deliver larger messages


class Connection:
    """One connection; never reused after its end. `open` it, `publish`, `close` it.

    lost: set when the connection has ended, for whatever cause. on_lost: then called by paho's
    thread. on_message: called by the same thread with what comes in; it must not block. session_s:
    how long the broker keeps subscriptions, and messages for them, after the end (MQTT 5). limits:
    of the broker; they are read with its answer and heeded.
    """

    def __init__(
        self,
        config: MqttConfig,
        client_id: str,
        will: tuple[str, bytes] | None = None,
        on_lost: Callable[[], None] | None = None,
        on_message: Callable[[ReceivedMessage], None] | None = None,
        session_s: int = 0,
        limits: Limits | None = None,
    ) -> None:
        self.lost = threading.Event()
        self.limits = limits or Limits()
        self.unheard = ""  # why the broker denied a subscription
        self._config, self._client_id, self._will = config, client_id, will
        self._on_lost, self._on_message = on_lost, on_message
        self._session_s = session_s
        self._client: paho.Client | None = None
        self._answered = threading.Event()
        self._accepted = False
        self._refusal: ReasonCode | None = None
        self._end: ReasonCode | None = None
        self._pending: deque[tuple[float, paho.MQTTMessageInfo]] = deque()  # since when
        self._denied: dict[int, str] = {}
        self._largest: tuple[int, str, paho.MQTTMessageInfo] | None = None

    def open(self) -> None:
        """Connect and wait for the broker's answer. Raises BrokerError, RefusedError where waiting
        cannot mend it.
        """
        config = self._config
        self._client = client = self._make_client()
        version5: dict[str, Any] = {}
        if config.protocol == 5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho annotates only parts
            properties.SessionExpiryInterval = self._session_s
            properties.MaximumPacketSize = MAX_INCOMING_BYTES
            version5 = {"clean_start": self._session_s == 0, "properties": properties}
        try:
            client.connect(config.host, config.port, config.keepalive_s, **version5)
        except (OSError, ValueError) as e:
            raise explain_connect(e, config) from e
        sock = client.socket()
        if isinstance(sock, socket.socket):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if hasattr(socket, "TCP_NOTSENT_LOWAT"):  # not on every system
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _MAX_UNSENT_BYTES)
        client.loop_start()
        if not self._answered.wait(CONNECT_TIMEOUT_S):
            raise BrokerError(
                f"{where(config)} accepted the connection but did not answer within "
                f"{CONNECT_TIMEOUT_S:g} s; check that mqtt.port is its MQTT port, and the broker"
            )
        if self._refusal is not None:
            if self.limits.learn(self._refusal.value):
                raise BrokerError(f"{where(config)} has limits ({self._refusal}); heeding them")
            raise explain_refusal(self._refusal, config)
        if not self._accepted:
            raise explain_early_end(config)

    def publish(self, topic: str, payload: bytes) -> bool:
        """Hand over a stream message (QoS 0); False when it was not taken: no connection, too large
        for the broker, or the broker does not keep up.

        Not thread-safe: one caller at a time.
        """
        pending, now = self._pending, time.monotonic()
        while pending and pending[0][1].is_published():
            pending.popleft()
        late = len(pending) >= MAX_IN_FLIGHT or (pending and now - pending[0][0] > MAX_WAIT_S)
        ready = self._client is not None and not self.lost.is_set() and not late
        if self._client is None or not ready or not self.limits.allow(topic, payload):
            return False
        info = self._client.publish(topic, payload, qos=0)
        if info.rc != paho.MQTT_ERR_SUCCESS:
            return False
        pending.append((now, info))
        return True

    def publish_acknowledged(
        self, topic: str, payload: bytes, timeout_s: float, *, retain: bool = True
    ) -> None:
        """Publish at QoS 1 and wait for the acknowledgement. Raises BrokerError, TooLargeError."""
        config, client = self._config, self._client
        if client is None:
            raise BrokerError(f"{where(config)}: not connected")
        info = self._hand_over(client, topic, payload, retain)
        deadline = time.monotonic() + timeout_s
        # Errors of paho: the connection went away before it took the message.
        with suppress(RuntimeError, ValueError):
            while not (info.is_published() or self.lost.is_set() or time.monotonic() >= deadline):
                info.wait_for_publish(0.05)  # paho does not end it when the connection breaks
        denial = self._denied.pop(info.mid, None)
        if denial is not None:
            raise RefusedError(
                f"{where(config)} does not let {who(config)} publish to {topic} ({denial}); "
                "allow it in the broker's ACL"
            )
        if self.lost.is_set():
            raise self.ending()
        if info.rc != paho.MQTT_ERR_SUCCESS or not info.is_published():
            raise BrokerError(
                f"{where(config)} did not acknowledge {topic} within {timeout_s:g} s; "
                "check the broker's log"
            )

    def post(self, topic: str, payload: bytes, *, retain: bool = False) -> Posted:
        """Hand over a message at QoS 1 without waiting. Raises BrokerError if it was not taken,
        TooLargeError.
        """
        client = self._client
        if client is None or self.lost.is_set():
            raise self.ending()
        info = self._hand_over(client, topic, payload, retain)
        if info.rc != paho.MQTT_ERR_SUCCESS:
            raise self.ending()
        return Posted(info, self._denied)

    def _hand_over(
        self, client: paho.Client, topic: str, payload: bytes, retain: bool
    ) -> paho.MQTTMessageInfo:
        if not self.limits.allow(topic, payload):
            raise TooLargeError(f"{where(self._config)}: {topic} is too large for it")
        retain, qos = retain and self.limits.retain, self.limits.qos
        info = client.publish(topic, payload, qos=qos, retain=retain)
        size, largest = packet_size(topic, payload), self._largest
        if largest is None or size > largest[0] or answered(largest[2]):
            self._largest = size, topic, info
        return info

    @property
    def unanswered(self) -> tuple[str, int] | None:
        """Topic and size [bytes] of the largest message that the broker has not acknowledged."""
        largest = self._largest
        return None if largest is None or answered(largest[2]) else (largest[1], largest[0])

    def subscribe(self, *topics: str, own: bool = False) -> None:
        """Subscribe at QoS 1, without waiting. With MQTT 5 retained messages are marked as such,
        and our own messages come only if `own`.
        """
        if self._client is None or not topics:
            return
        if self._config.protocol == 5:
            options = SubscribeOptions(qos=self.limits.qos, noLocal=not own, retainAsPublished=True)
            self._client.subscribe([(topic, options) for topic in topics])
        else:
            self._client.subscribe([(topic, 1) for topic in topics])

    @property
    def unsent(self) -> int:
        """Messages that were handed over and have not left this machine."""
        return sum(not info.is_published() for _, info in self._pending)

    def ending(self, again: bool = False) -> BrokerError:
        """Why the connection ended. again: it keeps ending soon, as with two clients of one id."""
        code = UNSPECIFIED if self._end is None else self._end.value
        return explain_end(
            code, str(self._end), self._config, self._client_id, again, self.unanswered
        )

    def close(self, timeout_s: float = 0.2) -> None:
        """Disconnect, or close the socket when the broker does not respond; safe to call twice."""
        client, self._client = self._client, None
        if client is None:
            return
        sock = client.socket()
        client.disconnect()
        if isinstance(sock, socket.socket) and not self.lost.wait(timeout_s):
            # The base class's shutdown: ssl's would pull the TLS state from under paho's thread.
            with suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
        stop_network_thread(client)
        # Breaks the reference cycle, so that paho's sockets close now and not at some garbage
        # collection.
        client.on_connect = client.on_disconnect = client.on_publish = None
        client.on_message = client.on_subscribe = None

    def _make_client(self) -> paho.Client:
        config = self._config
        version5 = config.protocol == 5
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            clean_session=None if version5 else True,
            protocol=paho.MQTTv5 if version5 else paho.MQTTv311,
            reconnect_on_failure=False,
        )
        client.connect_timeout = CONNECT_TIMEOUT_S
        if config.username:
            client.username_pw_set(config.username, read_password(config))
        if config.tls:
            client.tls_set_context(tls_context(config))
        if self._will is not None:
            client.will_set(*self._will, qos=self.limits.qos, retain=self.limits.retain)
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_publish = self._published
        client.on_message = self._received
        client.on_subscribe = self._subscribed
        return client

    def _connected(
        self, client: Any, _data: Any, _flags: Any, reason: ReasonCode, properties: Any
    ) -> None:
        if reason.is_failure:
            self._refusal = reason
        else:
            if self._config.protocol == 5:
                self.limits.take(properties)
            # Its public setter refuses while connected; nothing is in flight yet.
            client._max_inflight_messages = self.limits.in_flight
            self._accepted = True
        self._answered.set()

    def _disconnected(
        self, _client: Any, _data: Any, _flags: Any, reason: ReasonCode, _properties: Any
    ) -> None:
        if self._end is None:
            self._end = reason
        self._answered.set()
        self.lost.set()
        if self._on_lost is not None:
            self._on_lost()

    def _subscribed(
        self, _client: Any, _data: Any, _mid: int, reasons: list[ReasonCode], _properties: Any
    ) -> None:
        for reason in reasons:
            if reason.is_failure:
                self.unheard = str(reason)

    def _received(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        if self._on_message is not None:
            self._on_message(ReceivedMessage(message.topic, bytes(message.payload), message.retain))

    def _published(
        self, _client: Any, _data: Any, mid: int, reason: ReasonCode, _properties: Any
    ) -> None:
        # paho holds its outgoing lock here: taking a lock that is also held around publish() would
        # deadlock.
        if reason.is_failure:
            self._denied[mid] = str(reason)
        else:
            self._denied.pop(mid, None)  # an unread denial of an earlier message with this number
