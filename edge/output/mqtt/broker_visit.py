"""Short visits to a broker: whether it takes us and what we do (for `doctor`), and clearing what it
keeps of a removed device.
"""

import secrets
import threading

from edge.core.config import MqttConfig
from edge.core.errors import BrokerError
from edge.output.messages.homeassistant import discovery_topic
from edge.output.mqtt.access import where, who
from edge.output.mqtt.connection import Connection

_ACK_TIMEOUT_S = 5.0
_ECHO_S = 2.0
RETAINED = ("summary", "control", "status")


def check(config: MqttConfig, device_id: str | None = None) -> str | None:
    """Try the broker once: None when it takes us, otherwise one sentence with the trouble and its
    remedy.

    device_id: also try whether we may write below that device's topic and hear commands there, with
    an empty message to `.../cmd/check`, which sensors ignore. A denied MQTT 3.1.1 client cannot
    tell the two apart.
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
        connection.publish_acknowledged(topic, b"", _ACK_TIMEOUT_S, retain=False)
        if not echo.wait(_ECHO_S):
            return (
                f"{where(config)} does not let {who(config)} read {config.base_topic}/{device_id}/cmd/#, so no command will "
                "arrive; allow it in the broker's ACL"
            )
    except BrokerError as e:
        return str(e)
    finally:
        connection.close()
    return None


def forget(config: MqttConfig, device_id: str) -> None:
    """Clear what the broker retains of a device that is gone; Home Assistant then removes it.
    Raises BrokerError.
    """
    topics = [f"{config.base_topic}/{device_id}/{name}" for name in RETAINED]
    if config.discovery:
        topics.insert(
            0, discovery_topic(config, device_id)
        )  # first: entities should not show as unavailable in between
    connection = Connection(config, f"posekernel-forget-{secrets.token_hex(4)}")
    try:
        connection.open()
        for topic in topics:
            connection.publish_acknowledged(topic, b"", _ACK_TIMEOUT_S)
    finally:
        connection.close()
