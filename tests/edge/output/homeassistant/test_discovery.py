"""What Home Assistant is told: the announcement's form, its templates, and when."""

import json
import os
import re
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge.__main__ import main
from edge.core.config import MqttConfig, ZoneConfig, check_zones
from edge.core.pose import POSTURES, PersonEstimate
from edge.core.typed import convert
from edge.output.homeassistant.discovery import discovery_message, discovery_topic, removing
from edge.output.homeassistant.entity_table import entity_table, trigger_names
from edge.output.messages.attendance import RoomState
from edge.output.messages.commands import parse_command
from edge.output.messages.fields import Message
from edge.output.messages.payloads import encode, status_message, summary_message
from edge.output.messages.schemas import schema
from edge.output.mqtt.publisher import MqttPublisher
from tests.support import ROOT
from tests.support.broker.mosquitto import Mosquitto, needs_mosquitto
from tests.support.broker.subscriber import Subscriber
from tests.support.messages import a_person, an_event
from tests.support.waiting import LIMIT_S, finished, until

CONFIG = MqttConfig()
SINCE = "2026-11-30T03:00:00.000Z"
TOPIC = "homeassistant/device/posekernel_hall/config"
README = ROOT / "edge/output/README.md"
HOME_ASSISTANT_SCHEMAS = Path(__file__).parent / "homeassistant_schemas.py"
HOME_ASSISTANT_PYTHON = Path(
    os.environ.get("HOME_ASSISTANT_PYTHON", ROOT / ".venv-homeassistant/bin/python")
)


ZONES = (
    ZoneConfig("Sofa", ((0.0, 2.0), (1.0, 2.0), (1.0, 3.0))),
    ZoneConfig('Küche "hinten" }}', ((0.0, 2.0), (1.0, 2.0), (1.0, 3.0))),
)


def announcement(
    config: MqttConfig = CONFIG, source: str = "device", zones: tuple[ZoneConfig, ...] = ZONES
) -> Message:
    loaded: Message = json.loads(
        encode(discovery_message(config, "hall", version="0.1.0", source=source, zones=zones))
    )
    return loaded


def components_of(name: str) -> dict[str, dict[str, Any]]:
    """The components that read one of the device's topics."""
    message, topic = announcement(), f"posekernel/hall/{name}"
    read = {
        key: c.get("state_topic", message["state_topic"])
        for key, c in message["components"].items()
        if c["platform"] != "device_automation"
    }
    return {
        key: message["components"][key] for key, state_topic in read.items() if state_topic == topic
    }


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


def states(
    name: str,
    message: Message,
    template: str = "value_template",
    shown: dict[str, Any] | None = None,
) -> dict[str, str]:
    """What Home Assistant's templates make of a message, by component. shown: attributes that the
    entity has already.
    """
    pytest.importorskip("jinja2", reason="jinja2 is not installed")
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment()
    environment.filters["to_json"] = json.dumps
    value_json = json.loads(encode(message))
    this = {"attributes": shown or {}}
    return {
        key: environment.from_string(component[template]).render(value_json=value_json, this=this)
        for key, component in components_of(name).items()
        if template in component
    }


def a_summary(state: RoomState) -> Message:
    names = [zone.name for zone in ZONES]
    return summary_message("hall", state, names, source="device", utc_ns=0)


def in_zones(number: int, *zones: str) -> PersonEstimate:
    person = a_person(id=number)
    return replace(person, activity=replace(person.activity, zones=zones))


def test_templates_read_the_summary() -> None:
    people = (
        in_zones(1, 'Küche "hinten" }}'),
        in_zones(2, 'Küche "hinten" }}', "Sofa"),
        in_zones(3, 'Küche "hinten" }}'),
    )
    there = a_summary(RoomState(people, nearest=people[0], fallen_since=SINCE))
    assert states("summary", there) == {
        "occupancy": "ON", "people": "3", "fallen": "ON", "positions": "3",
        "distance": str(there["nearest"]["mid_hip_distance_m"]),
        "posture": "sitting", "height": "1.73", "scale_source": "sound", "confidence": "88.0",
        "zone_sofa": "ON", "people_sofa": "1",
        "zone_kuche_hinten": "ON", "people_kuche_hinten": "3",
    }  # fmt: skip
    # "None" is what Home Assistant takes for unknown.
    of_one = ("distance", "posture", "height", "scale_source", "confidence")
    assert states("summary", a_summary(RoomState())) == {
        "occupancy": "OFF", "people": "0", "fallen": "OFF", "positions": "0",
        **dict.fromkeys(of_one, "None"),
        "zone_sofa": "OFF", "people_sofa": "0",
        "zone_kuche_hinten": "OFF", "people_kuche_hinten": "0",
    }  # fmt: skip
    dark = a_summary(RoomState(unknown_because="the image is too dark"))
    blind = states("summary", dark)
    assert set(blind.values()) == {"None"}
    assert {"occupancy", "people", "fallen", "zone_sofa", "people_sofa"} <= blind.keys()
    attributes = states("summary", dark, "json_attributes_template")
    assert json.loads(attributes["occupancy"]) == {
        "unknown_because": "the image is too dark", "seen_only": None,
    }  # fmt: skip
    assert json.loads(attributes["positions"]) == {"people": []}
    attributes = states("summary", there, "json_attributes_template")
    assert json.loads(attributes["fallen"]) == {"since": SINCE}
    placed = json.loads(attributes["positions"])["people"]
    assert [(p["id"], p["zones"]) for p in placed][:2] == [
        (1, ['Küche "hinten" }}']), (2, ['Küche "hinten" }}', "Sofa"]),
    ]  # fmt: skip
    assert placed[0]["floor_m"] == there["nearest"]["floor_m"]


def test_who_is_only_seen_is_told_beside_an_empty_room() -> None:
    message = a_summary(RoomState(seen_only=2))
    assert states("summary", message)["occupancy"] == "OFF"
    attributes = states("summary", message, "json_attributes_template")["occupancy"]
    assert json.loads(attributes)["seen_only"] == 2


def test_every_posture_is_an_option_and_none_is_home_assistants_word_for_no_state() -> None:
    options = announcement()["components"]["posture"]["options"]
    assert set(options) == set(POSTURES) - {"unknown"} | {"unclear"}
    for posture in POSTURES:
        person = a_person(activity=replace(a_person().activity, posture=posture))
        message = a_summary(RoomState((person,), nearest=person))
        assert states("summary", message)["posture"] in options


def test_no_zone_has_the_name_of_another_entity() -> None:
    names = ("Occupancy", "People", "Fall", "Sofa", "Sofa people", "Sofa occupancy")
    message = announcement(zones=tuple(ZoneConfig(name, ZONES[0].polygon) for name in names))
    named = [(c["platform"], c["name"]) for c in message["components"].values() if "name" in c]
    assert len(set(named)) == len(named)


def test_the_fall_event_has_its_evidence_and_other_events_are_none() -> None:
    fall = an_event("fall", fall=(0.9, 1.2))
    template = states("event", fall)["fall"]
    assert json.loads(template) == {
        "event_type": "fall", "sequence": 7, "person": 3, "confidence": 0.8,
        "time": "1970-01-01T00:00:00.000Z",
        "floor_m": [0.5, 2.0],
        "evidence": {"height_drop_m": 0.9, "duration_s": 1.2},
    }  # fmt: skip
    assert (
        json.loads(states("event", an_event("fall_cleared"))["fall"])["event_type"]
        == "fall_cleared"
    )
    assert {"fall", "fall_cleared"} == set(announcement()["components"]["fall"]["event_types"])
    assert states("event", fall)["movement"] == ""
    told = states("event", an_event("zone_entered", zone="Sofa"))
    assert told["fall"] == ""  # Home Assistant ignores an empty payload
    assert json.loads(told["movement"]) == {
        "event_type": "zone_entered", "sequence": 7, "person": 3, "zone": "Sofa",
        "time": "1970-01-01T00:00:00.000Z",
    }  # fmt: skip


def test_an_event_that_is_told_again_is_none() -> None:
    fall = an_event("fall", fall=(0.9, 1.2))
    shown = json.loads(states("event", fall)["fall"])
    assert states("event", fall, shown=shown)["fall"] == ""
    newer = fall | {"sequence": 8, "timestamp": "1970-01-01T00:00:09.000Z"}
    assert json.loads(states("event", newer, shown=shown)["fall"])["sequence"] == 8
    assert states("event", fall, shown=json.loads(states("event", newer)["fall"]))["fall"] == ""
    # A device that lost its numbers, or whose clock went back, is heard all the same.
    for change in ({"sequence": 1}, {"timestamp": "1969-01-01T00:00:00.000Z"}):
        assert states("event", newer | change, shown=shown)["fall"] != ""


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


def test_what_was_spent_reads_the_telemetry() -> None:
    spent = {"average_dba": 33.1, "peak_dba": 54.9, "seconds": 0.6, "ambient": {"dba": 36.2}}
    shown = {"sound_average": "33.1", "sound_peak": "54.9", "sound_seconds": "0.6"}
    telemetry = dict.fromkeys(schema("telemetry")["properties"])
    now = states("telemetry", telemetry | {"sound": spent})
    assert now.items() >= (shown | {"ambient": "36.2"}).items()
    nothing = spent | {"average_dba": None, "ambient": None}
    none = states("telemetry", telemetry | {"sound": nothing})
    assert none["sound_average"] == none["ambient"] == "None"
    component = components_of("telemetry")["sound_average"]
    assert (component["device_class"], component["unit_of_measurement"]) == (
        "sound_pressure",
        "dBA",
    )


def test_diagnostics_read_what_the_schemas_promise() -> None:
    promised = schema("telemetry")["properties"]
    message = dict.fromkeys(promised) | {
        "temperature_c": 51.5,
        "poses_per_s": 9.9,
        "frames_dropped": 2,
        "xruns": 0,
        "sound": {"average_dba": None, "peak_dba": None, "seconds": 0.0, "ambient": None},
    }
    assert states("telemetry", message) == {
        "temperature": "51.5", "throttled": "None", "poses_per_s": "9.9",
        "frames_dropped": "2", "xruns": "0",
        "sound_average": "None", "sound_peak": "None", "sound_seconds": "0.0", "ambient": "None",
    }  # fmt: skip
    assert states("telemetry", message | {"throttled": True})["throttled"] == "ON"
    status = status_message("hall", "online", version="0.1.0", source="device", recording=True)
    assert states("status", status) == {"recording": "ON"}


def test_a_failed_microphone_is_a_problem_with_its_reason_as_attributes() -> None:
    component = components_of("health")["sound"]
    assert (component["device_class"], component["entity_category"]) == ("problem", "diagnostic")
    assert component["json_attributes_topic"] == "posekernel/hall/health"
    silent = {"device": "sound", "part": "microphone 1", "kind": "silent", "remedy": "flash it"}
    turned = {"device": "camera", "part": "camera", "kind": "upside down", "remedy": "turn it"}
    message = {"reasons": [], "version": "1.2.3", "version_on_disk": "1.2.4"}
    for problems, state, told in (
        ([], "OFF", []),
        ([silent], "ON", [silent]),
        ([turned], "OFF", []),
        ([turned, silent], "ON", [silent]),
    ):
        now = message | {"problems": problems}
        assert states("health", now)["sound"] == state
        assert states("health", now)["camera"] == ("ON" if turned in problems else "OFF")
        assert states("health", now)["room"] == "OFF"
        attributes = states("health", now, "json_attributes_template")["sound"]
        assert json.loads(attributes) == {"problems": told}
    assert json.loads(states("health", now)["update"]) == {
        "installed_version": "1.2.3", "latest_version": "1.2.4", "title": "posekernel",
    }  # fmt: skip


def test_the_condition_is_in_words_and_never_too_long_for_a_state() -> None:
    message = {"problems": [], "version": "1", "version_on_disk": "1"}
    for reasons, state in (
        ([], "well"),
        (["sensing is off"], "sensing is off"),
        (["the loudspeaker is mute", "camera upside down"],
         "the loudspeaker is mute; camera upside down"),
        (["x" * 400], "x" * 255),
    ):  # fmt: skip
        now = message | {"reasons": reasons}
        assert states("health", now)["condition"] == state
        attributes = states("health", now, "json_attributes_template")["condition"]
        assert json.loads(attributes) == {"reasons": reasons}


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


def test_availability_reads_the_status() -> None:
    jinja2 = pytest.importorskip("jinja2", reason="jinja2 is not installed")
    template = jinja2.Template(announcement()["availability"][0]["value_template"])
    for state in ("online", "offline"):
        message = status_message("hall", state, version="0.1.0", source="device")  # type: ignore[arg-type]
        assert (
            template.render(value_json=message) == state
        )  # Home Assistant's own defaults for these payloads


def readme_block(kind: str, word: str) -> str:
    """The README's code block of a kind that holds a word."""
    blocks = re.findall(
        rf"^```{kind}\n(.*?)^```", README.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    (block,) = [b for b in blocks if word in b]
    return str(block)


def automations() -> list[dict[str, Any]]:
    yaml = pytest.importorskip("yaml", reason="pyyaml is not installed")
    loaded: list[dict[str, Any]] = yaml.safe_load(readme_block("yaml", "triggers:"))
    return loaded


def entity_ids(value: Any) -> set[str]:
    """Every entity named anywhere in an automation."""
    if isinstance(value, dict):
        named = value.get("entity_id", [])
        return set([named] if isinstance(named, str) else named).union(
            *(entity_ids(v) for v in value.values())
        )
    return set().union(*(entity_ids(v) for v in value)) if isinstance(value, list) else set()


def test_the_readmes_automations_name_entities_that_there_are() -> None:
    zones = tuple(
        convert(z, ZoneConfig) for z in tomllib.loads(readme_block("toml", "[[zones]]"))["zones"]
    )
    check_zones(zones)
    message = discovery_message(CONFIG, "livingroom", version="0.1.0", source="device", zones=zones)
    there = {
        f"{c['platform']}.{message['device']['name']} {c['name']}".lower().replace(" ", "_"): c
        for c in message["components"].values()
        if "name" in c
    }
    used = automations()
    assert [set(a) for a in used] == [{"alias", "triggers", "conditions", "actions"}] * 2
    ours = {e for e in entity_ids(used) if "pose_sensor" in e}
    assert len(ours) == 3
    assert ours <= there.keys()
    _, light = used
    assert (
        light["conditions"][1]["state"] in there["sensor.pose_sensor_livingroom_posture"]["options"]
    )
    assert light["conditions"][0]["state"] == "on"  # YAML's bare on is true


def test_the_readme_lists_every_entity_and_trigger() -> None:
    text = README.read_text(encoding="utf-8")
    assert entity_table() in text, "put there what `entity_table()` returns"
    assert trigger_names() in text


def check_with_home_assistant(message: Message | list[dict[str, Any]]) -> str:
    done = finished([HOME_ASSISTANT_PYTHON, HOME_ASSISTANT_SCHEMAS], input=json.dumps(message))
    assert done.returncode in (0, 1), done.stderr
    return done.stdout.strip()


needs_home_assistant = pytest.mark.skipif(
    not HOME_ASSISTANT_PYTHON.with_name("hass").exists(),
    reason="Home Assistant is not installed; `make homeassistant` does it",
)


@pytest.mark.slow
@needs_home_assistant
def test_home_assistant_takes_the_readmes_automations_and_is_not_blind() -> None:
    used = automations()
    assert check_with_home_assistant(used) == ""
    for part, wrong in (
        ("triggers", {"trigger": "state"}),
        ("conditions", {"condition": "state"}),
        ("actions", {"actoin": "a.b"}),
    ):
        assert used[0]["alias"] in check_with_home_assistant([used[0] | {part: [wrong]}])


@pytest.mark.slow
@needs_home_assistant
def test_the_readmes_light_follows_the_number_of_people_in_home_assistants_core() -> None:
    light = automations()[0]
    (entity,) = {e for e in entity_ids(light) if e.startswith("sensor.")}
    states = ["0", "1", "2", "3", "5", "unknown", "1", "unavailable", "0"]
    told = json.loads(
        check_with_home_assistant(
            {"run": light, "entity": entity, "states": states, "action": "light.turn_on"}
        )
    )
    brightness = [[data["brightness_pct"] for data in step] for step in told]
    assert brightness == [[0], [40], [70], [100], [100], [], [40], [], [0]]


@pytest.mark.slow
@needs_home_assistant
def test_home_assistants_own_schemas_take_it_and_are_not_blind() -> None:
    assert check_with_home_assistant(announcement()) == ""
    assert check_with_home_assistant(announcement(source="simulated")) == ""
    assert check_with_home_assistant(removing(announcement(zones=()), encode(announcement()))) == ""
    broken = announcement()
    broken["components"]["distance"]["device_class"] = "remoteness"
    broken["components"]["people"].pop("unique_id")
    broken.pop("origin")
    complaints = check_with_home_assistant(broken)
    assert "origin" in complaints or "unique_id" in complaints
    assert "remoteness" in complaints or "distance" in complaints


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path / "broker") as b:
        yield b


def publisher_at(
    broker: Mosquitto, zones: tuple[ZoneConfig, ...] = (), **changes: Any
) -> MqttPublisher:
    return MqttPublisher(
        MqttConfig(host=broker.host, port=broker.port, **changes),
        "hall",
        source="simulated",
        zones=zones,
    )


@needs_mosquitto
def test_announced_on_connect_and_again_at_home_assistants_birth(broker: Mosquitto) -> None:
    with Subscriber(broker) as seen, publisher_at(broker) as publisher:
        first, _ = seen.next(TOPIC)
        assert first == discovery_message(
            CONFIG, "hall", version=first["origin"]["sw_version"], source="simulated"
        )
        publisher.publish_retained("summary", {"people": 1})
        assert seen.next("posekernel/hall/summary")[0] == {"people": 1}
        seen.client.publish("homeassistant/status", b"offline")
        seen.client.publish("homeassistant/status", b"online")
        told = {topic for topic, _, _ in seen.drain(1.0)}
        assert {TOPIC, "posekernel/hall/summary"} <= told
    with Subscriber(broker) as late:
        retained = {topic for topic, _, retained in late.drain() if retained}
        assert retained == {TOPIC, "posekernel/hall/status", "posekernel/hall/summary"}


@needs_mosquitto
def test_the_newest_summary_survives_a_broker_that_forgets(broker: Mosquitto) -> None:
    with publisher_at(broker) as publisher:
        assert publisher.wait_connected(5.0)
        publisher.publish_retained("summary", {"people": 1})
        broker.kill()
        assert until(lambda: not publisher.connected)
        publisher.publish_retained("summary", {"people": 2})
        publisher.publish_retained("summary", {"people": 3})
        broker.start()
        assert publisher.wait_connected(10.0)
        with Subscriber(broker) as seen:
            told = {topic: json.loads(payload) for topic, payload, _ in seen.drain(1.0)}
        assert told["posekernel/hall/summary"] == {"people": 3}
        assert told[TOPIC]["device"]["identifiers"] == ["posekernel_hall"]


@needs_mosquitto
def test_a_zone_that_was_deleted_from_the_file_disappears(broker: Mosquitto) -> None:
    with publisher_at(broker, zones=ZONES) as publisher:
        assert publisher.wait_connected(10.0)
        with Subscriber(broker) as seen:
            assert "zone_sofa" in seen.next(TOPIC)[0]["components"]
    for _ in range(2):  # and stays so over the next restart
        with Subscriber(broker) as seen, publisher_at(broker, zones=ZONES[1:]):
            while True:
                told, _ = seen.next(TOPIC)
                if told["components"].get("zone_sofa") == {"platform": "binary_sensor"}:
                    break
            assert told["components"]["zone_kuche_hinten"]["platform"] == "binary_sensor"
    with publisher_at(broker, zones=ZONES) as publisher, Subscriber(broker) as seen:
        while True:
            told, _ = seen.next(TOPIC)
            if "unique_id" in told["components"]["zone_sofa"]:
                break


@needs_mosquitto
def test_zones_come_and_go_while_the_sensor_runs(broker: Mosquitto) -> None:
    with publisher_at(broker, zones=ZONES[:1]) as publisher, Subscriber(broker) as seen:
        assert publisher.wait_connected(LIMIT_S)
        assert "zone_sofa" in seen.next(TOPIC)[0]["components"]
        publisher.set_zones(ZONES[1:])
        while (told := seen.next(TOPIC)[0]["components"]).get("zone_kuche_hinten") is None:
            pass
        assert told["zone_sofa"] == {"platform": "binary_sensor"}
        assert told["people_sofa"] == {"platform": "sensor"}
        publisher.set_zones([])
        while "unique_id" in (told := seen.next(TOPIC)[0]["components"])["zone_kuche_hinten"]:
            pass
        assert told["zone_sofa"] == {"platform": "binary_sensor"}  # Home Assistant may be away
        publisher.set_zones(ZONES)
        while "unique_id" not in (told := seen.next(TOPIC)[0]["components"])["zone_sofa"]:
            pass
        assert "unique_id" in told["zone_kuche_hinten"]


@needs_mosquitto
def test_silent_without_discovery(broker: Mosquitto) -> None:
    with Subscriber(broker) as seen, publisher_at(broker, discovery=False) as publisher:
        assert publisher.wait_connected(5.0)
        assert {topic for topic, _, _ in seen.drain(0.5)} == {
            "posekernel/hall/status",
            "posekernel/hall/summary",
        }


@needs_mosquitto
def test_a_broker_that_denies_the_announcement_still_gets_the_rest(tmp_path: Path) -> None:
    acl = "topic write posekernel/hall/#\n"
    with Mosquitto(tmp_path / "broker", acl=acl) as broker, publisher_at(broker) as publisher:
        assert publisher.wait_connected(5.0)
        assert until(lambda: publisher.last_error is not None)
        assert TOPIC in str(publisher.last_error)
        assert publisher.connected
        assert publisher.publish_pose({"sequence": 1})
        assert publisher.counters.connections == 1


@needs_mosquitto
def test_forget_removes_every_trace(
    broker: Mosquitto, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with publisher_at(broker) as publisher:
        publisher.publish_retained("summary", {"people": 1})
        with Subscriber(broker) as seen:
            seen.next("posekernel/hall/summary")
    config = tmp_path / "config.toml"
    config.write_text(
        '[device]\nid = "hall"\n[source]\nkind = "replay"\npath = "none"\n'
        f'[mqtt]\nhost = "{broker.host}"\nport = {broker.port}\n'
    )
    assert main(["forget", "--config", str(config)]) == 0
    assert "hall" in capsys.readouterr().out
    with Subscriber(broker) as late:
        assert late.drain() == []
    broker.stop()
    assert main(["forget", "--config", str(config)]) == 2
    assert "nothing listens there" in capsys.readouterr().err


@needs_mosquitto
def test_old_presence_is_taken_back_before_the_sensor_is_online(broker: Mosquitto) -> None:
    """Home Assistant switched a lamp on in an empty room."""
    with (
        publisher_at(broker) as publisher,
        Subscriber(broker) as summaries,
        Subscriber(broker) as controls,
    ):
        publisher.publish_retained("summary", {"occupancy": True})
        publisher.publish_retained("control", {"sensing": True})
        while "occupancy" not in summaries.next("posekernel/hall/summary")[0]:
            pass
        controls.next("posekernel/hall/control")
    first = {"control": {"sensing": False}}
    with (
        Subscriber(broker) as seen,
        MqttPublisher(
            MqttConfig(host=broker.host, port=broker.port), "hall", source="device", first=first
        ) as publisher,
    ):
        assert publisher.wait_connected(LIMIT_S)
        told = [(topic, json.loads(payload)) for topic, payload, old in seen.drain() if not old]
    online = next(k for k, (_, m) in enumerate(told) if m.get("state") == "online")
    before = dict(told[:online])
    assert before["posekernel/hall/summary"]["occupancy"] is None
    assert before["posekernel/hall/control"] == {"sensing": False}
    assert TOPIC in before
    assert before["posekernel/hall/summary"]["schema"] == "posekernel.summary/2"


@needs_mosquitto
def test_what_changed_while_the_broker_was_away_comes_before_online(broker: Mosquitto) -> None:
    with publisher_at(broker) as publisher:
        assert publisher.wait_connected(LIMIT_S)
        broker.kill()
        assert until(lambda: not publisher.connected)
        publisher.publish_retained("summary", {"occupancy": False})
        broker.start()
        with Subscriber(broker) as seen:
            seen.next("posekernel/hall/status")
            assert publisher.wait_connected(LIMIT_S)
            with Subscriber(broker, "posekernel/hall/summary") as late:
                assert late.next("posekernel/hall/summary")[0] == {"occupancy": False}


@needs_mosquitto
def test_a_flood_of_births_is_answered_now_and_then(broker: Mosquitto) -> None:
    with publisher_at(broker) as publisher, Subscriber(broker, TOPIC) as seen:
        assert publisher.wait_connected(LIMIT_S)
        seen.drain()
        for _ in range(500):
            seen.client.publish("homeassistant/status", b"online")
        assert len(seen.drain(1.0)) <= 3


@needs_mosquitto
def test_a_sensor_that_is_online_is_not_forgotten(
    broker: Mosquitto, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(
        '[device]\nid = "hall"\n[source]\nkind = "replay"\npath = "none"\n'
        f'[mqtt]\nhost = "{broker.host}"\nport = {broker.port}\n'
    )
    with publisher_at(broker) as publisher:
        assert publisher.wait_connected(LIMIT_S)
        assert main(["forget", "--config", str(config)]) == 2
        told = capsys.readouterr().err
        assert "hall is online" in told
        assert "systemctl disable --now posekernel" in told
        with Subscriber(broker) as late:
            assert TOPIC in {topic for topic, _, _ in late.drain()}
    assert main(["forget", "--config", str(config)]) == 0
    with Subscriber(broker) as late:
        assert late.drain() == []
        late.client.publish("posekernel/hall/status", b'{"state":"online"}', 1, True)
        assert late.next("posekernel/hall/status")
    assert main(["forget", "--config", str(config)]) == 2, "the broker did not notice its end"
    assert main(["forget", "--config", str(config), "--force"]) == 0
