"""Result types and skeleton tables. BODY_25 order; the runtime estimates its first 15 joints."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from edge.core.arrays import Array
from edge.core.contracts import SourceKind
from edge.core.stature import DepthProfile

# What fixed distance and scale. sound: the echo, now or while the person has kept still since.
# memory: the size that sound or the floor has found this person to have. floor: feet on the floor
# below a camera of known height. height: only the usual height of people.
ScaleSource = Literal["sound", "memory", "floor", "height"]
SCALE_SOURCES: tuple[ScaleSource, ...] = get_args(ScaleSource)
Posture = Literal["standing", "walking", "sitting", "lying", "bending", "unknown"]
# present: counts as somebody in the room. seen_only: seen but never heard while there is sound, as
# on a television or in a mirror. unsure: seen too briefly, too little or too far away to tell.
Presence = Literal["present", "seen_only", "unsure"]
POSTURES: tuple[Posture, ...] = get_args(Posture)

BODY_25 = (
    "nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow",
    "left_wrist", "mid_hip", "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee",
    "left_ankle", "right_eye", "left_eye", "right_ear", "left_ear", "left_big_toe",
    "left_small_toe", "left_heel", "right_big_toe", "right_small_toe", "right_heel",
)  # fmt: skip
JOINTS = BODY_25[:15]
N_JOINTS = len(JOINTS)
MID_HIP = 8
# Whose place each joint takes in the mirror image.
MIRROR = (0, 1, 5, 6, 7, 2, 3, 4, 8, 12, 13, 14, 9, 10, 11, 16, 15, 18, 17, 22, 23, 24, 19, 20, 21)
SEEN = 0.3  # a joint below this confidence counts as not seen
BONES = (
    (0, 1), (1, 2), (2, 3), (3, 4), (1, 5), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10), (10, 11),
    (8, 12), (12, 13), (13, 14),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Keypoints:
    """What the image alone shows of one person.

    pixels: (25, 3) u, v [px] and confidence 0..1, BODY_25 order; a joint below SEEN is hidden or
    outside the image, NaN where the detector has none. score: 0..1 that this is a person.
    """

    pixels: Array
    score: float


@dataclass(frozen=True, slots=True)
class ImageDistance:
    """How far away the mid-hip is by the image alone [m], its 1-sigma [m], and what gave the
    scale.
    """

    distance_m: float
    sigma_m: float
    scale_source: ScaleSource

    @property
    def relative_sigma(self) -> float:
        """1-sigma of the distance, as a share of it."""
        return self.sigma_m / self.distance_m


@dataclass(frozen=True, slots=True)
class LiftedPose:
    """One person's joints in metres.

    joints: (15, 3) camera frame. sigma: (15,) 1-sigma of the joint's position [m]. confidence:
    (15,) 0..1. scale_source: what gave the scale. sir_db: echo over interference in the gate.
    echo_range_m: half path of the onset or NaN. sound_confidence: 0..1 that the echo is of this
    body at this place; NaN where the lifter cannot tell or had no sound. image: what the pose would
    be without its sound; None where it was made without sound. heard: how likely each distance is
    by sound alone; None without sound, or where the lifter does not tell.
    """

    joints: Array
    sigma: Array
    confidence: Array
    scale_source: ScaleSource
    sir_db: float
    echo_range_m: float = float("nan")
    sound_confidence: float = float("nan")
    image: ImageDistance | None = None
    heard: DepthProfile | None = None

    @property
    def mid_hip_distance_m(self) -> float:
        """Straight-line distance from the camera to the mid-hip joint."""
        return float(np.linalg.norm(self.joints[MID_HIP]))

    @property
    def relative_sigma(self) -> float:
        """1-sigma of the mid-hip's distance, as a share of it."""
        return float(self.sigma[MID_HIP]) / self.mid_hip_distance_m


@dataclass(frozen=True, slots=True)
class Activity:
    """What a person does, from the newest poses; None, or "unknown", where it is not known.

    posture: bending is also crouching and kneeling. floor_m: (x, y) below the mid-hip, room frame.
    heading_deg: where the chest faces, seen from above, counter-clockwise from the room's y axis
    (away from the camera), -180..180. speed_m_s: over the floor. hip_height_m, chest_height_m: of
    mid-hip and shoulders above the floor. standing_height_m: as sound measured it. zones: names.
    floor: its number; heights above floors of two numbers cannot be compared.
    """

    posture: Posture = "unknown"
    floor_m: tuple[float, float] | None = None
    heading_deg: float | None = None
    speed_m_s: float | None = None
    hip_height_m: float | None = None
    chest_height_m: float | None = None
    standing_height_m: float | None = None
    zones: tuple[str, ...] = ()
    floor: int = 0


@dataclass(frozen=True, slots=True)
class PairsUsed:
    """From how many pairs of loudspeaker and microphone a pose was made. used: 0 without sound.
    total: of the rig. why: why not from all of them, "" where it was.
    """

    used: int
    total: int
    why: str = ""


@dataclass(frozen=True, slots=True)
class PersonEstimate:
    """One person at one instant. id: counts the people of a run from 1 and is never used twice.

    joints_room: (15, 3) or None where the camera's height is unknown. presence: whether this is
    somebody in the room.
    """

    id: int
    pose: LiftedPose
    joints_room: Array | None
    presence: Presence
    activity: Activity = Activity()


@dataclass(frozen=True, slots=True)
class FrameEstimate:
    """Everybody in one image, with its time and origin: all that a message needs.

    people: those posed, ordered by id, at least one. more: others in view who are counted but not
    posed (`people.max`). hidden: those present who are not found in this image, behind somebody or
    missed for a moment; they count until they are lost. t_ns: CLOCK_MONOTONIC of the image. utc_ns:
    the same instant on the wall clock. skew_ms: audio period's middle minus image. latency_ms: from
    image to this result, None where the image has no clock in common. pairs: that the poses were
    made from.
    """

    sequence: int
    frame: int
    t_ns: int
    utc_ns: int
    people: tuple[PersonEstimate, ...]
    more: int
    skew_ms: float | None
    latency_ms: float | None
    source: SourceKind
    pairs: PairsUsed = PairsUsed(0, 0)
    hidden: int = 0

    @property
    def count(self) -> int:
        """How many are in view, those who are hidden now included."""
        return len(self.present) + self.more + self.hidden

    @property
    def present(self) -> tuple[PersonEstimate, ...]:
        """Those who count as people in the room."""
        return tuple(p for p in self.people if p.presence == "present")
