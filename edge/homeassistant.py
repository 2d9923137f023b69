"""The sensor as Home Assistant's MQTT device discovery describes it; pure functions, no connection (that is `mqtt.py`).

https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload; Home Assistant 2024.11 and newer.
"""

from typing import Any

from edge.config import MqttConfig
from edge.publish import Message
from edge.summary import REFRESH_S

BIRTH = b"online"
_EXPIRE_S = int(3 * REFRESH_S)
# A summary holds null for what is unknown, which Home Assistant reads as the state "unknown".
_COMPONENTS: dict[str, dict[str, Any]] = {
    "occupancy": {
        "platform": "binary_sensor",
        "name": "Occupancy",
        "device_class": "occupancy",
        "value_template": "{{ 'ON' if value_json.occupancy else 'OFF' }}",
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
        "options": ["sound", "height"],
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


def discovery_topic(config: MqttConfig, device_id: str) -> str:
    """Where the device is announced (retained); an empty payload there removes the device and all its entities."""
    return f"{config.discovery_prefix}/device/{_serial(device_id)}/config"


def birth_topic(config: MqttConfig) -> str:
    """Where Home Assistant says BIRTH when it has started and wants every device announced again."""
    return f"{config.discovery_prefix}/status"


def discovery_message(config: MqttConfig, device_id: str, *, version: str, source: str) -> Message:
    """The announcement as a JSON-ready dict. source: kind of source; any but "device" is told in the model's name."""
    topic, serial = f"{config.base_topic}/{device_id}", _serial(device_id)
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
            key: {**component, "unique_id": f"{serial}_{key}", "expire_after": _EXPIRE_S}
            for key, component in _COMPONENTS.items()
        },
    }


def _serial(device_id: str) -> str:
    return f"posekernel_{device_id}"
