"""Poses and state as versioned JSON messages; pure functions, no connection (that is `mqtt.py`)."""

import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from edge.pose import JOINTS, PoseEstimate

POSE_SCHEMA = "posekernel.pose/1"
STATUS_SCHEMA = "posekernel.status/1"
SUMMARY_SCHEMA = "posekernel.summary/1"
State = Literal["online", "offline"]
Message = dict[str, Any]


def pose_message(estimate: PoseEstimate, device_id: str) -> Message:
    """One pose as a JSON-ready dict. Metres to the millimetre; a value that is not finite, or not known, is None.

    frames names the frames of reference that the joints are given in: camera (x right, y down, z forward, origin at the camera)
    and, where the camera's height is known, room (x right, y forward, z up, origin on the floor below the camera).
    """
    pose, room = estimate.pose, estimate.joints_room
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
        "sir_db": _rounded(pose.sir_db, 1),
        "echo_range_m": _rounded(pose.echo_range_m, 3),
        "skew_ms": _rounded(estimate.skew_ms, 1),
        "latency_ms": _rounded(estimate.latency_ms, 1),
        "mid_hip_distance_m": _rounded(pose.mid_hip_distance_m, 3),
        "frames": ["camera"] if room is None else ["camera", "room"],
        "joints": joints,
    }


def summary_message(
    device_id: str, estimate: PoseEstimate | None, *, source: str, utc_ns: int, height_m: float | None = None
) -> Message:
    """The retained state of the room as a JSON-ready dict, for automations. estimate: the newest pose, None for nobody in view.

    height_m: standing height that sound measured, None while unknown. confidence: mean over the joints, 0..1.
    """
    pose = None if estimate is None else estimate.pose
    return {
        "schema": SUMMARY_SCHEMA,
        "id": device_id,
        "timestamp": timestamp(utc_ns),
        "source": source,
        "people": 0 if estimate is None else int(estimate.people),
        "occupancy": estimate is not None,
        "mid_hip_distance_m": None if pose is None else _rounded(pose.mid_hip_distance_m, 2),
        "height_m": None if pose is None else _rounded(height_m, 2),
        "scale_source": None if pose is None else pose.scale_source,
        "confidence": None if pose is None else _rounded(float(pose.confidence.mean()), 2),
    }


def status_message(
    device_id: str, state: State, reason: str = "", *, version: str, source: str, utc_ns: int | None = None
) -> Message:
    """The retained state of a device as a JSON-ready dict; reason: why it is offline, "" while online.

    utc_ns: when it became so; None in a last will, which is written before its moment is known.
    """
    return {
        "schema": STATUS_SCHEMA,
        "id": device_id,
        "state": state,
        "reason": reason,
        "timestamp": None if utc_ns is None else timestamp(utc_ns),
        "version": version,
        "source": source,
    }


def encode(message: Mapping[str, Any]) -> bytes:
    """A message as compact UTF-8 JSON. Raises ValueError for NaN and infinities, which JSON does not have."""
    return json.dumps(message, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def timestamp(utc_ns: int) -> str:
    """Nanoseconds since 1970 UTC -> ISO 8601 with milliseconds (rounded down) and Z."""
    seconds, ns = divmod(int(utc_ns), 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{ns // 1_000_000:03d}Z"


def _rounded(value: float | None, digits: int) -> float | None:
    if value is None or not math.isfinite(value):
        return None
    return round(float(value), digits) + 0.0  # + 0.0 turns -0.0 into 0.0


def _position(xyz: Sequence[float]) -> list[float | None] | None:
    rounded = [_rounded(v, 3) for v in xyz]
    return None if None in rounded else rounded
