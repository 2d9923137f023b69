"""Short visits to a broker: check whether it accepts this client, and forget a removed device."""

import queue
import secrets
import threading
import time
from contextlib import suppress

import msgspec

from edge.core.config import MqttConfig
from edge.core.errors import BrokerError, ConfigError
from edge.core.typed import convert, parse_json
from edge.output.homeassistant.discovery import discovery_topic
from edge.output.mqtt.access import RefusedError, where, who
from edge.output.mqtt.connection import ACK_TIMEOUT_S, Connection

_ECHO_S = 2.0
RETAINED = ("summary", "control", "status")


def check(config: MqttConfig, device_id: str | None = None) -> str | None:
    """Try the broker once: None when it accepts us, otherwise one sentence with problem and remedy.

    device_id: also try whether we may publish and receive commands below that device's topic, with
    an empty message to `.../cmd/check`, which sensors ignore. With MQTT 3.1.1 a client that is
    denied cannot tell which of the two was.
    """
    echo = threading.Event()
    connection = Connection(
        config, f"posekernel-check-{secrets.token_hex(4)}", on_message=lambda _: echo.set()
    )
    try:
        connection.open()
        if device_id is None:
            return None
        topic = f"{config.base_topic}/{device_id}/cmd/check"
        connection.subscribe(topic, own=True)
        connection.publish_acknowledged(topic, b"", ACK_TIMEOUT_S, retain=False)
        if not echo.wait(_ECHO_S):
            return (
                f"{where(config)} does not let {who(config)} read "
                f"{config.base_topic}/{device_id}/cmd/#, so no command will "
                "arrive; allow it in the broker's ACL"
            )
    except BrokerError as e:
        return str(e)
    finally:
        connection.close()
    return None


def round_trip(config: MqttConfig, topic: str, payload: bytes) -> float:
    """Publish to a topic, which is not retained, and wait until the broker brings it back: the time
    that took [s]. Raises BrokerError.
    """
    back = threading.Event()
    connection = Connection(
        config,
        f"posekernel-trial-{secrets.token_hex(4)}",
        on_message=lambda message: back.set() if message.payload == payload else None,
    )
    try:
        connection.open()
        connection.subscribe(topic, own=True)
        began = time.monotonic()
        connection.publish_acknowledged(topic, payload, ACK_TIMEOUT_S, retain=False)
        if not back.wait(_ECHO_S):
            raise RefusedError(
                f"{where(config)} took a message for {topic}, but did not give it back within "
                f"{_ECHO_S:g} s; allow {who(config)} to read {topic} in the broker's ACL"
            )
        return time.monotonic() - began
    finally:
        connection.close()


def forget(config: MqttConfig, device_id: str, *, force: bool = False) -> None:
    """Clear what the broker and Home Assistant keep of a removed device.

    A device that is online is refused: it would announce itself again, or its entities would stay
    without values. force: it is cleared all the same. Raises BrokerError.
    """
    topics = [f"{config.base_topic}/{device_id}/{name}" for name in RETAINED]
    if config.discovery:
        # First: otherwise the entities would show as unavailable for a moment.
        topics.insert(0, discovery_topic(config, device_id))
    found: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    connection = Connection(
        config,
        f"posekernel-forget-{secrets.token_hex(4)}",
        on_message=lambda message: found.put(message.payload),
    )
    try:
        connection.open()
        if not force:
            connection.subscribe(f"{config.base_topic}/{device_id}/status")
            with suppress(queue.Empty):  # no status is kept: it never ran
                _refuse_online(found.get(timeout=_ECHO_S), device_id)
        for topic in topics:
            connection.publish_acknowledged(topic, b"", ACK_TIMEOUT_S)
    finally:
        connection.close()


class _Status(msgspec.Struct, frozen=True):
    state: str


def _refuse_online(status: bytes, device_id: str) -> None:
    try:
        state = convert(parse_json(status), _Status).state
    except ConfigError:
        return
    if state == "online":
        raise RefusedError(
            f"{device_id} is online and would announce itself again; stop it first (systemctl "
            "disable --now posekernel on that machine), or add --force where it is gone for good "
            "and the broker did not notice"
        )
