"""The messages that the sensor publishes, and the commands that it takes.

`person_messages` and `device_messages` say what each holds, `payloads` fills them in and encodes
them, `summary`, `events` and `echo_profile` decide when one is due, `commands` reads what is asked,
`homeassistant` announces the sensor, `schemas` makes the JSON Schemas.
"""

MESSAGES = (
    "command",
    "command_result",
    "control",
    "envelope",
    "event",
    "pose",
    "status",
    "summary",
    "telemetry",
)
