"""An announcement to Home Assistant, as tests look at it."""

import json
from typing import Any

import pytest

from edge.core.config import MqttConfig, ZoneConfig
from edge.output.homeassistant.discovery import discovery_message
from edge.output.messages.fields import Message
from edge.output.messages.payloads import encode

CONFIG = MqttConfig()
TOPIC = "homeassistant/device/posekernel_hall/config"
ZONES = (
    ZoneConfig("Sofa", ((0.0, 2.0), (1.0, 2.0), (1.0, 3.0))),
    ZoneConfig('Küche "hinten" }}', ((0.0, 2.0), (1.0, 2.0), (1.0, 3.0))),
)


def announcement(
    config: MqttConfig = CONFIG, source: str = "device", zones: tuple[ZoneConfig, ...] = ZONES
) -> Message:
    loaded: Message = json.loads(
        encode(discovery_message(config, "hall", version="0.1.0", source=source, zones=zones))
    )
    return loaded


def components_of(name: str) -> dict[str, dict[str, Any]]:
    """The components that read one of the device's topics."""
    message, topic = announcement(), f"posekernel/hall/{name}"
    read = {
        key: c.get("state_topic", message["state_topic"])
        for key, c in message["components"].items()
        if c["platform"] != "device_automation"
    }
    return {
        key: message["components"][key] for key, state_topic in read.items() if state_topic == topic
    }


def states(
    name: str,
    message: Message,
    template: str = "value_template",
    shown: dict[str, Any] | None = None,
) -> dict[str, str]:
    """What Home Assistant's templates make of a message, by component. shown: attributes that the
    entity has already.
    """
    pytest.importorskip("jinja2", reason="jinja2 is not installed")
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment()
    environment.filters["to_json"] = json.dumps
    value_json = json.loads(encode(message))
    this = {"attributes": shown or {}}
    return {
        key: environment.from_string(component[template]).render(value_json=value_json, this=this)
        for key, component in components_of(name).items()
        if template in component
    }
