"""The messages for automations: the summary of the room, and events."""

from typing import Annotated, Literal

import msgspec

from edge.core.pose import Posture, ScaleSource
from edge.output.messages.fields import (
    Amount,
    BodyHeight,
    ClockNs,
    Count,
    DataSource,
    DeviceId,
    FloorPlace,
    Positive,
    Published,
    Share,
    UtcTime,
    note,
)

EventKind = Literal[
    "fall", "fall_cleared", "person_entered", "person_left", "zone_entered", "zone_left"
]


class NearestEntry(msgspec.Struct, frozen=True):
    """The person nearest to the camera, of those present."""

    id: Annotated[Positive, note("As in the poses and events.")]
    mid_hip_distance_m: Annotated[
        Amount | None, note("From the camera, straight [m]; steps of 0.3 m.")
    ]
    height_m: BodyHeight
    posture: Annotated[Posture, note("bending is also crouching and kneeling.")]
    floor_m: Annotated[
        FloorPlace | None,
        note(
            "x, y of the floor below the mid-hip, room frame [m]; steps of 0.3 m; "
            "null where the camera's height is not known."
        ),
    ]
    zones: Annotated[list[str], note("Names of the zones that the person is in.")]
    scale_source: Annotated[
        ScaleSource,
        note(
            "What fixed the distance: sound; memory, the size that sound or the floor has found "
            "this person to have; floor, the feet below a camera of known height; or height, only "
            "the usual one."
        ),
    ]
    confidence: Annotated[Share | None, note("Mean over the joints.")]


class ZoneEntry(msgspec.Struct, frozen=True):
    """How many people are in one zone."""

    name: str
    people: Count


class PositionEntry(msgspec.Struct, frozen=True):
    """Where one of those present is."""

    id: Annotated[Positive, note("As in the poses and events.")]
    floor_m: Annotated[
        FloorPlace | None,
        note("x, y of the floor below the mid-hip, room frame [m]; steps of 0.3 m; else null."),
    ]
    mid_hip_distance_m: Annotated[Amount | None, note("From the camera, straight [m].")]
    posture: Posture
    zones: Annotated[list[str], note("Names of the zones that the person is in.")]


class SummaryMessage(Published, frozen=True, tag="posekernel.summary/2"):
    """The room in few words for automations, retained at <base topic>/<device id>/summary, QoS 1:
    on change beyond dead-bands, and once a minute. Unknown values are null. Readers must ignore
    properties they do not know.
    """

    id: DeviceId
    timestamp: Annotated[UtcTime, note("When it was sent: UTC, ISO 8601, ms.")]
    source: DataSource
    people: Annotated[
        Count | None,
        note(
            "How many are in view, those beyond `people.max` too. Whoever was not seen for three "
            "seconds has left, who walked out of the image sooner; null: unknown."
        ),
    ]
    occupancy: Annotated[
        bool | None, note("Whether anybody is present; null: unknown, never to be read as empty.")
    ]
    unknown_because: Annotated[
        str | None,
        note("Why people and occupancy are unknown, in a few words; null while they are known."),
    ]
    seen_only: Annotated[
        Count | None,
        note(
            "Figures that are seen but, while there is sound, never heard, as on a television or "
            "in a mirror; they do not occupy the room. null: unknown."
        ),
    ]
    fallen: Annotated[
        bool | None,
        note(
            "Whether somebody fell and is not up again, also while nobody can be seen; null: "
            "unknown."
        ),
    ]
    fallen_since: Annotated[
        UtcTime | None,
        note("When the newest of these falls was noticed, also over restarts; null: no fallen."),
    ]
    nearest: Annotated[NearestEntry | None, note("null while nobody is present or it is unknown.")]
    positions: Annotated[
        list[PositionEntry] | None, note("Of everybody present, by id; null: unknown.")
    ]
    zones: Annotated[
        list[ZoneEntry] | None,
        note("Every zone of the configuration and how many people are in it; null: unknown."),
    ]


class FallEvidence(msgspec.Struct, frozen=True):
    """height_drop_m: of the trunk's middle. duration_s: that it took."""

    height_drop_m: Amount
    duration_s: Amount


class EventMessage(Published, frozen=True, tag="posekernel.event/2"):
    """Something that happened, published to <base topic>/<device id>/event at QoS 1: at least once,
    in the order of sequence. Unknown values are null. Readers must ignore properties they do not
    know.
    """

    id: DeviceId
    sequence: Annotated[
        Positive,
        note(
            "Grows by one from event to event of a device, restarts included, and "
            "jumps when the device's disk cannot be written; the same again is the same event "
            "again."
        ),
    ]
    timestamp: Annotated[UtcTime, note("When it was noticed: UTC, ISO 8601, ms.")]
    monotonic_ns: ClockNs
    source: DataSource
    kind: Annotated[
        EventKind,
        note(
            "fall: somebody who was up lies on the floor. fall_cleared: that person is up again. "
            "Entering and leaving come in pairs for each person, except across a restart of the "
            "sensor: whoever is in view then enters again with a new id without having left, and "
            "whoever left in between is not reported. While nobody can be seen nobody is reported "
            "to leave. What holds now is in the summary."
        ),
    ]
    person: Annotated[Positive, note("The person's id, as in the poses.")]
    zone: Annotated[str | None, note("Name of the zone; null for what is not about one.")]
    floor_m: Annotated[
        FloorPlace | None,
        note(
            "x, y of the floor below the mid-hip when last seen, room frame [m]; null "
            "where the camera's height is not known."
        ),
    ]
    confidence: Annotated[
        Share | None,
        note(
            "Mean over the trunk's joints; for a fall, times the share of the poses "
            "since that show the person on the floor."
        ),
    ]
    fall: Annotated[
        FallEvidence | None,
        note("Evidence of a fall: drop of the trunk's middle [m], and the time it took [s]."),
    ]
