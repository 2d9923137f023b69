"""The sensor as Home Assistant's MQTT device discovery describes it. Pure functions.

https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload; Home Assistant 2024.11
and newer.
"""

from collections.abc import Iterator, Sequence

import msgspec

from edge.core.config import LoudnessName, MqttConfig, ZoneConfig
from edge.core.config.sound import MAX_BUDGET_DBA, MODES
from edge.core.errors import ConfigError
from edge.core.typed import convert, parse_json
from edge.output.homeassistant.components import Component, Entity
from edge.output.homeassistant.device import ANSWERS, BUTTONS, CONTROL, HEALTH, STATUS, TELEMETRY
from edge.output.homeassistant.machine import HostMachine
from edge.output.homeassistant.room import EVENTS, SUMMARY, triggers, zone_entities
from edge.output.messages.fields import Message
from edge.output.messages.summary import REFRESH_S

BIRTH = b"online"
_EXPIRE_S = int(3 * REFRESH_S)


def discovery_topic(config: MqttConfig, device_id: str) -> str:
    """Where the device is announced (retained); an empty payload there removes the device."""
    return f"{config.discovery_prefix}/device/{_serial(device_id)}/config"


def birth_topic(config: MqttConfig) -> str:
    """Where Home Assistant publishes BIRTH when it has started, to have every device announced."""
    return f"{config.discovery_prefix}/status"


def discovery_message(
    config: MqttConfig,
    device_id: str,
    *,
    version: str,
    source: str,
    zones: Sequence[ZoneConfig] = (),
    loudness: LoudnessName = "continuous",
    machine: HostMachine | None = None,
) -> Message:
    """The announcement, JSON-ready. source: kind of source, in the model's name unless "device".
    loudness: that is configured, which can always be chosen.
    """
    topic, serial = f"{config.base_topic}/{device_id}", _serial(device_id)
    components: dict[str, Component] = {}
    for name, key, entity in entities(zones):
        components[key] = _with_topics(entity.component, topic, name)
    components["loudness"]["options"] = list(dict.fromkeys([*MODES, loudness, "custom"]))
    if loudness == "custom":
        components["budget"]["max"] = int(MAX_BUDGET_DBA)
    for key, component in triggers(zones).items():
        components[key] = component | {"topic": f"{topic}/{component['topic']}"}
    return {
        "device": _device(device_id, version, source, machine or HostMachine()),
        "origin": {"name": "posekernel", "sw_version": version},
        "availability": [{"topic": f"{topic}/status", "value_template": "{{ value_json.state }}"}],
        "state_topic": f"{topic}/summary",
        "qos": 1,
        "components": {
            key: {**component, "unique_id": f"{serial}_{key}"}
            for key, component in components.items()
        },
    }


def entities(zones: Sequence[ZoneConfig]) -> Iterator[tuple[str, str, Entity]]:
    """Every entity: the topic below the device's own that it reads ("" for a button), its key."""
    tables = {
        "summary": SUMMARY | zone_entities(zones),
        "event": EVENTS,
        "control": CONTROL,
        "": BUTTONS,
        "health": HEALTH,
        "status": STATUS,
        "telemetry": TELEMETRY,
        "cmd/result": ANSWERS,
    }
    for name, table in tables.items():
        for key, entity in table.items():
            yield name, key, entity


def _with_topics(component: Component, topic: str, name: str) -> Component:
    """Its full topics. name: that it reads, below `topic`."""
    full = dict(component)
    if name == "summary":  # the device's own state topic; it comes once a minute at least
        full["expire_after"] = _EXPIRE_S
    elif name:
        full["state_topic"] = f"{topic}/{name}"
    if "json_attributes_template" in component:
        full["json_attributes_topic"] = f"{topic}/{name}"
    if "command_topic" in component:
        full["command_topic"] = f"{topic}/{component['command_topic']}"
    return full


def _device(device_id: str, version: str, source: str, machine: HostMachine) -> Message:
    known = {
        "serial_number": machine.serial,
        "hw_version": machine.model,
        "configuration_url": machine.page,
    }
    return {
        "identifiers": [_serial(device_id)],
        "name": f"Pose sensor {device_id}",
        "manufacturer": "posekernel",
        "model": "Acoustic pose sensor" + ("" if source == "device" else f" ({source})"),
        "sw_version": version,
    } | {key: value for key, value in known.items() if value}


class _Platform(msgspec.Struct, frozen=True):
    platform: str


class _Announced(msgspec.Struct, frozen=True):
    components: dict[str, _Platform]


def removing(announcement: Message, before: bytes) -> Message:
    """The announcement, which also removes the components that only an earlier one had.

    before: the earlier one as the broker keeps it; anything else changes nothing. Home Assistant
    removes a component that has only its platform. It stays listed so: Home Assistant may have been
    away.
    """
    try:
        old = convert(parse_json(before), _Announced).components
    except ConfigError:
        return announcement
    here = announcement["components"]
    gone = {key: {"platform": c.platform} for key, c in old.items() if key not in here}
    return announcement | {"components": here | gone}


def _serial(device_id: str) -> str:
    return f"posekernel_{device_id}"
