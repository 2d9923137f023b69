"""The published JSON Schemas against real messages, and against wrong ones."""

import copy
import json

import numpy as np
import pytest

from edge.__main__ import main
from edge.core.pose import JOINTS
from edge.output.messages import MESSAGES
from edge.output.messages.attendance import RoomState
from edge.output.messages.commands import result_message
from edge.output.messages.device_messages import HealthMessage, ProblemEntry
from edge.output.messages.echo_profile import BINS, envelope_message
from edge.output.messages.fields import Message
from edge.output.messages.payloads import pose_message, status_message, summary_message
from edge.output.messages.schemas import PUBLISHED, schema
from tests.support.messages import a_person, an_estimate, an_event, problems

SINCE = "2026-11-30T03:00:00.000Z"
AXIS = np.linspace(0.5, 6.0, BINS + 1)

jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")

SOMEBODY = RoomState((a_person(),), 1, nearest=a_person())


def a_summary(state: RoomState) -> Message:
    return summary_message("hall", state, ["sofa", "Rug"], source="device", utc_ns=0)


GOOD: list[tuple[str, Message]] = [
    ("pose", pose_message(an_estimate(), "hall")),
    (
        "pose",
        pose_message(
            an_estimate(
                a_person(joints_room=None),
                a_person(id=4, joints_room=None, presence="unsure"),
                skew_ms=None,
                source="device",
            ),
            "hall",
        ),
    ),
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
    (
        "health",
        HealthMessage(
            id="hall",
            timestamp=SINCE,
            reasons=["the loudspeaker is mute", "the empty room is not learned yet"],
            problems=[ProblemEntry("room", "the empty room", "x", "is not", "somebody", "leave")],
            version="0.1.0",
            version_on_disk="0.2.0",
        ).as_message(),
    ),
    ("event", an_event("person_entered")),
    ("event", an_event("zone_left", zone="sofa")),
    ("event", an_event("fall", fall=(0.812, 1.24))),
    ("summary", a_summary(RoomState())),
    ("summary", a_summary(SOMEBODY)),
    ("summary", a_summary(RoomState(unknown_because="the image is too dark"))),
    ("summary", a_summary(RoomState(fallen_since=SINCE, unknown_because="sensing is off"))),
]


@pytest.mark.parametrize(
    "name",
    [
        "command_result",
        "control",
        "envelope",
        "event",
        "health",
        "pose",
        "status",
        "summary",
        "telemetry",
    ],
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
        ("pose", {"schema": "posekernel.pose/1"}),
        ("pose", {"id": "a/b"}),
        ("pose", {"timestamp": "2026-01-01 00:00"}),
        ("pose", {"source": "demo"}),
        ("pose", {"people": []}),
        ("pose", {"more": -1}),
        ("status", {"state": "asleep"}),
        ("envelope", {"level_db": [-80.0] * 95}),
        ("envelope", {"step_m": 0}),
        ("event", {"sequence": None}),
        ("event", {"kind": "party"}),
        ("event", {"person": None}),
        ("event", {"kind": "fall"}),
        ("event", {"kind": "zone_entered"}),
        ("event", {"zone": "sofa"}),
        ("event", {"fall": {"height_drop_m": 1.0, "duration_s": 1.0}}),
        ("summary", {"occupancy": True}),
        ("summary", {"nearest": a_summary(SOMEBODY)["nearest"]}),
        ("summary", {"zones": ["sofa"]}),
        ("summary", {"zones": [{"name": "sofa", "people": 1}]}),
        ("summary", {"people": 2}),
        ("summary", {"occupancy": None}),
        ("summary", {"people": None}),
        ("summary", {"zones": None}),
        ("summary", {"seen_only": None}),
        ("summary", {"fallen": None}),
        ("summary", {"fallen": True}),
        ("summary", {"fallen_since": SINCE}),
        ("summary", {"positions": None}),
        ("summary", {"unknown_because": "the image is too dark"}),
    ],
)
def test_wrong_messages_are_refused(name: str, change: Message) -> None:
    message = next(m for n, m in GOOD if n == name and (name != "summary" or not m["occupancy"]))
    assert problems(name, message | change)


def test_joints_keep_their_order() -> None:
    message = copy.deepcopy(GOOD[0][1])
    joints = message["people"][0]["joints"]
    assert [j["name"] for j in joints] == list(JOINTS)
    joints[2], joints[5] = joints[5], joints[2]
    assert problems("pose", message)


# Every key in its order, and which of PROBES it takes.
PROBES: dict[str, object] = {
    "n": None, "b": True, "i": 7, "-": -7, "f": 0.5, "t": "x", "l": [], "o": {},
}  # fmt: skip
KEYS = {
    "pose": "schema: id:t sequence:i frame:i timestamp: monotonic_ns:i- source: people_count:i "
    "more:i hidden:i skew_ms:ni-f latency_ms:ni-f pairs: frames: people:",
    "status": "schema: id:t state: reason:t timestamp:n version:t source: recording:b",
    "envelope": "schema: id:t timestamp: monotonic_ns:i- source: first_m:if step_m:if level_db:",
    "event": "schema: id:t sequence:i timestamp: monotonic_ns:i- source: kind: person:i zone:n "
    "floor_m:n confidence:nf fall:n",
    "summary": "schema: id:t timestamp: source: people:i occupancy:b unknown_because:n "
    "seen_only:i fallen: fallen_since:n nearest: positions:l zones:l",
    "health": "schema: id:t timestamp: reasons:l problems:l version:t version_on_disk:t",
    "command_result": "schema: id:t timestamp: command:t request:nt ok:b text:t",
    "control": "schema: id:t timestamp: sensing:b mute:b level_dbfs:- loudness: "
    "budget_dba:ni-f peak_dba:ni-f quiet_hours:n speaker: "
    "silent_because:n",
    "telemetry": "schema: id:t timestamp: source: version:t uptime_s:if temperature_c:ni-f "
    "throttled:nb throttled_flags:ni cpu_percent:if memory_mb:nif poses_per_s:if "
    "latency_p50_ms:ni-f latency_p95_ms:ni-f frames:i frames_dropped:i periods:i "
    "periods_faulty:i periods_lost:i xruns:i gaps:i sound_reopened:i camera_reopened:i "
    "outbox_waiting:i outbox_dropped:i stream_dropped:i connections:i sound: lifter:t runtime:t "
    "threads: models:l problems:l room_changes:l",
}
HEAD = {"id": "hall", "timestamp": "2026-01-01T00:00:00.000Z"}
ONE_OF_EACH: dict[str, Message] = {
    **dict(reversed(GOOD)),
    "summary": a_summary(SOMEBODY),
    "command_result": result_message("hall", "mute", None, True, "mute is off", utc_ns=0),
    "control": {
        "schema": "posekernel.control/1", **HEAD, "sensing": True, "mute": False,
        "level_dbfs": -20.0, "loudness": "discreet", "budget_dba": 35.0, "peak_dba": 55.0,
        "quiet_hours": {"from": "22:00", "to": "07:00"}, "speaker": "on",
        "silent_because": None,
    },
    "telemetry": {
        "schema": "posekernel.telemetry/1", **HEAD, "source": "device", "version": "0.1.0",
        **dict.fromkeys(schema("telemetry")["required"][5:-7], 3), "throttled": None,
        "sound": {
            "average_dba": 33.1, "peak_dba": 54.0, "seconds": 0.6, "loudness_from": "measured",
            "sigma_db": 1.2,
            "ambient": {
                "dba": None, "unit": "dBFS", "bands_hz": [50.1, 63.1], "bands_db": [-80.0, -82.0],
            },
        },
        "lifter": "ray", "runtime": "x", "threads": {"keypoints": 1, "lifter": 1},
        "models": [{"name": "a", "sha256": 64 * "a"}],
        "problems": [{
            "device": "sound", "part": "microphone 1", "kind": "silent", "found": "is silent",
            "cause": "firmware", "remedy": "flash it",
        }],
        "room_changes": [{"from_m": 2.3, "to_m": 2.8, "ago_s": 12.0}],
    },
}  # fmt: skip


@pytest.mark.parametrize("name", KEYS)
def test_a_version_keeps_its_keys_and_what_they_take(name: str) -> None:
    message = ONE_OF_EACH[name]
    assert problems(name, message) == []
    found = (
        f"{key}:" + "".join(k for k, x in PROBES.items() if not problems(name, message | {key: x}))
        for key in message
    )
    assert " ".join(found) == KEYS[name]
    assert list(message) == list(schema(name)["properties"]) == schema(name)["required"]
    assert problems(name, message | {"new": 1}) == []


@pytest.mark.parametrize(
    ("name", "key", "wrong"),
    [
        ("pose", "pairs", {"used": 3}),
        ("pose", "pairs", {"used": -1, "total": 4, "why": None}),
        ("pose", "frames", ["room"]),
        ("event", "fall", {"height_drop_m": 1.0}),
        ("event", "sequence", 0),
        ("control", "quiet_hours", {"from": "22:00"}),
        ("control", "quiet_hours", {"from": "22:00", "to": "24:00"}),
        ("control", "quiet_hours", {"from": "22:00", "to": "07:00", "on": True}),
        ("control", "silent_because", "mute"),
        ("control", "level_dbfs", -5.0),
        ("control", "loudness", "quiet"),
        ("telemetry", "sound", {"average_dba": 33.0}),
        ("telemetry", "threads", {"keypoints": 0, "lifter": 1}),
        ("telemetry", "threads", {"keypoints": 1, "lifter": 1, "more": 1}),
        ("telemetry", "models", [{"name": "a", "sha256": "b"}]),
        ("telemetry", "problems", [{"device": "nose"}]),
        ("command_result", "text", ""),
    ],
)
def test_wrong_parts_are_refused(name: str, key: str, wrong: object) -> None:
    assert problems(name, ONE_OF_EACH[name] | {key: wrong})


@pytest.mark.parametrize(
    ("key", "wrong"),
    [
        ("joints", [{"name": "nose"}]),
        ("floor_m", [1.0]),
        ("heading_deg", 181.0),
        ("scale_source", "guess"),
        ("presence", "maybe"),
        ("id", 0),
        ("zones", None),
    ],
)
def test_a_wrong_part_of_one_person_is_refused(key: str, wrong: object) -> None:
    first, second = ONE_OF_EACH["pose"]["people"] * 2
    assert problems("pose", ONE_OF_EACH["pose"] | {"people": [first, second]}) == []
    assert problems("pose", ONE_OF_EACH["pose"] | {"people": [first, second | {key: wrong}]})
    without = {k: v for k, v in second.items() if k != key}
    assert problems("pose", ONE_OF_EACH["pose"] | {"people": [first, without]})


@pytest.mark.parametrize(("key", "wrong"), [("confidence", 1.1), ("posture", None), ("id", None)])
def test_a_wrong_part_of_the_nearest_person_is_refused(key: str, wrong: object) -> None:
    good = ONE_OF_EACH["summary"]
    assert problems("summary", good | {"nearest": good["nearest"] | {key: wrong}})


def test_a_schema_is_called_by_its_messages_version() -> None:
    for name, message in ONE_OF_EACH.items():
        version = message["schema"].rpartition("/")[2]
        assert schema(name)["$id"] == f"urn:posekernel:{name}:{version}"


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
            "health",
            "pose",
            "status",
            "summary",
            "telemetry",
        }
    )
