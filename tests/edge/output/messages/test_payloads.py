import json
import math
from dataclasses import replace
from typing import Any

import cbor2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.pose import JOINTS, Activity, LiftedPose
from edge.output.messages.fields import Message, timestamp
from edge.output.messages.payloads import encode, encode_cbor, pose_message, status_message
from edge.output.mqtt.wire.limits import packet_size
from tests.support.messages import a_person, an_estimate, problems


def test_pose_message_is_exactly_this() -> None:
    message = pose_message(an_estimate(hidden=2), "hall")
    (person,) = message.pop("people")
    assert message == {
        "schema": "posekernel.pose/2",
        "id": "hall",
        "sequence": 7,
        "frame": 9,
        "timestamp": "2026-01-01T00:00:00.987Z",
        "monotonic_ns": 123_456_789_012,
        "source": "recorded",
        "people_count": 1,
        "more": 1,
        "hidden": 2,
        "skew_ms": -12.3,
        "latency_ms": 81.3,
        "pairs": {"used": 3, "total": 4, "why": "microphone 1 is silent"},
        "frames": ["camera", "room"],
    }
    joints = person.pop("joints")
    distance = float(np.linalg.norm(a_person().pose.joints[8]))
    assert person == {
        "id": 3,
        "presence": "present",
        "scale_source": "sound",
        "sound_confidence": 0.99,
        "sir_db": 7.3,
        "echo_range_m": 2.718,
        "mid_hip_distance_m": round(distance, 3),
        "posture": "sitting",
        "floor_m": [0.123, 2.0],
        "heading_deg": -180.0,
        "speed_m_s": 0.13,
        "mid_hip_height_m": 0.512,
        "standing_height_m": 1.73,
        "zones": ["sofa"],
    }
    assert [j["name"] for j in joints] == list(JOINTS)
    assert joints[0] == {
        "name": "nose", "camera": [-0.5, -0.42, -0.341], "room": [0.5, 0.58, 0.659],
        "sigma_m": 0.041, "confidence": 0.88,
    }  # fmt: skip


def test_everybody_is_in_it_and_only_those_present_are_counted() -> None:
    people = (
        a_person(id=2),
        a_person(id=4, presence="seen_only"),
        a_person(id=9, presence="unsure"),
        a_person(id=11),
    )
    message = pose_message(an_estimate(*people, more=2), "hall")
    assert [(p["id"], p["presence"]) for p in message["people"]] == [
        (2, "present"), (4, "seen_only"), (9, "unsure"), (11, "present"),
    ]  # fmt: skip
    assert (message["people_count"], message["more"]) == (2, 2)
    assert problems("pose", message) == []


def test_positions_are_within_half_a_millimetre() -> None:
    estimate = an_estimate()
    sent = [j["camera"] for j in joints_of(pose_message(estimate, "hall"))]
    assert np.abs(np.array(sent) - estimate.people[0].pose.joints).max() <= 0.0005 + 1e-9


def test_room_is_null_without_a_room_frame() -> None:
    message = pose_message(an_estimate(a_person(joints_room=None), skew_ms=None), "hall")
    assert message["frames"] == ["camera"]
    assert message["skew_ms"] is None
    assert {j["room"] for j in joints_of(message)} == {None}


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_not_finite_becomes_null(bad: float) -> None:
    joints = np.ones((15, 3))
    joints[8, 1] = bad
    pose = LiftedPose(
        joints=joints,
        sigma=np.full(15, bad),
        confidence=np.full(15, bad),
        scale_source="memory",
        sir_db=bad,
        echo_range_m=bad,
    )
    message = json.loads(encode(pose_message(an_estimate(a_person(pose=pose)), "hall")))
    (message,) = message["people"]
    assert message["joints"][8]["camera"] is None
    assert message["joints"][7]["camera"] == [1.0, 1.0, 1.0]
    for key in ("sound_confidence", "sir_db", "echo_range_m", "mid_hip_distance_m"):
        assert message[key] is None
    assert message["joints"][0]["sigma_m"] is None
    assert message["joints"][0]["confidence"] is None


@pytest.mark.filterwarnings("ignore:overflow")
@settings(deadline=None)
@given(st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), min_size=45, max_size=45))
def test_any_floats_give_strict_json(values: list[float]) -> None:
    joints = np.array(values).reshape(15, 3)
    pose = LiftedPose(
        joints=joints,
        sigma=joints[:, 0],
        confidence=joints[:, 1],
        scale_source="sound",
        sir_db=values[0],
        echo_range_m=values[1],
    )
    person = a_person(pose=pose, joints_room=joints)
    text = encode(pose_message(an_estimate(person), "hall")).decode()

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    json.loads(text, parse_constant=refuse)
    assert "-0.0," not in text


def test_numpy_integers_are_json() -> None:
    message = pose_message(
        an_estimate(
            a_person(id=np.int64(2)),
            sequence=np.int64(3),
            t_ns=np.int64(4),
            utc_ns=np.int64(5),
            more=np.int32(1),
        ),
        "hall",
    )
    assert json.loads(encode(message))["sequence"] == 3


@pytest.mark.parametrize(("people", "most"), [(1, 2_800), (4, 10_000), (6, 15_000)])
def test_message_is_compact(people: int, most: int) -> None:
    """Brokers take less than their protocol: the small ones 16 KiB and more."""
    pose = a_person().pose
    far = replace(pose, joints=pose.joints - 12.345, sigma=np.full(15, 1.234))
    crowd = [a_person(id=900 + k, pose=far, joints_room=-far.joints) for k in range(people)]
    text = encode(pose_message(an_estimate(*crowd), "hall"))
    assert b": " not in text
    assert b"\n" not in text
    assert packet_size("posekernel/" + 64 * "x" + "/pose", text) < most


def test_what_is_not_known_of_the_activity_is_null() -> None:
    (message,) = pose_message(an_estimate(a_person(activity=Activity())), "hall")["people"]
    assert (message["posture"], message["zones"]) == ("unknown", [])
    for key in ("floor_m", "heading_deg", "speed_m_s", "mid_hip_height_m", "standing_height_m"):
        assert message[key] is None


def test_cbor_says_the_same_in_less() -> None:
    message = pose_message(an_estimate(*(a_person(id=k) for k in range(1, 5))), "hall")
    payload = encode_cbor(message)
    assert len(payload) < 0.85 * len(encode(message))
    decoded = cbor2.loads(payload)
    assert same(decoded, message)
    assert not same(decoded, message | {"skew_ms": 0.14})


def joints_of(message: Message) -> list[Message]:
    (person,) = json.loads(encode(message))["people"]
    return list(person["joints"])


def same(a: Any, b: Any) -> bool:
    """Whether two messages are equal up to single precision."""
    if isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in b)
    if isinstance(b, list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return bool(a == pytest.approx(b, rel=1e-6)) if isinstance(b, float) else bool(a == b)


def test_encode_refuses_nan() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        encode({"x": math.nan})


@pytest.mark.parametrize(
    ("utc_ns", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_767_225_599_999_999_999, "2025-12-31T23:59:59.999Z"),
        (1_767_225_600_000_000_000, "2026-01-01T00:00:00.000Z"),
    ],
)
def test_timestamp(utc_ns: int, text: str) -> None:
    assert timestamp(utc_ns) == text


def test_status_message() -> None:
    will = status_message("hall", "offline", "connection lost", version="0.1.0", source="device")
    assert will == {
        "schema": "posekernel.status/1", "id": "hall", "state": "offline",
        "reason": "connection lost", "timestamp": None, "version": "0.1.0", "source": "device",
        "recording": False,
    }  # fmt: skip
    online = status_message("hall", "online", version="0.1.0", source="device", utc_ns=0)
    assert (online["state"], online["reason"], online["timestamp"]) == (
        "online",
        "",
        "1970-01-01T00:00:00.000Z",
    )
    assert (
        status_message("hall", "online", version="0.1.0", source="device", recording=True)[
            "recording"
        ]
        is True
    )
