"""People, an estimate and an event to publish, and what a published schema says of a message."""

import json
from typing import Any

import numpy as np
import pytest

from edge.core.pose import Activity, FrameEstimate, LiftedPose, PairsUsed, PersonEstimate
from edge.output.messages.fields import Message
from edge.output.messages.payloads import encode, event_message
from edge.output.messages.room_messages import EventKind
from edge.output.messages.schemas import schema


def a_person(**changes: object) -> PersonEstimate:
    joints = np.linspace(-0.5, 3.0, 45).reshape(15, 3)
    pose = LiftedPose(
        joints=joints, sigma=np.full(15, 0.0412), confidence=np.full(15, 0.876),
        scale_source="sound", sir_db=7.3456,
        echo_range_m=2.71828, sound_confidence=0.98765,
    )  # fmt: skip
    values: dict[str, object] = {
        "id": 3, "pose": pose, "joints_room": joints + 1.0, "presence": "present",
        "activity": Activity(
            "sitting", (0.1234, 2.0), -179.6, 0.126, 0.51239, 1.02, 1.7349, ("sofa",)
        ),
    }  # fmt: skip
    return PersonEstimate(**(values | changes))  # type: ignore[arg-type]


def an_estimate(*people: PersonEstimate, **changes: object) -> FrameEstimate:
    """people: one as `a_person` makes it where none is given."""
    values: dict[str, object] = {
        "sequence": 7, "frame": 9, "t_ns": 123_456_789_012, "utc_ns": 1_767_225_600_987_654_321,
        "people": people or (a_person(),), "more": 1, "skew_ms": -12.34, "latency_ms": 81.27,
        "source": "recorded", "pairs": PairsUsed(3, 4, "microphone 1 is silent"),
    }  # fmt: skip
    return FrameEstimate(**(values | changes))  # type: ignore[arg-type]


def an_event(kind: EventKind, **more: Any) -> Message:
    about: dict[str, Any] = {"person": 3, "floor_m": (0.5, 2.0), "confidence": 0.8} | more
    message = event_message("hall", kind, source="device", utc_ns=0, monotonic_ns=1, **about)
    return message | {"sequence": 7}


def problems(name: str, message: Message) -> list[str]:
    """What is wrong with the message; skips the test where jsonschema is not installed."""
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    validator = jsonschema.Draft202012Validator(schema(name))
    return [
        f"{e.json_path}: {e.message}" for e in validator.iter_errors(json.loads(encode(message)))
    ]
