"""What an entity is made of: platform, name, and templates that read our messages."""

from typing import Any, NamedTuple

Component = dict[str, Any]

MEASURED = {"state_class": "measurement"}
METRES = {"device_class": "distance", **MEASURED, "unit_of_measurement": "m"}
DBA = {"device_class": "sound_pressure", "unit_of_measurement": "dBA"}
DIAGNOSTIC = {"entity_category": "diagnostic"}
SETTING = {"entity_category": "config"}
OFF = {"enabled_by_default": False}


class Entity(NamedTuple):
    """what: it tells or does, for the README. component: as Home Assistant's discovery wants it,
    topics below the device's own.
    """

    what: str
    component: Component


def entity(what: str, platform: str, name: str, template: str, **more: Any) -> Entity:
    """An entity; template: a Jinja expression for its value."""
    value = {"value_template": f"{{{{ {template} }}}}"}
    return Entity(what, {"platform": platform, "name": name, **more, **value})


def attributes(template: str) -> Component:
    """Attributes beside the value; template: a Jinja expression for a dict."""
    return {"json_attributes_template": f"{{{{ {template} | to_json }}}}"}


def sensor(what: str, name: str, value: str, **more: Any) -> Entity:
    """A value of the message as it is."""
    return entity(what, "sensor", name, f"value_json.{value}", **more)


def binary(what: str, name: str, value: str, **more: Any) -> Entity:
    """null, which stands for unknown in our messages, becomes Home Assistant's state "unknown"."""
    template = f"None if value_json.{value} is none else 'ON' if value_json.{value} else 'OFF'"
    return entity(what, "binary_sensor", name, template, **more)


def switch(what: str, name: str, command: str, **more: Any) -> Entity:
    """A command that takes {"on": true}, and the same key of `control`."""
    return entity(
        what,
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


def button(what: str, name: str, command: str, **more: Any) -> Entity:
    """A command that takes nothing."""
    pressed = {"command_topic": f"cmd/{command}", "payload_press": "{}"}
    return Entity(what, {"platform": "button", "name": name, **more, **SETTING, **pressed})


def trigger(kind: str, subtype: str, condition: str) -> Component:
    """A device trigger at each event for which a Jinja condition holds."""
    return {
        "platform": "device_automation",
        "automation_type": "trigger",
        "type": kind,
        "subtype": subtype,
        "topic": "event",
        "value_template": f"{{{{ 'yes' if {condition} else '' }}}}",
        "payload": "yes",
    }
