"""The sensor as Home Assistant's MQTT device discovery describes it. Pure functions.

https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload; Home Assistant 2024.11
and newer.
"""

import json
from collections.abc import Sequence
from typing import Any, get_args

import msgspec

from edge.core.config import MqttConfig, ZoneConfig
from edge.core.errors import ConfigError
from edge.core.pose import POSTURES, ScaleSource
from edge.core.typed import convert, parse_json
from edge.output.messages.fields import Message
from edge.output.messages.summary import REFRESH_S

BIRTH = b"online"
_EXPIRE_S = int(3 * REFRESH_S)
Component = dict[str, Any]


def _component(platform: str, name: str, template: str, **more: Any) -> Component:
    return {"platform": platform, "name": name, **more, "value_template": f"{{{{ {template} }}}}"}


def _sensor(name: str, value: str, **more: Any) -> Component:
    return _component("sensor", name, f"value_json.{value}", **more)


def _binary(name: str, value: str, **more: Any) -> Component:
    """null, which stands for unknown in our messages, becomes Home Assistant's state "unknown"."""
    template = f"None if value_json.{value} is none else 'ON' if value_json.{value} else 'OFF'"
    return _component("binary_sensor", name, template, **more)


def _of_nearest(name: str, value: str, **more: Any) -> Component:
    """A sensor of the person nearest to the camera; unknown while there is nobody."""
    template = f"None if value_json.nearest is none else value_json.nearest.{value}"
    return _component("sensor", name, template, **more)


def _switch(name: str, command: str, **more: Any) -> Component:
    return _component(
        "switch",
        name,
        f"'ON' if value_json.{command} else 'OFF'",
        **more,
        command_topic=f"cmd/{command}",
        payload_on='{"on":true}',
        payload_off='{"on":false}',
        state_on="ON",
        state_off="OFF",
    )


_SEVERAL = "mdi:account-multiple"
_MEASURED = {"state_class": "measurement"}
_METRES = {"device_class": "distance", **_MEASURED, "unit_of_measurement": "m"}
_DIAGNOSTIC = {"entity_category": "diagnostic"}
_OF_SOUND = "(value_json.problems or []) | selectattr('device', 'eq', 'sound')"
_SUMMARY: dict[str, Component] = {
    "occupancy": _binary(
        "Occupancy",
        "occupancy",
        device_class="occupancy",
        json_attributes_template="{{ dict(unknown_because=value_json.unknown_because, "
        "seen_only=value_json.seen_only) | to_json }}",
    ),
    "people": _sensor("People", "people", icon=_SEVERAL, **_MEASURED),
    "fallen": _binary("Fallen", "fallen", device_class="safety", icon="mdi:human-wheelchair"),
    "distance": _of_nearest(
        "Distance", "mid_hip_distance_m", **_METRES, suggested_display_precision=1
    ),
    "posture": _of_nearest(
        "Posture", "posture", icon="mdi:human", device_class="enum", options=list(POSTURES)
    ),
    "height": _of_nearest("Body height", "height_m", **_METRES, suggested_display_precision=2),
    "scale_source": _of_nearest(
        "Scale source",
        "scale_source",
        device_class="enum",
        options=list(get_args(ScaleSource)),
        **_DIAGNOSTIC,
    ),
    "confidence": _component(
        "sensor",
        "Confidence",
        "None if value_json.nearest is none or value_json.nearest.confidence is none "
        "else (100 * value_json.nearest.confidence) | round",
        icon="mdi:percent-outline",
        **_MEASURED,
        unit_of_measurement="%",
        **_DIAGNOSTIC,
    ),
}

# By the topic below the device's own that they read; buttons read none.
_OTHERS: dict[str, dict[str, Component]] = {
    "event": {
        # Home Assistant ignores an empty payload: the topic carries other kinds, too.
        "fall": _component(
            "event",
            "Fall",
            "dict(event_type=value_json.kind, sequence=value_json.sequence, "
            "person=value_json.person, "
            "confidence=value_json.confidence, floor_m=value_json.floor_m, "
            "evidence=value_json.fall) | to_json "
            "if value_json.kind in ('fall', 'fall_cleared') else ''",
            icon="mdi:human-wheelchair",
            event_types=["fall", "fall_cleared"],
        )
    },
    "control": {
        "sensing": _switch("Sensing", "sensing", icon="mdi:eye"),
        "mute": _switch("Mute", "mute", icon="mdi:volume-off", entity_category="config"),
    },
    "": {
        "recalibrate": {
            "platform": "button",
            "name": "Learn the empty room",
            "icon": "mdi:home-search-outline",
            "entity_category": "config",
            "command_topic": "cmd/recalibrate",
            "payload_press": "{}",
        }
    },
    "status": {
        "recording": _component(
            "binary_sensor",
            "Recording",
            "'ON' if value_json.recording else 'OFF'",
            icon="mdi:record-rec",
            **_DIAGNOSTIC,
        )
    },
    "telemetry": {
        "temperature": _sensor(
            "Processor temperature",
            "temperature_c",
            device_class="temperature",
            **_MEASURED,
            unit_of_measurement="°C",
            **_DIAGNOSTIC,
        ),
        "throttled": _binary("Throttled", "throttled", device_class="problem", **_DIAGNOSTIC),
        "microphones": _component(
            "binary_sensor",
            "Microphones",
            f"'ON' if {_OF_SOUND} | list else 'OFF'",
            device_class="problem",
            json_attributes_template=f"{{{{ dict(problems={_OF_SOUND} | list) | to_json }}}}",
            **_DIAGNOSTIC,
        ),
        "poses_per_s": _sensor(
            "Poses per second", "poses_per_s", icon="mdi:speedometer", **_MEASURED, **_DIAGNOSTIC
        ),
        "frames_dropped": _sensor(
            "Frames dropped",
            "frames_dropped",
            icon="mdi:filmstrip-off",
            state_class="total_increasing",
            **_DIAGNOSTIC,
        ),
        "xruns": _sensor(
            "Sound overruns",
            "xruns",
            icon="mdi:waveform",
            state_class="total_increasing",
            **_DIAGNOSTIC,
        ),
    },
}


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
) -> Message:
    """The announcement, JSON-ready. source: kind of source, in the model's name unless "device"."""
    topic, serial = f"{config.base_topic}/{device_id}", _serial(device_id)
    components: dict[str, Component] = {}
    tables = {"summary": _SUMMARY | _zone_components(zones)} | _OTHERS
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
        components[f"zone_{zone.key}"] = _component(
            "binary_sensor",
            zone.name,
            f"None if value_json.zones is none else 'ON' if {people} else 'OFF'",
            device_class="occupancy",
        )
        components[f"people_{zone.key}"] = _component(
            "sensor",
            f"{zone.name} people",
            f"None if value_json.zones is none else {people}",
            icon=_SEVERAL,
            **_MEASURED,
        )
    return components


def _serial(device_id: str) -> str:
    return f"posekernel_{device_id}"
