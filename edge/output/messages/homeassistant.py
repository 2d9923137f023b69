"""The sensor as Home Assistant's MQTT device discovery describes it; pure functions, no connection
(that is `mqtt.py`).

https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload; Home Assistant 2024.11
and newer.
"""

import json
from collections.abc import Sequence
from typing import Any, get_args

from edge.core.config import MqttConfig, ZoneConfig
from edge.core.pose import POSTURES, ScaleSource
from edge.output.messages.fields import Message
from edge.output.messages.summary import REFRESH_S

BIRTH = b"online"
_EXPIRE_S = int(3 * REFRESH_S)
Component = dict[str, Any]
# A summary holds null for what is unknown, which Home Assistant reads as the state "unknown".
_SUMMARY: dict[str, Component] = {
    "occupancy": {
        "platform": "binary_sensor",
        "name": "Occupancy",
        "device_class": "occupancy",
        "value_template": "{{ None if value_json.occupancy is none else 'ON' if value_json.occupancy else 'OFF' }}",
    },
    "people": {
        "platform": "sensor",
        "name": "People",
        "icon": "mdi:account-multiple",
        "state_class": "measurement",
        "value_template": "{{ value_json.people }}",
    },
    "distance": {
        "platform": "sensor",
        "name": "Distance",
        "device_class": "distance",
        "state_class": "measurement",
        "unit_of_measurement": "m",
        "suggested_display_precision": 1,
        "value_template": "{{ value_json.mid_hip_distance_m }}",
    },
    "posture": {
        "platform": "sensor",
        "name": "Posture",
        "icon": "mdi:human",
        "device_class": "enum",
        "options": list(POSTURES),
        "value_template": "{{ value_json.posture }}",
    },
    "height": {
        "platform": "sensor",
        "name": "Body height",
        "device_class": "distance",
        "state_class": "measurement",
        "unit_of_measurement": "m",
        "suggested_display_precision": 2,
        "value_template": "{{ value_json.height_m }}",
    },
    "scale_source": {
        "platform": "sensor",
        "name": "Scale source",
        "device_class": "enum",
        "options": list(get_args(ScaleSource)),
        "entity_category": "diagnostic",
        "value_template": "{{ value_json.scale_source }}",
    },
    "confidence": {
        "platform": "sensor",
        "name": "Confidence",
        "icon": "mdi:percent-outline",
        "state_class": "measurement",
        "unit_of_measurement": "%",
        "entity_category": "diagnostic",
        "value_template": "{{ None if value_json.confidence is none else (100 * value_json.confidence) | round }}",
    },
}

# By the topic below the device's own that they read; buttons read none.
_OTHERS: dict[str, dict[str, Component]] = {
    "event": {
        "fall": {
            "platform": "event",
            "name": "Fall",
            "icon": "mdi:human-wheelchair",
            "event_types": ["fall", "fall_cleared"],
            # Home Assistant ignores an empty payload: the topic carries other kinds, too.
            "value_template": "{{ dict(event_type=value_json.kind, sequence=value_json.sequence, "
            "confidence=value_json.confidence, floor_m=value_json.floor_m, evidence=value_json.fall) | to_json "
            "if value_json.kind in ('fall', 'fall_cleared') else '' }}",
        },
    },
    "control": {
        "sensing": {
            "platform": "switch",
            "name": "Sensing",
            "icon": "mdi:eye",
            "command_topic": "cmd/sensing",
            "payload_on": '{"on":true}',
            "payload_off": '{"on":false}',
            "state_on": "ON",
            "state_off": "OFF",
            "value_template": "{{ 'ON' if value_json.sensing else 'OFF' }}",
        },
        "mute": {
            "platform": "switch",
            "name": "Mute",
            "icon": "mdi:volume-off",
            "entity_category": "config",
            "command_topic": "cmd/mute",
            "payload_on": '{"on":true}',
            "payload_off": '{"on":false}',
            "state_on": "ON",
            "state_off": "OFF",
            "value_template": "{{ 'ON' if value_json.mute else 'OFF' }}",
        },
    },
    "": {
        "recalibrate": {
            "platform": "button",
            "name": "Learn the empty room",
            "icon": "mdi:home-search-outline",
            "entity_category": "config",
            "command_topic": "cmd/recalibrate",
            "payload_press": "{}",
        },
    },
    "status": {
        "recording": {
            "platform": "binary_sensor",
            "name": "Recording",
            "icon": "mdi:record-rec",
            "entity_category": "diagnostic",
            "value_template": "{{ 'ON' if value_json.recording else 'OFF' }}",
        },
    },
    "telemetry": {
        "temperature": {
            "platform": "sensor",
            "name": "Processor temperature",
            "device_class": "temperature",
            "state_class": "measurement",
            "unit_of_measurement": "°C",
            "entity_category": "diagnostic",
            "value_template": "{{ value_json.temperature_c }}",
        },
        "throttled": {
            "platform": "binary_sensor",
            "name": "Throttled",
            "device_class": "problem",
            "entity_category": "diagnostic",
            "value_template": "{{ None if value_json.throttled is none else 'ON' if value_json.throttled else 'OFF' }}",
        },
        "poses_per_s": {
            "platform": "sensor",
            "name": "Poses per second",
            "icon": "mdi:speedometer",
            "state_class": "measurement",
            "entity_category": "diagnostic",
            "value_template": "{{ value_json.poses_per_s }}",
        },
        "frames_dropped": {
            "platform": "sensor",
            "name": "Frames dropped",
            "icon": "mdi:filmstrip-off",
            "state_class": "total_increasing",
            "entity_category": "diagnostic",
            "value_template": "{{ value_json.frames_dropped }}",
        },
        "xruns": {
            "platform": "sensor",
            "name": "Sound overruns",
            "icon": "mdi:waveform",
            "state_class": "total_increasing",
            "entity_category": "diagnostic",
            "value_template": "{{ value_json.xruns }}",
        },
    },
}


def discovery_topic(config: MqttConfig, device_id: str) -> str:
    """Where the device is announced (retained); an empty payload there removes the device and all
    its entities.
    """
    return f"{config.discovery_prefix}/device/{_serial(device_id)}/config"


def birth_topic(config: MqttConfig) -> str:
    """Where Home Assistant says BIRTH when it has started and wants every device announced again."""
    return f"{config.discovery_prefix}/status"


def discovery_message(
    config: MqttConfig,
    device_id: str,
    *,
    version: str,
    source: str,
    zones: Sequence[ZoneConfig] = (),
) -> Message:
    """The announcement as a JSON-ready dict. source: kind of source; any but "device" is told in
    the model's name.
    """
    topic, serial = f"{config.base_topic}/{device_id}", _serial(device_id)
    components = {
        key: {**c, "expire_after": _EXPIRE_S}
        for key, c in (_SUMMARY | _zone_components(zones)).items()
    }
    for name, table in _OTHERS.items():
        for key, component in table.items():
            components[key] = component | ({"state_topic": f"{topic}/{name}"} if name else {})
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


def removing(announcement: Message, before: bytes) -> Message:
    """The announcement, which also removes what an earlier one (as the broker keeps it) had and it
    has not.

    Home Assistant removes a component that comes with its platform only. What was removed stays
    listed so: Home Assistant may have been away. A `before` that is none of ours changes nothing.
    """
    try:
        old = json.loads(before)["components"].items()
        gone = {
            str(key): {"platform": str(c["platform"])}
            for key, c in old
            if key not in announcement["components"]
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return announcement
    return {**announcement, "components": announcement["components"] | gone}


def _zone_components(zones: Sequence[ZoneConfig]) -> dict[str, Component]:
    return {
        f"zone_{zone.key}": {
            "platform": "binary_sensor",
            "name": zone.name,
            "device_class": "occupancy",
            "value_template": "{{ None if value_json.zones is none else 'ON' if "
            f"{json.dumps(zone.name, ensure_ascii=False)} in value_json.zones else 'OFF' }}}}",
        }
        for zone in zones
    }


def _serial(device_id: str) -> str:
    return f"posekernel_{device_id}"
