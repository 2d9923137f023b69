"""The entities that tell who is there and what happens, and the device's triggers."""

import json
from collections.abc import Sequence
from typing import Any, get_args

from edge.core.config import ZoneConfig
from edge.core.pose import POSTURES, ScaleSource
from edge.output.homeassistant.components import (
    DIAGNOSTIC,
    MEASURED,
    METRES,
    OFF,
    Component,
    Entity,
    attributes,
    binary,
    entity,
    sensor,
    trigger,
)
from edge.output.messages.room_messages import EventKind

SEVERAL = "mdi:account-multiple"
# Home Assistant's own word for a missing state is "unknown".
UNCLEAR = "unclear"
_FALLS: tuple[EventKind, ...] = ("fall", "fall_cleared")
_PERSON: tuple[EventKind, ...] = ("person_entered", "person_left")
_ZONE: tuple[EventKind, ...] = ("zone_entered", "zone_left")
# Told again after a sudden restart, an event is the same one: neither its number nor its time is
# newer. Home Assistant ignores an empty payload.
_REPEATED = (
    "(value_json.sequence <= this.attributes.sequence | default(0) "
    "and value_json.timestamp <= this.attributes.time | default(''))"
)


def _of_nearest(what: str, name: str, value: str, **more: Any) -> Entity:
    """A sensor of the person nearest to the camera; unknown while there is nobody."""
    template = f"None if value_json.nearest is none else value_json.nearest.{value}"
    return entity(f"{what} of the nearest person", "sensor", name, template, **more)


def _event(what: str, name: str, kinds: Sequence[EventKind], details: str, **more: Any) -> Entity:
    """details: further attributes, as arguments of Jinja's dict."""
    told = (
        "dict(event_type=value_json.kind, time=value_json.timestamp, "
        f"sequence=value_json.sequence, person=value_json.person, {details}) | to_json"
    )
    template = f"{told} if value_json.kind in {tuple(kinds)} and not {_REPEATED} else ''"
    return entity(what, "event", name, template, **more, event_types=list(kinds))


SUMMARY: dict[str, Entity] = {
    "occupancy": binary(
        "somebody is present; attributes: why nobody knows, how many are seen only",
        "Occupancy",
        "occupancy",
        device_class="occupancy",
        **attributes(
            "dict(unknown_because=value_json.unknown_because, seen_only=value_json.seen_only)"
        ),
    ),
    "people": sensor("how many are present", "People", "people", icon=SEVERAL, **MEASURED),
    "fallen": binary(
        "somebody fell and is not up again; attribute `since`: when",
        "Fallen",
        "fallen",
        device_class="safety",
        icon="mdi:human-wheelchair",
        **attributes("dict(since=value_json.fallen_since)"),
    ),
    "distance": _of_nearest(
        "distance", "Distance", "mid_hip_distance_m", **METRES, suggested_display_precision=1, **OFF
    ),
    "posture": entity(
        f"posture of the nearest person, `{UNCLEAR}` where too little is seen",
        "sensor",
        "Posture",
        f"None if value_json.nearest is none else '{UNCLEAR}' "
        "if value_json.nearest.posture == 'unknown' else value_json.nearest.posture",
        icon="mdi:human",
        device_class="enum",
        options=[UNCLEAR if posture == "unknown" else posture for posture in POSTURES],
    ),
    "height": _of_nearest(
        "standing height", "Body height", "height_m", **METRES, suggested_display_precision=2
    ),
    "scale_source": _of_nearest(
        "what fixed the distance",
        "Scale source",
        "scale_source",
        device_class="enum",
        options=list(get_args(ScaleSource)),
        **DIAGNOSTIC,
        **OFF,
    ),
    "confidence": entity(
        "mean confidence of the nearest person's joints",
        "sensor",
        "Confidence",
        "None if value_json.nearest is none or value_json.nearest.confidence is none "
        "else (100 * value_json.nearest.confidence) | round",
        icon="mdi:percent-outline",
        **MEASURED,
        unit_of_measurement="%",
        **DIAGNOSTIC,
        **OFF,
    ),
    "positions": entity(
        "how many are placed; attribute `people`: everybody's number, place on the floor, "
        "distance, posture, zones",
        "sensor",
        "Positions",
        "None if value_json.positions is none else value_json.positions | length",
        icon="mdi:map-marker-account",
        **attributes("dict(people=value_json.positions or [])"),
        **DIAGNOSTIC,
        **OFF,
    ),
}

EVENTS: dict[str, Entity] = {
    "fall": _event(
        "a fall, or its end; attributes: its own time and number, the evidence",
        "Fall",
        _FALLS,
        "confidence=value_json.confidence, floor_m=value_json.floor_m, evidence=value_json.fall",
        icon="mdi:human-wheelchair",
    ),
    "movement": _event(
        "somebody enters or leaves the room or a zone; attributes: its own time and number",
        "Coming and going",
        (*_PERSON, *_ZONE),
        "zone=value_json.zone",
        icon="mdi:walk",
        **OFF,
    ),
}


def zone_entities(zones: Sequence[ZoneConfig]) -> dict[str, Entity]:
    """Of each zone whether anybody is in it, and how many. No name is that of another entity."""
    entities = {}
    for zone in zones:
        name = json.dumps(zone.name, ensure_ascii=False)
        people = (
            f"value_json.zones | selectattr('name', 'eq', {name}) | map(attribute='people') | sum"
        )
        entities[f"zone_{zone.key}"] = entity(
            "somebody is in this zone",
            "binary_sensor",
            f"{zone.name} occupancy",
            f"None if value_json.zones is none else 'ON' if {people} else 'OFF'",
            device_class="occupancy",
        )
        entities[f"people_{zone.key}"] = entity(
            "how many are in this zone",
            "sensor",
            f"{zone.name} people",
            f"None if value_json.zones is none else {people}",
            icon=SEVERAL,
            **MEASURED,
        )
    return entities


def triggers(zones: Sequence[ZoneConfig]) -> dict[str, Component]:
    """Device triggers: whoever comes, goes, falls or is up again, and of each zone."""
    found = {
        f"trigger_{kind}": trigger(kind, "room", f"value_json.kind == '{kind}'")
        for kind in (*_PERSON, *_FALLS)
    }
    for zone in zones:
        name = json.dumps(zone.name, ensure_ascii=False)
        for kind in _ZONE:
            condition = f"value_json.kind == '{kind}' and value_json.zone == {name}"
            found[f"trigger_{kind}_{zone.key}"] = trigger(kind, zone.name, condition)
    return found
