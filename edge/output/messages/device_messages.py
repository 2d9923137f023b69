"""The messages about the device itself: status, control, telemetry."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from edge.core.config import LoudnessName
from edge.core.contracts import ProblemDevice
from edge.output.messages.fields import (
    Amount,
    Count,
    DataSource,
    DeviceId,
    Positive,
    Published,
    TimeOfDay,
    UtcTime,
    Version,
    note,
)
from edge.sound.loudness import LoudnessSource

State = Literal["online", "offline"]
Speaker = Literal["on", "standby", "off"]
Silence = Literal["sensing off", "mute", "quiet hours", "silent mode"]
Decibel = Annotated[float, Meta(ge=-60.0, le=-6.0)]


class StatusMessage(Published, frozen=True, tag="posekernel.status/1"):
    """State of one device, retained at <base topic>/<device id>/status, QoS 1; also its last will.
    Readers must ignore properties they do not know.
    """

    id: DeviceId
    state: State
    reason: Annotated[str, note("Why it is offline; empty while online.")]
    timestamp: Annotated[
        UtcTime | None,
        note(
            "When it became so: UTC, ISO 8601, ms. Null in a last will, which is "
            "written in advance."
        ),
    ]
    version: Version
    source: DataSource
    recording: Annotated[
        bool,
        note(
            "Raw sound and images of the room are being written on the device (posekernel record)."
        ),
    ]


class HoursOfDay(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"start": "from", "end": "to"}
):
    """From one local time of day to another."""

    start: TimeOfDay
    end: TimeOfDay


class ControlMessage(Published, frozen=True, tag="posekernel.control/1"):
    """What one device is allowed to do at present, retained at <base topic>/<device id>/control,
    QoS 1. Readers must ignore properties they do not know.
    """

    id: DeviceId
    timestamp: Annotated[UtcTime, note("When it was sent: UTC, ISO 8601, ms.")]
    sensing: Annotated[
        bool, note("False: camera and microphones are closed, the loudspeaker is silent.")
    ]
    mute: Annotated[bool, note("True: the loudspeaker is silent until told otherwise.")]
    level_dbfs: Annotated[
        Decibel, note("Highest peak level of the sound, dB of full scale; a cap on the rest.")
    ]
    loudness: Annotated[
        LoudnessName,
        note("How much sound is accepted. custom: own numbers, configured or by `budget`."),
    ]
    budget_dba: Annotated[
        float | None,
        note(
            "Highest energy average over any minute, dB(A) at 1 m; 0: no sound, null: continuous "
            "sound without a budget."
        ),
    ]
    peak_dba: Annotated[
        float | None, note("Highest level of a probe while it sounds, dB(A) at 1 m; null as above.")
    ]
    quiet_hours: Annotated[
        HoursOfDay | None,
        note(
            "Daily hours in which the loudspeaker is silent, local time of the device; null: none."
        ),
    ]
    speaker: Annotated[
        Speaker, note("standby: nobody is seen, it sounds only for a moment now and then.")
    ]
    silent_because: Annotated[Silence | None, note("Why the speaker is off; null while it is not.")]


class ThreadCounts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Threads of each network."""

    keypoints: Positive
    lifter: Positive


class ModelFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model file in use."""

    name: str
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class ProblemEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something that is wrong with a device now."""

    device: ProblemDevice
    part: Annotated[str, note("Of the device, as microphone 2 (channel 3).")]
    kind: Annotated[str, note("One word for it, as silent, copy or exchanged.")]
    found: str
    cause: Annotated[str, note("The likely one.")]
    remedy: str


class HealthMessage(Published, frozen=True, tag="posekernel.health/1"):
    """What is wrong now, retained at <base topic>/<device id>/health, QoS 1: whenever it changes.
    Readers must ignore properties they do not know.
    """

    id: DeviceId
    timestamp: Annotated[UtcTime, note("When it was sent: UTC, ISO 8601, ms.")]
    reasons: Annotated[
        list[str],
        note("Why the sensor is silent, sees nobody, or works less well; empty while all is well."),
    ]
    problems: Annotated[
        list[ProblemEntry], note("What is wrong with sound, camera and the learned room.")
    ]
    version: Version
    version_on_disk: Annotated[
        str, note("Of posekernel as it would start now: a newer one waits for a restart.")
    ]


class RoomChangeEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something that was moved, brought or taken away while somebody was in view."""

    from_m: Annotated[Amount, note("Range of its nearest echo, from here.")]
    to_m: Amount
    ago_s: Annotated[Amount, note("Before the newest sound.")]


class AmbientEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The room's own noise at the microphones, heard while the loudspeaker is silent."""

    dba: Annotated[float | None, note("Null where the microphones' sensitivity is not known.")]
    unit: Annotated[
        Literal["dB SPL", "dBFS"], note("Of bands_db; dBFS where the sensitivity is not known.")
    ]
    bands_hz: Annotated[list[float], note("Middles of the third octaves.")]
    bands_db: Annotated[list[float], note("Level in each, median over microphones.")]


class SoundEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the loudspeaker played in the last minute; dB(A) at 1 m in front of it, without the
    room's reverberation.
    """

    average_dba: Annotated[
        float | None, note("Energy average over the whole minute; null without any sound.")
    ]
    peak_dba: Annotated[
        float | None, note("The loudest sound, while it lasted; null without any sound.")
    ]
    seconds: Annotated[Amount, note("With sound, of the last 60 s.")]
    loudness_from: Annotated[
        LoudnessSource, note("nominal: never calibrated, a guess; see `posekernel calibrate`.")
    ]
    sigma_db: Annotated[Amount, note("1-sigma of all dB(A) here.")]
    ambient: Annotated[AmbientEntry | None, note("Null until the loudspeaker was silent.")]


class TelemetryMessage(Published, frozen=True, tag="posekernel.telemetry/1"):
    """Health of one device, every telemetry.interval_s at <base topic>/<device id>/telemetry, QoS
    0, not retained. Counts only grow while the program runs. Readers must ignore properties they
    do not know.
    """

    id: DeviceId
    timestamp: Annotated[UtcTime, note("UTC, ISO 8601, ms.")]
    source: DataSource
    version: Version
    uptime_s: Annotated[Amount, note("Since the program started.")]
    temperature_c: Annotated[
        float | None, note("Of the processor; null where the machine does not tell.")
    ]
    throttled: Annotated[
        bool | None,
        note("The Raspberry Pi lacks voltage or is throttled now; null on other machines."),
    ]
    throttled_flags: Annotated[
        Count | None, note("The Raspberry Pi's get_throttled word; null on other machines.")
    ]
    cpu_percent: Annotated[Amount, note("Of one core, since the last message.")]
    memory_mb: Annotated[Amount | None, note("Resident memory, megabytes.")]
    poses_per_s: Annotated[
        Amount, note("Since the last message; two people in one image are two poses.")
    ]
    latency_p50_ms: Annotated[
        float | None,
        note(
            "From the middle of the exposure to the finished poses, median since the "
            "last message; null without poses."
        ),
    ]
    latency_p95_ms: Annotated[float | None, note("The same, 95th percentile.")]
    frames: Annotated[Count, note("Images looked at.")]
    frames_dropped: Annotated[
        Count, note("Images that a newer one replaced before they were looked at or lifted.")
    ]
    periods: Annotated[Count, note("Sound periods.")]
    periods_faulty: Annotated[Count, note("Of these not usable, intended silence aside.")]
    periods_lost: Annotated[Count, note("Sound periods that came too fast to be read.")]
    xruns: Annotated[Count, note("Of the sound card.")]
    gaps: Annotated[Count, note("In the recording, that the sound card did not report.")]
    sound_reopened: Annotated[Count, note("Times that the sound card was lost and came back.")]
    camera_reopened: Annotated[Count, note("Times that the camera was lost and came back.")]
    outbox_waiting: Annotated[Count, note("Events that wait for the broker.")]
    outbox_dropped: Annotated[Count, note("Events dropped as too many waited.")]
    stream_dropped: Annotated[Count, note("Stream messages that the broker did not get.")]
    connections: Annotated[Count, note("Connections made to the broker.")]
    sound: SoundEntry
    lifter: Annotated[str, note("Kind of lifter.")]
    runtime: Annotated[str, note("TFLite runtime of the networks.")]
    threads: Annotated[ThreadCounts, note("That the networks may use.")]
    models: Annotated[list[ModelFile], note("Model files in use.")]
    problems: Annotated[
        list[ProblemEntry],
        note("What is wrong with microphones and camera now; empty while all is well."),
    ]
    room_changes: Annotated[
        list[RoomChangeEntry],
        note("The newest changes of the room that the sensor has heard and learned, oldest first."),
    ]
