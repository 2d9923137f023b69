"""What a broker takes: the limits in its answer to CONNECT (MQTT 5), and those learned from its
refusals.
"""

import logging
from typing import Any

_RETAIN_NOT_SUPPORTED, _QOS_NOT_SUPPORTED = 154, 155
_MOST_IN_FLIGHT = 20  # paho's own default
_HEAD = 5  # bytes of a packet's kind and length, at most

log = logging.getLogger(__name__)


class Limits:
    """Of one broker, over all connections to it. packet: most bytes of a message with its topic,
    None: any. qos: the highest. retain: whether it keeps messages. wildcards: whether one may
    subscribe to a pattern. in_flight: most QoS 1 messages that it has not acknowledged.

    Each limit that costs something is said once in the log.
    """

    def __init__(self) -> None:
        self.packet: int | None = None
        self.qos, self.retain, self.wildcards = 1, True, True
        self.in_flight = _MOST_IN_FLIGHT
        self.skipped = 0  # messages that were too large
        self._said: set[str] = set()

    def take(self, properties: Any) -> None:
        """Read the properties of a CONNACK; one that says nothing of a limit has none."""

        def given(name: str, otherwise: Any) -> Any:
            return getattr(properties, name, otherwise)

        self.packet = given("MaximumPacketSize", None)
        self.in_flight = min(given("ReceiveMaximum", _MOST_IN_FLIGHT), _MOST_IN_FLIGHT)
        self.wildcards = bool(given("WildcardSubscriptionAvailable", 1))
        self._set_qos(given("MaximumQoS", 1))
        self._set_retain(bool(given("RetainAvailable", 1)))

    def learn(self, reason: int) -> bool:
        """Whether the reason of a refusal tells a limit of the last will, so that the next attempt
        may be accepted.
        """
        if reason == _RETAIN_NOT_SUPPORTED and self.retain:
            self._set_retain(False)
        elif reason == _QOS_NOT_SUPPORTED and self.qos:
            self._set_qos(0)
        else:
            return False
        return True

    def suspect(self, topic: str, size: int) -> None:
        """The broker keeps closing the connection while this message is on its way to it."""
        self.packet = size - 1
        self._say(
            topic,
            "the broker closes the connection whenever it gets %s (%d bytes), so it is left out; "
            "raise the broker's limit of a packet's size",
            topic,
            size,
        )

    def allow(self, topic: str, payload: bytes) -> bool:
        """Whether a message is small enough; one that is not is counted, and named once."""
        size = packet_size(topic, payload)
        if self.packet is None or size <= self.packet:
            return True
        self.skipped += 1
        self._say(
            topic,
            "%s: %d bytes are more than the %d that the broker takes, so it is left out; raise "
            "the broker's limit (max_packet_size of mosquitto)",
            topic,
            size,
            self.packet,
        )
        return False

    def _set_qos(self, qos: int) -> None:
        self.qos = min(qos, 1)
        if not qos:
            self._say(
                "qos",
                "the broker takes only QoS 0, so events may be lost when the connection breaks; "
                "raise its highest QoS (max_qos of mosquitto) to 1",
            )

    def _set_retain(self, retain: bool) -> None:
        self.retain = retain
        if not retain:
            self._say(
                "retain",
                "the broker keeps no retained messages, so who subscribes later does not know "
                "this sensor; allow them (retain_available of mosquitto)",
            )

    def _say(self, what: str, text: str, *values: object) -> None:
        if what not in self._said:
            self._said.add(what)
            log.warning(text, *values)


def packet_size(topic: str, payload: bytes) -> int:
    """Bytes of a PUBLISH packet, at most: head, topic, number, no properties, payload."""
    return _HEAD + 2 + len(topic.encode()) + 2 + 1 + len(payload)
