"""The messages that the sensor publishes, and the commands that it takes.

`pose_message`, `room_messages` and `device_messages` say what each holds, `payloads` fills them in
and encodes them, `summary`, `events` and `echo_profile` decide when one is due, `commands` reads
what is asked, `schemas` makes the JSON Schemas.
"""

MESSAGES = (
    "command",
    "command_result",
    "control",
    "envelope",
    "event",
    "health",
    "pose",
    "status",
    "summary",
    "telemetry",
)
