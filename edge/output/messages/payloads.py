"""Poses and state as versioned JSON messages; pure functions, no connection (that is `mqtt.py`)."""

import json
import math
import struct
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import cbor2

from edge.core.pose import JOINTS, Activity, PoseEstimate

POSE_SCHEMA = "posekernel.pose/1"
STATUS_SCHEMA = "posekernel.status/1"
SUMMARY_SCHEMA = "posekernel.summary/1"
EVENT_SCHEMA = "posekernel.event/1"
State = Literal["online", "offline"]
EventKind = Literal[
    "fall", "fall_cleared", "person_entered", "person_left", "zone_entered", "zone_left"
]
Message = dict[str, Any]


def pose_message(estimate: PoseEstimate, device_id: str) -> Message:
    """One pose as a JSON-ready dict. Metres to the millimetre; a value that is not finite, or not
    known, is None.

    frames names the frames of reference that the joints are given in: camera (x right, y down, z
    forward, origin at the camera) and, where the camera's height is known, room (x right, y
    forward, z up, origin on the floor below the camera).
    """
    pose, room, activity = estimate.pose, estimate.joints_room, estimate.activity
    joints = [
        {
            "name": name,
            "camera": _position(pose.joints[i]),
            "room": None if room is None else _position(room[i]),
            "sigma_m": _rounded(pose.sigma[i], 3),
            "confidence": _rounded(pose.confidence[i], 2),
        }
        for i, name in enumerate(JOINTS)
    ]
    return {
        "schema": POSE_SCHEMA,
        "id": device_id,
        "sequence": int(estimate.sequence),
        "frame": int(estimate.frame),
        "timestamp": timestamp(estimate.utc_ns),
        "monotonic_ns": int(estimate.t_ns),
        "source": estimate.source,
        "people": int(estimate.people),
        "scale_source": pose.scale_source,
        "sound_confidence": _rounded(pose.sound_confidence, 2),
        "sir_db": _rounded(pose.sir_db, 1),
        "echo_range_m": _rounded(pose.echo_range_m, 3),
        "skew_ms": _rounded(estimate.skew_ms, 1),
        "latency_ms": _rounded(estimate.latency_ms, 1),
        "mid_hip_distance_m": _rounded(pose.mid_hip_distance_m, 3),
        "posture": activity.posture,
        "floor_m": _floor(activity.floor_m, 3),
        "heading_deg": _rounded(activity.heading_deg, 0),
        "speed_m_s": _rounded(activity.speed_m_s, 2),
        "mid_hip_height_m": _rounded(activity.hip_height_m, 3),
        "standing_height_m": _rounded(activity.standing_height_m, 2),
        "zones": list(activity.zones),
        "frames": ["camera"] if room is None else ["camera", "room"],
        "joints": joints,
    }


def summary_message(
    device_id: str, estimate: PoseEstimate | None, *, source: str, utc_ns: int, looking: bool = True
) -> Message:
    """The retained state of the room as a JSON-ready dict, for automations. estimate: the newest
    pose, None for nobody in view.

    confidence: mean over the joints, 0..1. looking: whether the camera is open; where it is not,
    nothing is known of the room.
    """
    pose = None if estimate is None else estimate.pose
    activity = Activity() if estimate is None else estimate.activity
    return {
        "schema": SUMMARY_SCHEMA,
        "id": device_id,
        "timestamp": timestamp(utc_ns),
        "source": source,
        "people": (0 if looking else None) if estimate is None else int(estimate.people),
        "occupancy": (False if looking else None) if estimate is None else True,
        "mid_hip_distance_m": None if pose is None else _rounded(pose.mid_hip_distance_m, 2),
        "height_m": _rounded(activity.standing_height_m, 2),
        "posture": None if pose is None else activity.posture,
        "floor_m": _floor(activity.floor_m, 2),
        "zones": list(activity.zones) if looking else None,
        "scale_source": None if pose is None else pose.scale_source,
        "confidence": None if pose is None else _rounded(float(pose.confidence.mean()), 2),
    }


def event_message(
    device_id: str,
    kind: EventKind,
    *,
    source: str,
    utc_ns: int,
    monotonic_ns: int,
    zone: str | None = None,
    floor_m: tuple[float, float] | None = None,
    confidence: float,
    fall: tuple[float, float] | None = None,
) -> Message:
    """Something that happened, as a JSON-ready dict. Its `sequence` is None until whoever delivers
    it numbers it.

    zone: name, for zone events. fall: drop of the trunk's middle [m] and the time it took [s].
    """
    return {
        "schema": EVENT_SCHEMA,
        "id": device_id,
        "sequence": None,
        "timestamp": timestamp(utc_ns),
        "monotonic_ns": int(monotonic_ns),
        "source": source,
        "kind": kind,
        "zone": zone,
        "floor_m": _floor(floor_m, 2),
        "confidence": _rounded(confidence, 2),
        "fall": None
        if fall is None
        else {"height_drop_m": _rounded(fall[0], 2), "duration_s": _rounded(fall[1], 1)},
    }


def status_message(
    device_id: str,
    state: State,
    reason: str = "",
    *,
    version: str,
    source: str,
    recording: bool = False,
    utc_ns: int | None = None,
) -> Message:
    """The retained state of a device as a JSON-ready dict; reason: why it is offline, "" while
    online.

    recording: raw sound and images are being written. utc_ns: when it became so; None in a last
    will, which is written before its moment is known.
    """
    return {
        "schema": STATUS_SCHEMA,
        "id": device_id,
        "state": state,
        "reason": reason,
        "timestamp": None if utc_ns is None else timestamp(utc_ns),
        "version": version,
        "source": source,
        "recording": recording,
    }


def encode(message: Mapping[str, Any]) -> bytes:
    """A message as compact UTF-8 JSON. Raises ValueError for NaN and infinities, which JSON does
    not have.
    """
    return json.dumps(message, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def encode_cbor(message: Mapping[str, Any]) -> bytes:
    """The same message as CBOR (RFC 8949), a fifth smaller; numbers that are not whole are in
    single precision.
    """
    return cbor2.dumps(_single(message), canonical=True)


ENCODERS: dict[str, Callable[[Mapping[str, Any]], bytes]] = {
    "json": encode,
    "cbor": encode_cbor,
}  # by mqtt.format


def timestamp(utc_ns: int) -> str:
    """Nanoseconds since 1970 UTC -> ISO 8601 with milliseconds (rounded down) and Z."""
    seconds, ns = divmod(int(utc_ns), 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{ns // 1_000_000:03d}Z"


def _rounded(value: float | None, digits: int) -> float | None:
    if value is None or not math.isfinite(value):
        return None
    return round(float(value), digits) + 0.0  # + 0.0 turns -0.0 into 0.0


def _single(value: Any) -> Any:
    """Floats rounded to single precision: canonical CBOR then stores them in four bytes."""
    if isinstance(value, Mapping):
        return {key: _single(v) for key, v in value.items()}
    if isinstance(value, list):
        return [_single(v) for v in value]
    return struct.unpack("f", struct.pack("f", value))[0] if isinstance(value, float) else value


def _floor(place: tuple[float, float] | None, digits: int) -> list[float | None] | None:
    return None if place is None else [_rounded(v, digits) for v in place]


def _position(xyz: Sequence[float]) -> list[float | None] | None:
    rounded = [_rounded(v, 3) for v in xyz]
    return None if None in rounded else rounded
