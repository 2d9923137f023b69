"""The published JSON Schemas against the messages that the program really makes, and against
messages that are wrong.
"""

import copy
import json

import numpy as np
import pytest

from edge.__main__ import main
from edge.core.pose import JOINTS
from edge.output.messages import MESSAGES
from edge.output.messages.echo_profile import BINS, envelope_message
from edge.output.messages.fields import Message
from edge.output.messages.payloads import (
    event_message,
    pose_message,
    status_message,
    summary_message,
)
from edge.output.messages.person_messages import EventKind
from edge.output.messages.schemas import PUBLISHED, schema
from tests.support.messages import an_estimate, problems

AXIS = np.linspace(0.5, 6.0, BINS + 1)

jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")


def an_event(
    kind: EventKind, zone: str | None = None, fall: tuple[float, float] | None = None
) -> Message:
    message = event_message(
        "hall",
        kind,
        source="device",
        utc_ns=0,
        monotonic_ns=1,
        zone=zone,
        floor_m=(0.0, 2.5),
        confidence=0.8,
        fall=fall,
    )
    return message | {"sequence": 1}


GOOD: list[tuple[str, Message]] = [
    ("pose", pose_message(an_estimate(), "hall")),
    ("pose", pose_message(an_estimate(joints_room=None, skew_ms=None, source="device"), "hall")),
    ("status", status_message("hall", "online", version="0.1.0", source="device", utc_ns=0)),
    (
        "status",
        status_message("hall", "offline", "connection lost", version="0.1.0", source="simulated"),
    ),
    (
        "envelope",
        envelope_message(
            "hall", AXIS, np.linspace(-80.0, -40.0, BINS), source="device", utc_ns=0, t_ns=1
        ),
    ),
    ("event", an_event("person_entered")),
    ("event", an_event("zone_left", zone="sofa")),
    ("event", an_event("fall", fall=(0.812, 1.24))),
    ("summary", summary_message("hall", None, source="device", utc_ns=0)),
    ("summary", summary_message("hall", an_estimate(), source="device", utc_ns=0)),
    ("summary", summary_message("hall", None, source="device", utc_ns=0, looking=False)),
]


@pytest.mark.parametrize(
    "name",
    ["command_result", "control", "envelope", "event", "pose", "status", "summary", "telemetry"],
)
def test_it_is_a_schema_whose_properties_are_required_and_described(name: str) -> None:
    s = schema(name)
    jsonschema.Draft202012Validator.check_schema(s)
    assert set(s["required"]) == set(s["properties"])


@pytest.mark.parametrize(("name", "message"), GOOD)
def test_real_messages_pass_and_hold_nothing_that_is_not_described(
    name: str, message: Message
) -> None:
    assert problems(name, message) == []
    assert set(message) == set(schema(name)["properties"])


@pytest.mark.parametrize(("name", "message"), GOOD)
def test_every_property_is_needed(name: str, message: Message) -> None:
    for key in message:
        assert problems(name, {k: v for k, v in message.items() if k != key}), key


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("pose", {"schema": "posekernel.pose/2"}),
        ("pose", {"id": "a/b"}),
        ("pose", {"timestamp": "2026-01-01 00:00"}),
        ("pose", {"scale_source": "guess"}),
        ("pose", {"source": "demo"}),
        ("pose", {"people": 0}),
        ("pose", {"joints": []}),
        ("status", {"state": "asleep"}),
        ("envelope", {"level_db": [-80.0] * 95}),
        ("envelope", {"step_m": 0}),
        ("event", {"sequence": None}),
        ("event", {"kind": "party"}),
        ("event", {"kind": "fall"}),
        ("event", {"kind": "zone_entered"}),
        ("event", {"zone": "sofa"}),
        ("event", {"fall": {"height_drop_m": 1.0, "duration_s": 1.0}}),
        ("summary", {"occupancy": True}),
        ("summary", {"posture": "sitting"}),
        ("summary", {"zones": ["sofa"]}),
        ("summary", {"people": 2}),
        ("summary", {"occupancy": None}),
        ("summary", {"people": None}),
        ("summary", {"zones": None}),
    ],
)
def test_wrong_messages_are_refused(name: str, change: Message) -> None:
    message = next(m for n, m in GOOD if n == name and (name != "summary" or not m["occupancy"]))
    assert problems(name, message | change)


def test_joints_keep_their_order() -> None:
    message = copy.deepcopy(GOOD[0][1])
    assert [j["name"] for j in message["joints"]] == list(JOINTS)
    message["joints"][2], message["joints"][5] = message["joints"][5], message["joints"][2]
    assert problems("pose", message)


def test_the_command_prints_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "summary"]) == 0
    assert json.loads(capsys.readouterr().out) == schema("summary")
    assert main(["schema"]) == 0
    assert (
        set(json.loads(capsys.readouterr().out))
        == set(MESSAGES)
        == {"command", *PUBLISHED}
        == {
            "command",
            "command_result",
            "control",
            "envelope",
            "event",
            "pose",
            "status",
            "summary",
            "telemetry",
        }
    )
