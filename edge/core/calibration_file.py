"""The calibration file: what was measured, when, with what, and on which rig, as readable TOML."""

from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

from edge.core.config.geometry import Vector
from edge.core.errors import ConfigError
from edge.core.files import read_file, write_whole
from edge.core.plausibility import band_problem, camera_problem, electronics_problem, height_problem
from edge.core.rig import Camera
from edge.core.typed import Strict, as_toml, convert, parse_toml

FORMAT: Literal["posekernel-calibration-1"] = "posekernel-calibration-1"

_Channel = Annotated[int, Meta(ge=0, le=63)]
_Level = Annotated[float, Meta(ge=-400.0, le=400.0)]  # dB
_Frequency = Annotated[float, Meta(ge=0.0, le=1e6)]  # Hz
_Band = tuple[_Frequency, _Frequency]
_Distance = Annotated[float, Meta(ge=-1e6, le=1e6)]  # mm
_Pixels = Annotated[int, Meta(ge=1, le=100_000)]
_Focal = Annotated[float, Meta(ge=10.0, le=1e5)]  # pixels
_Centre = Annotated[float, Meta(ge=-1e5, le=1e5)]  # pixels
_Coefficient = Annotated[float, Meta(ge=-1e4, le=1e4)]
_Error = Annotated[float, Meta(ge=0.0, le=1e4)]  # pixels
_Steps = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
_Count = Annotated[int, Meta(ge=1, le=10_000_000)]
# open: not decided with what was recorded.
Outcome = Literal["ok", "warning", "open", "fault"]


class RigPart(Strict, frozen=True):
    """The calibrated rig. reference_channel: -1 without a loopback. Places: camera frame [m]."""

    sample_rate_hz: Annotated[int, Meta(ge=1, le=1_000_000)]
    channels: Annotated[int, Meta(ge=1, le=64)]
    mic_channels: tuple[_Channel, ...]
    reference_channel: Annotated[int, Meta(ge=-1, le=63)]
    speakers_m: tuple[Vector, ...]
    mics_m: tuple[Vector, ...]
    array: str = ""


class SoundPart(Strict, frozen=True):
    """delay_s: from the loopback to the air; 0 without one. gain_db: each microphone's level
    relative to the median.

    distance_mm: from the loudspeaker in its own place to each microphone, less the common delay;
    without a loopback only their differences mean anything. profile_mm: the same by the
    configuration. deviation_mm: measured less profile over all places, less what a tape measure
    leaves open. carried_hz: band that every microphone carries.
    """

    drift_ppm: Annotated[float, Meta(ge=-1e6, le=1e6)]
    delay_s: Annotated[float, Meta(ge=-0.5, le=0.5)]
    gain_db: tuple[_Level, ...]
    deviation_mm: tuple[_Distance, ...]
    level_dbfs: tuple[_Level, ...]
    carried_hz: _Band
    measured_hz: _Band
    distance_mm: tuple[_Distance, ...]
    profile_mm: tuple[_Distance, ...]
    places: Annotated[int, Meta(ge=1, le=1000)]


class VolumePart(Strict, frozen=True):
    """A volume of the card's mixer, in the driver's own steps, of each of its channels."""

    direction: Literal["capture", "playback"]
    control: str
    steps: tuple[_Steps, ...]


class LoudnessPart(Strict, frozen=True):
    """How loud the loudspeaker is, 1 m in front of it, without the room's reverberation.

    dba_at_full_scale: dB(A) of a sound in the band whose A-weighted level is 0 dBFS, as
    `edge.sound.loudness.Loudness`; sigma_db: its 1-sigma. method: by the "array", turned to the
    loudspeaker or ("aside") not, or by a "phone". level_dbfs: peak of the excitation that was
    measured, dba and spl_db: it at 1 m. room_db: what reverberation adds there. volumes: of the
    mixer, while it was measured; with others none of this holds.
    """

    dba_at_full_scale: _Level
    sigma_db: Annotated[float, Meta(ge=0.0, le=40.0)]
    method: Literal["array", "aside", "phone"]
    level_dbfs: _Level
    dba: _Level
    spl_db: _Level
    room_db: Annotated[float, Meta(ge=0.0, le=40.0)] = 0.0
    volumes: tuple[VolumePart, ...] = ()


class ResponsePart(Strict, frozen=True):
    """Level of each microphone in third octaves [dB], relative to its own mean."""

    bands_hz: tuple[_Band, ...]
    level_db: tuple[tuple[_Level, ...], ...]


class RoomPart(Strict, frozen=True):
    """The empty room. left_db: of its second half after the first was subtracted. periods: that it
    was learned from.
    """

    left_db: _Level
    periods: Annotated[int, Meta(ge=0, le=10_000_000)]


class IntrinsicsPart(Strict, frozen=True):
    """From a ChArUco board, pixels. error_px: RMS of the reprojection. covered: share of the image
    where the board was seen.
    """

    width: _Pixels
    height: _Pixels
    fx: _Focal
    fy: _Focal
    cx: _Centre
    cy: _Centre
    distortion: tuple[_Coefficient, _Coefficient, _Coefficient, _Coefficient, _Coefficient]
    error_px: _Error
    images: Annotated[int, Meta(ge=1, le=100_000)]
    covered: Annotated[float, Meta(ge=0.0, le=1.0)]


class MountingPart(Strict, frozen=True):
    """The camera above the floor. method: "board" on the floor or a "walk"."""

    height_m: Annotated[float, Meta(ge=0.0, le=20.0)]
    tilt_deg: Annotated[float, Meta(ge=-90.0, le=90.0)]
    roll_deg: Annotated[float, Meta(ge=-180.0, le=180.0)]
    error_px: _Error
    method: Literal["walk", "board"] = "walk"


class ScalePart(Strict, frozen=True):
    """Scale from sound over that from floor contact: median, spread (half of 68 %), poses."""

    ratio: Annotated[float, Meta(ge=0.0, le=100.0)]
    spread: Annotated[float, Meta(ge=0.0, le=100.0)]
    poses: _Count


class Step(Strict, frozen=True):
    """One step of the calibration. fault: which of "dead", "swapped", "geometry", "clock", "delay",
    "reference"... was found.
    """

    name: str
    outcome: Outcome
    found: str
    remedy: str = ""
    fault: str = ""


class Calibration(Strict, frozen=True):
    """The whole file. source: "simulated" where a simulation was calibrated."""

    format: Literal["posekernel-calibration-1"]
    created: str
    posekernel: str
    source: Literal["device", "recorded", "simulated"]
    device: str
    rig: RigPart
    sound: SoundPart | None = None
    response: ResponsePart | None = None
    loudness: LoudnessPart | None = None
    room: RoomPart | None = None
    intrinsics: IntrinsicsPart | None = None
    mounting: MountingPart | None = None
    scale: ScalePart | None = None
    steps: tuple[Step, ...] = ()


def load_calibration(path: Path) -> Calibration:
    """Read a calibration file. Raises ConfigError that says what is wrong with it."""
    try:
        found = convert(parse_toml(read_file(path).decode()), Calibration)
        if problem := _problem(found):
            raise ConfigError(problem)
        return found
    except FileNotFoundError as e:
        raise ConfigError(
            f"{path}: no such file; make it with `posekernel calibrate`, or clear calibration.file"
        ) from e
    except (OSError, UnicodeDecodeError) as e:
        raise ConfigError(f"{path}: cannot be read ({e})") from e
    except ConfigError as e:
        raise ConfigError(f"{path}: not a calibration ({e}); calibrate again") from e


def _problem(c: Calibration) -> str:
    """What is measured but cannot be, "" where all can."""
    if any(s.outcome == "fault" for s in c.steps):
        return ""  # what is out of order may measure anything, and is refused for it
    if c.sound is not None:
        mics, s = len(c.rig.mics_m), c.sound
        if problem := electronics_problem(s.delay_s, s.gain_db, mics):
            return f"sound.{problem}"
        if problem := band_problem(s.carried_hz):
            return f"sound.carried_hz: {problem.partition(': ')[2]}"
    if c.intrinsics is not None:
        i = c.intrinsics
        camera = Camera(i.width, i.height, i.fx, i.fy, i.cx, i.cy, i.distortion)
        if problem := camera_problem(camera):
            return problem.replace("rig.camera", "intrinsics", 1)
    if c.mounting is not None and (problem := height_problem(c.mounting.height_m)):
        return f"mounting.height_m: {problem}"
    return ""


def write_calibration(path: Path, calibration: Calibration) -> None:
    """Write it whole or not at all. Raises ConfigError where that is not possible."""
    bad, undecided = (
        [s.name for s in calibration.steps if s.outcome == outcome] for outcome in ("fault", "open")
    )
    device = calibration.device or "a recorded rig"
    heading = [
        f"Calibration of {device}, {calibration.created}, posekernel {calibration.posekernel}."
    ]
    if calibration.source == "simulated":
        heading.append("SIMULATED: no real device was measured.")
    if bad:
        heading.append(f"Not usable: {', '.join(bad)}.")
    else:
        heading.append("Set calibration.file in the configuration to this file to use it.")
    if undecided:
        heading.append(
            f"Not decided yet: {', '.join(undecided)}; do what their steps advise, and calibrate "
            "again."
        )
    try:
        write_whole(path, as_toml(calibration, heading).encode())
    except OSError as e:
        raise ConfigError(
            f"{path}: cannot be written ({e.strerror}); give --out a place that you may write to"
        ) from e
