"""The published JSON Schemas, made from the structs of the messages and commands."""

import inspect
from typing import Any

import msgspec

from edge.output.messages.commands import COMMANDS, CommandResultMessage
from edge.output.messages.device_messages import (
    ControlMessage,
    HealthMessage,
    StatusMessage,
    TelemetryMessage,
)
from edge.output.messages.echo_profile import EnvelopeMessage
from edge.output.messages.fields import Published
from edge.output.messages.pose_message import PoseMessage
from edge.output.messages.room_messages import EventMessage, SummaryMessage

Schema = dict[str, Any]
_REF = "#/$defs/{name}"
_COMMAND = (
    "What may be published, not retained, to <base topic>/<device id>/cmd/<command>; $defs holds "
    "the payload of each command by name. Every command is answered at cmd/result "
    "(command_result)."
)
PUBLISHED: dict[str, type[Published]] = {
    "command_result": CommandResultMessage,
    "control": ControlMessage,
    "envelope": EnvelopeMessage,
    "event": EventMessage,
    "health": HealthMessage,
    "pose": PoseMessage,
    "status": StatusMessage,
    "summary": SummaryMessage,
    "telemetry": TelemetryMessage,
}


def schema(name: str) -> Schema:
    """The JSON Schema (2020-12) of a message, or of "command". Raises KeyError."""
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:posekernel:{name}:{_version(name)}",
        "title": f"posekernel {name.replace('_', ' ')}",
    }
    if name == "command":
        return head | {"description": _COMMAND} | _commands()
    kind = PUBLISHED[name]
    _, parts = msgspec.json.schema_components([kind], ref_template=_REF)
    own = parts.pop(kind.__name__)
    described = {"description": _text(kind), "type": "object"}
    rest = {"required": own["required"], "properties": own["properties"]}
    if parts:
        rest["$defs"] = parts
    return head | described | rest | _RULES.get(name, {})


def _version(name: str) -> str:
    """Of a message, from the end of its `schema`; commands name none and stay at 1."""
    kind = PUBLISHED.get(name)
    return "1" if kind is None else str(kind.__struct_config__.tag).rpartition("/")[2]


def _commands() -> Schema:
    parts: Schema = {}
    for name, (kind, _) in COMMANDS.items():
        own = msgspec.json.schema_components([kind], ref_template=_REF)[1][kind.__name__]
        parts[name] = own | {"title": name, "description": _text(kind)}
    parts["quiet_hours"]["type"] = ["object", "null"]
    return {"anyOf": [{"$ref": f"#/$defs/{name}"} for name in parts], "$defs": parts}


def _text(kind: type) -> str:
    return " ".join(inspect.cleandoc(kind.__doc__ or "").split())


def _when(condition: Schema, then: Schema, otherwise: Schema | None = None) -> Schema:
    rule = {"if": {"properties": condition}, "then": {"properties": then}}
    return rule if otherwise is None else rule | {"else": {"properties": otherwise}}


_NULL = {"type": "null"}
_KNOWN = {
    "unknown_because": _NULL,
    "seen_only": {"not": _NULL},
    "fallen": {"not": _NULL},
    "positions": {"not": _NULL},
}
_NOBODY = {"type": "array", "items": {"properties": {"people": {"const": 0}}}}
# What one property says of another.
_RULES: dict[str, Schema] = {
    "control": _when(
        {"speaker": {"const": "off"}},
        {"silent_because": {"type": "string"}},
        {"silent_because": _NULL},
    ),
    "event": {
        "allOf": [
            _when(
                {"kind": {"enum": ["zone_entered", "zone_left"]}},
                {"zone": {"type": "string"}},
                {"zone": _NULL},
            ),
            _when({"kind": {"const": "fall"}}, {"fall": {"not": _NULL}}, {"fall": _NULL}),
        ]
    },
    "summary": {
        "allOf": [
            _when(
                {"occupancy": {"const": True}},
                {
                    **_KNOWN,
                    "people": {"type": "integer", "minimum": 1},
                    "nearest": {"not": _NULL},
                    "zones": {"not": _NULL},
                },
                {"nearest": _NULL},
            ),
            _when(
                {"occupancy": {"const": False}},
                {**_KNOWN, "people": {"const": 0}, "zones": _NOBODY},
            ),
            _when(
                {"fallen": {"const": True}},
                {"fallen_since": {"type": "string"}},
                {"fallen_since": _NULL},
            ),
            _when(
                {"occupancy": _NULL},
                {
                    "people": _NULL,
                    "zones": _NULL,
                    "positions": _NULL,
                    "seen_only": _NULL,
                    "unknown_because": {"type": "string"},
                },
            ),
        ]
    },
}
