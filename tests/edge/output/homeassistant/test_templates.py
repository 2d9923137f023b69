"""What Home Assistant's templates make of the messages."""

import json
from dataclasses import replace

import pytest

from edge.core.pose import POSTURES, PersonEstimate
from edge.output.messages.attendance import RoomState
from edge.output.messages.fields import Message
from edge.output.messages.payloads import status_message, summary_message
from edge.output.messages.schemas import schema
from tests.edge.output.homeassistant.announced import ZONES, announcement, components_of, states
from tests.support.messages import a_person, an_event

SINCE = "2026-11-30T03:00:00.000Z"


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


def test_availability_reads_the_status() -> None:
    jinja2 = pytest.importorskip("jinja2", reason="jinja2 is not installed")
    template = jinja2.Template(announcement()["availability"][0]["value_template"])
    for state in ("online", "offline"):
        message = status_message("hall", state, version="0.1.0", source="device")  # type: ignore[arg-type]
        assert (
            template.render(value_json=message) == state
        )  # Home Assistant's own defaults for these payloads
