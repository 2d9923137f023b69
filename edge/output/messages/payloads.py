"""What the sensor knows -> messages, and messages -> bytes. Pure functions."""

import json
import math
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import cbor2

from edge.core.contracts import SourceKind
from edge.core.pose import JOINTS, FrameEstimate, PersonEstimate
from edge.output.messages.attendance import RoomState, zone_counts
from edge.output.messages.device_messages import State, StatusMessage
from edge.output.messages.fields import Message, timestamp
from edge.output.messages.pose_message import JointEntry, PairsEntry, PersonEntry, PoseMessage
from edge.output.messages.room_messages import (
    EventKind,
    EventMessage,
    FallEvidence,
    NearestEntry,
    PositionEntry,
    SummaryMessage,
    ZoneEntry,
)


def pose_message(estimate: FrameEstimate, device_id: str) -> Message:
    """Everybody in one image as a JSON-ready dict. Metres to the millimetre; what is not finite or
    unknown is None. The room frame is there where the camera's height is known.
    """
    known = all(person.joints_room is not None for person in estimate.people)
    return PoseMessage(
        id=device_id,
        sequence=int(estimate.sequence),
        frame=int(estimate.frame),
        timestamp=timestamp(estimate.utc_ns),
        monotonic_ns=int(estimate.t_ns),
        source=estimate.source,
        people_count=len(estimate.present),
        more=int(estimate.more),
        hidden=int(estimate.hidden),
        skew_ms=_rounded(estimate.skew_ms, 1),
        latency_ms=_rounded(estimate.latency_ms, 1),
        pairs=PairsEntry(estimate.pairs.used, estimate.pairs.total, estimate.pairs.why or None),
        frames=["camera", "room"] if known else ["camera"],
        people=[_person(person) for person in estimate.people],
    ).as_message()


def _person(person: PersonEstimate) -> PersonEntry:
    pose, room, activity = person.pose, person.joints_room, person.activity
    joints = [
        JointEntry(
            name=name,
            camera=_place(pose.joints[i], 3),
            room=None if room is None else _place(room[i], 3),
            sigma_m=_rounded(pose.sigma[i], 3),
            confidence=_rounded(pose.confidence[i], 2),
        )
        for i, name in enumerate(JOINTS)
    ]
    return PersonEntry(
        id=int(person.id),
        presence=person.presence,
        scale_source=pose.scale_source,
        sound_confidence=_rounded(pose.sound_confidence, 2),
        sir_db=_rounded(pose.sir_db, 1),
        echo_range_m=_rounded(pose.echo_range_m, 3),
        mid_hip_distance_m=_rounded(pose.mid_hip_distance_m, 3),
        posture=activity.posture,
        floor_m=_place(activity.floor_m, 3),
        heading_deg=_rounded(activity.heading_deg, 0),
        speed_m_s=_rounded(activity.speed_m_s, 2),
        mid_hip_height_m=_rounded(activity.hip_height_m, 3),
        standing_height_m=_rounded(activity.standing_height_m, 2),
        zones=list(activity.zones),
        joints=joints,
    )


def summary_message(
    device_id: str, state: RoomState, zones: Sequence[str] = (), *, source: SourceKind, utc_ns: int
) -> Message:
    """The retained state of the room as a JSON-ready dict, for automations. zones: names of all."""
    known = state.unknown_because is None
    counts = zone_counts(zones, state.people)
    return SummaryMessage(
        id=device_id,
        timestamp=timestamp(utc_ns),
        source=source,
        people=len(state.people) + int(state.more) if known else None,
        occupancy=bool(state.people) if known else None,
        unknown_because=state.unknown_because,
        seen_only=state.seen_only if known else None,
        fallen=True if state.fallen_since else False if known else None,
        fallen_since=state.fallen_since,
        nearest=None if state.nearest is None else _nearest(state.nearest),
        positions=[_position(p) for p in sorted(state.people, key=lambda p: p.id)]
        if known
        else None,
        zones=[ZoneEntry(name, n) for name, n in counts.items()] if known else None,
    ).as_message()


def _nearest(person: PersonEstimate) -> NearestEntry:
    pose, activity = person.pose, person.activity
    return NearestEntry(
        id=int(person.id),
        mid_hip_distance_m=_rounded(pose.mid_hip_distance_m, 2),
        height_m=_rounded(activity.standing_height_m, 2),
        posture=activity.posture,
        floor_m=_place(activity.floor_m, 2),
        zones=list(activity.zones),
        scale_source=pose.scale_source,
        confidence=_rounded(float(pose.confidence.mean()), 2),
    )


def _position(person: PersonEstimate) -> PositionEntry:
    return PositionEntry(
        id=int(person.id),
        floor_m=_place(person.activity.floor_m, 2),
        mid_hip_distance_m=_rounded(person.pose.mid_hip_distance_m, 2),
        posture=person.activity.posture,
        zones=list(person.activity.zones),
    )


def event_message(
    device_id: str,
    kind: EventKind,
    *,
    person: int,
    source: SourceKind,
    utc_ns: int,
    monotonic_ns: int,
    zone: str | None = None,
    floor_m: tuple[float, float] | None = None,
    confidence: float,
    fall: tuple[float, float] | None = None,
) -> Message:
    """Something that happened, as a JSON-ready dict. Its `sequence` is None until whoever delivers
    it numbers it.

    person: their id. zone: name, for zone events. fall: drop of the trunk's middle [m] and the time
    it took [s].
    """
    evidence = None
    if fall is not None:
        evidence = FallEvidence(round(float(fall[0]), 2), round(float(fall[1]), 1))
    message = EventMessage(
        id=device_id,
        sequence=0,
        timestamp=timestamp(utc_ns),
        monotonic_ns=int(monotonic_ns),
        source=source,
        kind=kind,
        person=int(person),
        zone=zone,
        floor_m=_place(floor_m, 2),
        confidence=_rounded(confidence, 2),
        fall=evidence,
    ).as_message()
    return message | {"sequence": None}


def status_message(
    device_id: str,
    state: State,
    reason: str = "",
    *,
    version: str,
    source: SourceKind,
    recording: bool = False,
    utc_ns: int | None = None,
) -> Message:
    """The retained state of a device as a JSON-ready dict; reason: why it is offline, "" while
    online.

    recording: raw sound and images are being written. utc_ns: when it became so; None in a last
    will, which is written before its moment is known.
    """
    return StatusMessage(
        id=device_id,
        state=state,
        reason=reason,
        timestamp=None if utc_ns is None else timestamp(utc_ns),
        version=version,
        source=source,
        recording=recording,
    ).as_message()


def encode(message: Mapping[str, Any]) -> bytes:
    """A message as compact UTF-8 JSON. Raises ValueError for NaN and infinities."""
    return json.dumps(message, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def encode_cbor(message: Mapping[str, Any]) -> bytes:
    """The same message as CBOR (RFC 8949), a fifth smaller; fractions in single precision."""
    return cbor2.dumps(_single(message), canonical=True)


ENCODERS: dict[str, Callable[[Mapping[str, Any]], bytes]] = {
    "json": encode,
    "cbor": encode_cbor,
}  # by mqtt.format


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


def _place(place: Sequence[float] | None, digits: int) -> list[float] | None:
    """None where the place, or a part of it, is not known."""
    if place is None:
        return None
    known = [math.isfinite(v) for v in place]
    return [round(float(v), digits) + 0.0 for v in place] if all(known) else None
