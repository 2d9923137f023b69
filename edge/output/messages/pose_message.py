"""The pose message: everybody in one image, joint by joint."""

from typing import Annotated

import msgspec
from msgspec import Meta

from edge.core.pose import JOINTS, Posture, Presence, ScaleSource
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

Position = Annotated[list[float], Meta(min_length=3, max_length=3, description="x, y, z [m].")]


class JointEntry(msgspec.Struct, frozen=True):
    """One joint of a pose."""

    name: str
    camera: Annotated[Position | None, note("Position in the camera frame.")]
    room: Annotated[
        Position | None,
        note("Position in the room frame; null where the camera's height is not known."),
    ]
    sigma_m: Annotated[Amount | None, note("1-sigma of the position [m].")]
    confidence: Annotated[Share | None, note("Of having seen this joint.")]


class PairsEntry(msgspec.Struct, frozen=True):
    """Pairs of loudspeaker and microphone that a pose was made from."""

    used: Annotated[Count, note("0 where it was made without sound.")]
    total: Annotated[Count, note("Pairs of the rig.")]
    why: Annotated[
        str | None, note("Why not all of them, as microphones that failed; null where all were.")
    ]


class PersonEntry(msgspec.Struct, frozen=True):
    """One person in one image."""

    id: Annotated[
        Positive,
        note(
            "Counts the people of one run from 1, the same as long as the person is followed, "
            "and never used again; a restart begins anew."
        ),
    ]
    presence: Annotated[
        Presence,
        note(
            "present: counts as somebody in the room. seen_only: seen but, while there is sound, "
            "never heard, as on a television or in a mirror. unsure: seen too briefly, too "
            "little or, while there is sound, too far away to tell."
        ),
    ]
    scale_source: Annotated[
        ScaleSource,
        note(
            "What fixed distance and scale. sound: the echo. memory: the size that sound or the "
            "floor has found this person to have. floor: feet on the floor below a camera of known "
            "height. height: only the usual height of people."
        ),
    ]
    sound_confidence: Annotated[
        Share | None,
        note(
            "That the echo is of this body, where the image shows it; null where no "
            "sound was used or the lifter cannot tell."
        ),
    ]
    sir_db: Annotated[float | None, note("Echo over interference [dB].")]
    echo_range_m: Annotated[Amount | None, note("Half the path of the echo's onset [m].")]
    mid_hip_distance_m: Annotated[Amount | None, note("From the camera, straight [m].")]
    posture: Annotated[
        Posture,
        note(
            "bending is also crouching and kneeling; unknown where the camera's "
            "height or too much of the body is."
        ),
    ]
    floor_m: Annotated[
        FloorPlace | None,
        note(
            "x, y of the floor below the mid-hip, room frame [m]; null where the "
            "camera's height is not known."
        ),
    ]
    heading_deg: Annotated[
        Annotated[float, Meta(ge=-180.0, le=180.0)] | None,
        note(
            "Where the chest faces, seen from above [degrees], counter-clockwise from "
            "the room's y axis (away from the camera)."
        ),
    ]
    speed_m_s: Annotated[Amount | None, note("Over the floor [m/s].")]
    mid_hip_height_m: Annotated[
        float | None, note("Of the mid-hip above the floor, median of half a second [m].")
    ]
    standing_height_m: BodyHeight
    zones: Annotated[list[str], note("Names of the zones that the person is in.")]
    joints: Annotated[
        list[JointEntry],
        Meta(
            min_length=len(JOINTS),
            max_length=len(JOINTS),
            extra_json_schema={
                "prefixItems": [
                    {"$ref": "#/$defs/JointEntry", "properties": {"name": {"const": name}}}
                    for name in JOINTS
                ]
            },
        ),
    ]


class PoseMessage(Published, frozen=True, tag="posekernel.pose/2"):
    """Everybody in one image, published to <base topic>/<device id>/pose at QoS 0, as JSON or, with
    mqtt.format = "cbor", as CBOR; nothing is published for an image without anybody. Unknown values
    are null. Readers must ignore properties they do not know.
    """

    id: DeviceId
    sequence: Annotated[Positive, note("Counts the messages of one run from 1.")]
    frame: Annotated[Count, note("Index of the image.")]
    timestamp: Annotated[UtcTime, note("When the image was taken: UTC, ISO 8601, ms.")]
    monotonic_ns: ClockNs
    source: DataSource
    people_count: Annotated[Count, note("How many of `people` are present.")]
    more: Annotated[Count, note("Others in view, who are counted, but not posed (`people.max`).")]
    hidden: Annotated[
        Count,
        note(
            "Others who are present but not found in this image, behind somebody or missed for a "
            "moment; for at most three seconds each."
        ),
    ]
    skew_ms: Annotated[
        float | None,
        note("Middle of the sound used minus image [ms]; null when no sound was used."),
    ]
    latency_ms: Annotated[float | None, note("From the image to this result [ms].")]
    pairs: PairsEntry
    frames: Annotated[
        list[str],
        Meta(
            description="Frames of reference that the joints are given in. camera: x right, y "
            "down, z forward, origin at the camera. room: x right, y forward, z up, origin on the "
            "floor below the camera.",
            extra_json_schema={"enum": [["camera"], ["camera", "room"]]},
        ),
    ]
    people: Annotated[
        list[PersonEntry], Meta(min_length=1, description="Those posed, ordered by id.")
    ]
