"""What is announced to Home Assistant."""

import json
import re
from typing import Any

import pytest

from edge.core.config import MqttConfig, ZoneConfig
from edge.output.homeassistant.discovery import discovery_message, discovery_topic, removing
from edge.output.messages.commands import parse_command
from edge.output.messages.payloads import encode
from edge.output.messages.schemas import schema
from tests.edge.output.homeassistant.announced import (
    CONFIG,
    TOPIC,
    ZONES,
    announcement,
    components_of,
    states,
)
from tests.support.messages import an_event


def test_the_announcement_has_what_device_discovery_needs() -> None:
    message = announcement()
    assert discovery_topic(CONFIG, "hall") == TOPIC
    assert message["device"]["identifiers"] == ["posekernel_hall"]
    assert message["origin"] == {"name": "posekernel", "sw_version": "0.1.0"}
    assert message["availability"][0]["topic"] == "posekernel/hall/status"
    assert message["state_topic"] == "posekernel/hall/summary"
    ids = [component["unique_id"] for component in message["components"].values()]
    assert len(set(ids)) == len(ids)
    assert all(i.startswith("posekernel_hall_") for i in ids)
    summary = components_of("summary")
    assert {"occupancy", "posture", "zone_sofa", "people_kuche_hinten"} <= summary.keys()
    # A button reads nothing, but has the device's state topic like all.
    assert all(c["expire_after"] > 60 for c in summary.values() if c["platform"] != "button")


def test_two_devices_share_no_topic_and_no_identity() -> None:
    other = discovery_message(CONFIG, "kitchen", version="0.1.0", source="device")
    assert discovery_topic(CONFIG, "kitchen") != TOPIC
    assert not {c["unique_id"] for c in other["components"].values()} & {
        c["unique_id"] for c in announcement()["components"].values()
    }
    assert "hall" not in json.dumps(other)


def test_topics_follow_the_configuration() -> None:
    config = MqttConfig(base_topic="house/pose", discovery_prefix="ha")
    assert discovery_topic(config, "hall") == "ha/device/posekernel_hall/config"
    assert announcement(config)["state_topic"] == "house/pose/hall/summary"


def test_a_simulated_source_says_so_in_the_model() -> None:
    assert "simulated" in announcement(source="simulated")["device"]["model"]
    assert "simulated" not in announcement()["device"]["model"]


def test_a_deleted_zone_is_removed_and_stays_removed() -> None:
    before, now = encode(announcement()), announcement(zones=ZONES[:1])
    removed = removing(now, before)
    gone = {
        "zone_kuche_hinten": {"platform": "binary_sensor"},
        "people_kuche_hinten": {"platform": "sensor"},
        "trigger_zone_entered_kuche_hinten": {"platform": "device_automation"},
        "trigger_zone_left_kuche_hinten": {"platform": "device_automation"},
    }
    assert removed["components"] == now["components"] | gone
    assert removing(now, encode(removed)) == removed  # Home Assistant may have been away
    assert removing(announcement(), encode(removed)) == announcement()  # the zone is back
    for other in (b"", b"{", b"[]", b'{"components": 3}', b'{"components": {"a": 3}}', b"\xff"):
        assert removing(now, other) == now


def test_no_zone_has_the_name_of_another_entity() -> None:
    names = ("Occupancy", "People", "Fall", "Sofa", "Sofa people", "Sofa occupancy")
    message = announcement(zones=tuple(ZoneConfig(name, ZONES[0].polygon) for name in names))
    named = [(c["platform"], c["name"]) for c in message["components"].values() if "name" in c]
    assert len(set(named)) == len(named)


def test_switches_and_buttons_speak_the_sensors_language() -> None:
    components = announcement()["components"]
    command = schema("command")
    validator = pytest.importorskip(
        "jsonschema", reason="jsonschema is not installed"
    ).Draft202012Validator
    for key, payloads in (
        ("sensing", ("payload_on", "payload_off")),
        ("mute", ("payload_on", "payload_off")),
        ("recalibrate", ("payload_press",)),
        ("reload", ("payload_press",)),
        ("restart", ("payload_press",)),
    ):
        component = components[key]
        assert component["command_topic"] == f"posekernel/hall/cmd/{key}"
        for payload in payloads:
            validator(command | {"anyOf": [{"$ref": f"#/$defs/{key}"}]}).validate(
                json.loads(component[payload])
            )
    control = {
        "sensing": True, "mute": False, "loudness": "normal", "budget_dba": 45.0,
        "quiet_hours": {"from": "22:00", "to": "07:00"}, "speaker": "on", "silent_because": None,
    }  # fmt: skip
    assert states("control", control) == {
        "sensing": "ON", "mute": "OFF", "loudness": "normal", "budget": "45.0",
        "quiet_hours": "22:00-07:00", "speaker": "on",
    }  # fmt: skip
    silent = control | {"quiet_hours": None, "speaker": "off", "silent_because": "mute"}
    silent["budget_dba"] = None
    told = states("control", silent)
    assert (told["quiet_hours"], told["speaker"], told["budget"]) == ("off", "mute", "None")
    assert {"mute", "on"} <= set(components["speaker"]["options"])


def test_numbers_and_texts_become_commands() -> None:
    jinja2 = pytest.importorskip("jinja2", reason="jinja2 is not installed")
    environment = jinja2.Environment()
    environment.filters["to_json"] = json.dumps
    components = announcement()["components"]

    def arguments(key: str, value: object) -> dict[str, Any]:
        template = environment.from_string(components[key]["command_template"])
        payload = template.render(value=value).encode()
        command = parse_command(key, payload, retained=False, max_level_dbfs=-20.0)
        return command.arguments

    assert arguments("budget", 41.0) == {"budget_dba": 41.0}
    assert arguments("quiet_hours", "off") == {"hours": None}
    hours = arguments("quiet_hours", "22:15-06:30")["hours"]
    assert (f"{hours.start:%H:%M}", f"{hours.end:%H:%M}") == ("22:15", "06:30")
    for text, fits in (("off", 1), ("22:00-07:00", 1), ("24:00-07:00", 0), ("22:00", 0)):
        assert bool(re.fullmatch(components["quiet_hours"]["pattern"], text)) == fits


def test_the_loudness_is_chosen_from_the_modes_and_the_configured_one() -> None:
    for configured, more in (("discreet", []), ("custom", ["custom"])):
        message = discovery_message(
            CONFIG, "hall", version="0.1.0", source="device", loudness=configured
        )
        select = message["components"]["loudness"]
        assert select["options"] == ["silent", "discreet", "normal", "loud", *(more or ["custom"])]
        assert select["command_topic"] == "posekernel/hall/cmd/loudness"
        assert set(select["options"]) <= set(schema("control")["properties"]["loudness"]["enum"])
        payload = select["command_template"].replace("{{ value }}", "loud")
        command = parse_command("loudness", payload.encode(), retained=False, max_level_dbfs=-20.0)
        assert command.arguments == {"mode": "loud"}


def test_the_device_triggers_tell_each_event_apart() -> None:
    jinja2 = pytest.importorskip("jinja2", reason="jinja2 is not installed")
    found = {
        (c["type"], c["subtype"]): c
        for c in announcement()["components"].values()
        if c["platform"] == "device_automation"
    }
    happened = [an_event(kind) for kind in ("person_entered", "person_left", "fall_cleared")]
    happened += [an_event("fall", fall=(0.9, 1.2))]
    happened += [an_event(k, zone=z.name) for k in ("zone_entered", "zone_left") for z in ZONES]
    assert len(found) == len(happened) == 8
    for event in happened:
        fired = [
            key
            for key, c in found.items()
            if jinja2.Template(c["value_template"]).render(value_json=event) == c["payload"]
        ]
        assert fired == [(event["kind"], event["zone"] or "room")]
