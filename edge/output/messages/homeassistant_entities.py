"""The entities that Home Assistant shows: names, units, and templates that read our messages."""

from typing import Any, get_args

from edge.core.config.sound import MODES
from edge.core.pose import POSTURES, ScaleSource

Component = dict[str, Any]


def entity(platform: str, name: str, template: str, **more: Any) -> Component:
    """An entity; template: a Jinja expression for its value."""
    return {"platform": platform, "name": name, **more, "value_template": f"{{{{ {template} }}}}"}


def _sensor(name: str, value: str, **more: Any) -> Component:
    return entity("sensor", name, f"value_json.{value}", **more)


def _binary(name: str, value: str, **more: Any) -> Component:
    """null, which stands for unknown in our messages, becomes Home Assistant's state "unknown"."""
    template = f"None if value_json.{value} is none else 'ON' if value_json.{value} else 'OFF'"
    return entity("binary_sensor", name, template, **more)


def _of_nearest(name: str, value: str, **more: Any) -> Component:
    """A sensor of the person nearest to the camera; unknown while there is nobody."""
    template = f"None if value_json.nearest is none else value_json.nearest.{value}"
    return entity("sensor", name, template, **more)


def _switch(name: str, command: str, **more: Any) -> Component:
    return entity(
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


SEVERAL = "mdi:account-multiple"
MEASURED = {"state_class": "measurement"}
_METRES = {"device_class": "distance", **MEASURED, "unit_of_measurement": "m"}
_DIAGNOSTIC = {"entity_category": "diagnostic"}
_DBA = {"device_class": "sound_pressure", **MEASURED, "unit_of_measurement": "dBA"}
_OF_SOUND = "(value_json.problems or []) | selectattr('device', 'eq', 'sound')"
SUMMARY: dict[str, Component] = {
    "occupancy": _binary(
        "Occupancy",
        "occupancy",
        device_class="occupancy",
        json_attributes_template="{{ dict(unknown_because=value_json.unknown_because, "
        "seen_only=value_json.seen_only) | to_json }}",
    ),
    "people": _sensor("People", "people", icon=SEVERAL, **MEASURED),
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
    "confidence": entity(
        "sensor",
        "Confidence",
        "None if value_json.nearest is none or value_json.nearest.confidence is none "
        "else (100 * value_json.nearest.confidence) | round",
        icon="mdi:percent-outline",
        **MEASURED,
        unit_of_measurement="%",
        **_DIAGNOSTIC,
    ),
}

# By the topic below the device's own that they read; buttons read none.
OTHERS: dict[str, dict[str, Component]] = {
    "event": {
        # Home Assistant ignores an empty payload: the topic carries other kinds, too.
        "fall": entity(
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
        "loudness": entity(
            "select",
            "Loudness",
            "value_json.loudness",
            icon="mdi:volume-low",
            entity_category="config",
            command_topic="cmd/loudness",
            command_template='{"mode": "{{ value }}"}',
            options=list(MODES),
        ),
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
        "recording": entity(
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
            **MEASURED,
            unit_of_measurement="°C",
            **_DIAGNOSTIC,
        ),
        "throttled": _binary("Throttled", "throttled", device_class="problem", **_DIAGNOSTIC),
        "microphones": entity(
            "binary_sensor",
            "Microphones",
            f"'ON' if {_OF_SOUND} | list else 'OFF'",
            device_class="problem",
            json_attributes_template=f"{{{{ dict(problems={_OF_SOUND} | list) | to_json }}}}",
            **_DIAGNOSTIC,
        ),
        "sound_average": _sensor(
            "Sound average",
            "sound.average_dba",
            icon="mdi:volume-medium",
            **_DBA,
            suggested_display_precision=0,
            **_DIAGNOSTIC,
        ),
        "sound_peak": _sensor(
            "Sound peak",
            "sound.peak_dba",
            icon="mdi:volume-high",
            **_DBA,
            suggested_display_precision=0,
            **_DIAGNOSTIC,
        ),
        "sound_seconds": _sensor(
            "Sound per minute",
            "sound.seconds",
            icon="mdi:timer-outline",
            device_class="duration",
            **MEASURED,
            unit_of_measurement="s",
            suggested_display_precision=1,
            **_DIAGNOSTIC,
        ),
        "ambient": entity(
            "sensor",
            "Ambient noise",
            "None if value_json.sound.ambient is none else value_json.sound.ambient.dba",
            icon="mdi:ear-hearing",
            **_DBA,
            suggested_display_precision=0,
            **_DIAGNOSTIC,
        ),
        "poses_per_s": _sensor(
            "Poses per second", "poses_per_s", icon="mdi:speedometer", **MEASURED, **_DIAGNOSTIC
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
