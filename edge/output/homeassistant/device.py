"""The entities that set the sensor and tell how it is."""

from typing import Any, get_args

from edge.core.config.sound import MODES
from edge.output.homeassistant.components import (
    DBA,
    DIAGNOSTIC,
    MEASURED,
    OFF,
    SETTING,
    Entity,
    attributes,
    binary,
    button,
    entity,
    sensor,
    switch,
)
from edge.output.messages.device_messages import Silence
from edge.output.messages.fields import TIME_PATTERN

NO_HOURS = "off"

CONTROL: dict[str, Entity] = {
    "sensing": switch(
        "off: camera, microphones and loudspeaker are closed", "Sensing", "sensing", icon="mdi:eye"
    ),
    "mute": switch(
        "the loudspeaker is silent, poses go on", "Mute", "mute", icon="mdi:volume-off", **SETTING
    ),
    "loudness": entity(
        "how much sound is accepted",
        "select",
        "Loudness",
        "value_json.loudness",
        icon="mdi:volume-low",
        command_topic="cmd/loudness",
        command_template='{"mode": "{{ value }}"}',
        options=list(MODES),
        **SETTING,
    ),
    "budget": entity(
        "the same as a number: most sound on average over a minute, dB(A) at 1 m",
        "number",
        "Loudness budget",
        "value_json.budget_dba",
        icon="mdi:volume-equal",
        command_topic="cmd/budget",
        command_template='{"budget_dba": {{ value }}}',
        min=0,
        max=MODES["loud"][0],
        step=1,
        mode="box",
        **DBA,
        **SETTING,
    ),
    "quiet_hours": entity(
        f"when the loudspeaker is silent every day, as `22:00-07:00`, or `{NO_HOURS}`",
        "text",
        "Quiet hours",
        f"'{NO_HOURS}' if value_json.quiet_hours is none "
        "else value_json.quiet_hours.from ~ '-' ~ value_json.quiet_hours.to",
        icon="mdi:weather-night",
        command_topic="cmd/quiet_hours",
        command_template=f"{{{{ 'null' if value == '{NO_HOURS}' "
        "else dict([('from', value[:5]), ('to', value[6:])]) | to_json }}",
        pattern=f"^({NO_HOURS}|{TIME_PATTERN}-{TIME_PATTERN})$",
        max=11,
        **SETTING,
    ),
    "speaker": entity(
        "`on`, `standby` while nobody is seen, or why it is silent",
        "sensor",
        "Loudspeaker",
        "value_json.silent_because or value_json.speaker",
        icon="mdi:speaker",
        device_class="enum",
        options=["on", "standby", *get_args(Silence)],
        **DIAGNOSTIC,
    ),
}

BUTTONS: dict[str, Entity] = {
    "recalibrate": button(
        "forgets the empty room and learns it again",
        "Learn the empty room",
        "recalibrate",
        icon="mdi:home-search-outline",
    ),
    "reload": button("reads the configuration again", "Reload", "reload", icon="mdi:file-refresh"),
    "restart": button(
        "ends the program and starts it", "Restart", "restart", device_class="restart"
    ),
}

STATUS: dict[str, Entity] = {
    "recording": entity(
        "raw sound and images are being written",
        "binary_sensor",
        "Recording",
        "'ON' if value_json.recording else 'OFF'",
        icon="mdi:record-rec",
        **DIAGNOSTIC,
    )
}


def _problem(device: str, name: str) -> Entity:
    found = f"value_json.problems | selectattr('device', 'eq', '{device}') | list"
    return entity(
        "something is wrong with it; attribute `problems`: what, likely cause, remedy",
        "binary_sensor",
        name,
        f"'ON' if {found} else 'OFF'",
        device_class="problem",
        **attributes(f"dict(problems={found})"),
        **DIAGNOSTIC,
    )


HEALTH: dict[str, Entity] = {
    "condition": entity(
        "`well`, or in words why it is silent or degraded; attribute `reasons`: each of them",
        "sensor",
        "Condition",
        "(value_json.reasons | join('; '))[:255] or 'well'",
        icon="mdi:heart-pulse",
        **attributes("dict(reasons=value_json.reasons)"),
        **DIAGNOSTIC,
    ),
    "camera": _problem("camera", "Camera problem"),
    "sound": _problem("sound", "Sound problem"),
    "room": _problem("room", "Room problem"),
    "update": entity(
        "a newer version lies on the sensor and waits for a restart, which installing does",
        "update",
        "Program",
        "dict(installed_version=value_json.version, latest_version=value_json.version_on_disk, "
        "title='posekernel') | to_json",
        command_topic="cmd/restart",
        payload_install="{}",
        **DIAGNOSTIC,
    ),
}


def _level(what: str, name: str, value: str, icon: str, **more: Any) -> Entity:
    shown = {"icon": icon, "suggested_display_precision": 0}
    return sensor(what, name, value, **shown, **DBA, **MEASURED, **DIAGNOSTIC, **OFF, **more)


def _count(what: str, name: str, value: str, icon: str) -> Entity:
    counts = {"icon": icon, "state_class": "total_increasing"}
    return sensor(what, name, value, **counts, **DIAGNOSTIC, **OFF)


TELEMETRY: dict[str, Entity] = {
    "temperature": sensor(
        "of the processor",
        "Processor temperature",
        "temperature_c",
        device_class="temperature",
        **MEASURED,
        unit_of_measurement="°C",
        **DIAGNOSTIC,
        **OFF,
    ),
    "throttled": binary(
        "the Raspberry Pi lacks voltage, or is too hot",
        "Throttled",
        "throttled",
        device_class="problem",
        **DIAGNOSTIC,
    ),
    "sound_average": _level(
        "played in the last minute, dB(A) at 1 m",
        "Sound average",
        "sound.average_dba",
        "mdi:volume-medium",
    ),
    "sound_peak": _level(
        "the loudest of it, while it lasted", "Sound peak", "sound.peak_dba", "mdi:volume-high"
    ),
    "sound_seconds": sensor(
        "how long it sounded in the last minute",
        "Sound per minute",
        "sound.seconds",
        icon="mdi:timer-outline",
        device_class="duration",
        **MEASURED,
        unit_of_measurement="s",
        suggested_display_precision=1,
        **DIAGNOSTIC,
        **OFF,
    ),
    "ambient": entity(
        "the room's own noise at the microphones",
        "sensor",
        "Ambient noise",
        "None if value_json.sound.ambient is none else value_json.sound.ambient.dba",
        icon="mdi:ear-hearing",
        **DBA,
        **MEASURED,
        suggested_display_precision=0,
        **DIAGNOSTIC,
        **OFF,
    ),
    "poses_per_s": sensor(
        "two people in one image are two",
        "Poses per second",
        "poses_per_s",
        icon="mdi:speedometer",
        **MEASURED,
        **DIAGNOSTIC,
        **OFF,
    ),
    "frames_dropped": _count(
        "images that were not looked at", "Frames dropped", "frames_dropped", "mdi:filmstrip-off"
    ),
    "xruns": _count("of the sound card", "Sound overruns", "xruns", "mdi:waveform"),
}

ANSWERS: dict[str, Entity] = {
    "answer": entity(
        "what the sensor said to the last command, also why it refused; attributes: the command, "
        "whether it was done",
        "sensor",
        "Last answer",
        "value_json.text[:255]",
        icon="mdi:message-reply-text",
        **attributes(
            "dict(command=value_json.command, ok=value_json.ok, request=value_json.request, "
            "time=value_json.timestamp)"
        ),
        **DIAGNOSTIC,
    )
}
