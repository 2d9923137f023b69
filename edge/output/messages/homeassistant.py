"""The sensor as Home Assistant's MQTT device discovery describes it. Pure functions.

https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload; Home Assistant 2024.11
and newer.
"""

import json
from collections.abc import Sequence

import msgspec

from edge.core.config import LoudnessName, MqttConfig, ZoneConfig
from edge.core.config.sound import MODES
from edge.core.errors import ConfigError
from edge.core.typed import convert, parse_json
from edge.output.messages.fields import Message
from edge.output.messages.homeassistant_entities import (
    MEASURED,
    OTHERS,
    SEVERAL,
    SUMMARY,
    Component,
    entity,
)
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
) -> Message:
    """The announcement, JSON-ready. source: kind of source, in the model's name unless "device".
    loudness: that is configured, which can always be chosen.
    """
    topic, serial = f"{config.base_topic}/{device_id}", _serial(device_id)
    components: dict[str, Component] = {}
    tables = {"summary": SUMMARY | _zone_components(zones)} | OTHERS
    for name, table in tables.items():
        for key, component in table.items():
            if name == "summary":  # it comes once a minute at least
                components[key] = component | {"expire_after": _EXPIRE_S}
            else:
                components[key] = component | ({"state_topic": f"{topic}/{name}"} if name else {})
            if "json_attributes_template" in component:
                components[key]["json_attributes_topic"] = f"{topic}/{name}"
            if "command_topic" in component:
                components[key]["command_topic"] = f"{topic}/{component['command_topic']}"
    options = dict.fromkeys([*MODES, loudness])
    components["loudness"] = components["loudness"] | {"options": list(options)}
    return {
        "device": {
            "identifiers": [serial],
            "name": f"Pose sensor {device_id}",
            "manufacturer": "posekernel",
            "model": "Acoustic pose sensor" + ("" if source == "device" else f" ({source})"),
            "sw_version": version,
        },
        "origin": {"name": "posekernel", "sw_version": version},
        "availability": [{"topic": f"{topic}/status", "value_template": "{{ value_json.state }}"}],
        "state_topic": f"{topic}/summary",
        "qos": 1,
        "components": {
            key: {**component, "unique_id": f"{serial}_{key}"}
            for key, component in components.items()
        },
    }


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


def _zone_components(zones: Sequence[ZoneConfig]) -> dict[str, Component]:
    """Of each zone whether anybody is in it, and how many."""
    components = {}
    for zone in zones:
        name = json.dumps(zone.name, ensure_ascii=False)
        people = (
            f"value_json.zones | selectattr('name', 'eq', {name}) | map(attribute='people') | sum"
        )
        components[f"zone_{zone.key}"] = entity(
            "binary_sensor",
            zone.name,
            f"None if value_json.zones is none else 'ON' if {people} else 'OFF'",
            device_class="occupancy",
        )
        components[f"people_{zone.key}"] = entity(
            "sensor",
            f"{zone.name} people",
            f"None if value_json.zones is none else {people}",
            icon=SEVERAL,
            **MEASURED,
        )
    return components


def _serial(device_id: str) -> str:
    return f"posekernel_{device_id}"
