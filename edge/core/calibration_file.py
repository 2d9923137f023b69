"""The calibration file: what was measured, when, with what, and on which rig. TOML that people can
read.
"""

import dataclasses
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from edge.core.errors import ConfigError
from edge.core.files import write_whole
from edge.core.toml_fields import choice, from_table, required
from edge.core.toml_text import as_toml

FORMAT = "posekernel-calibration-1"
Vector = tuple[float, float, float]
# open: not decided with what was recorded.
Outcome = Literal["ok", "warning", "open", "fault"]


@dataclass(frozen=True)
class RigPart:
    """The rig that a calibration belongs to. reference_channel: -1 without a loopback. Places:
    camera frame [m].
    """

    sample_rate_hz: int = required(1, 1_000_000)
    channels: int = required(1, 64)
    mic_channels: tuple[int, ...] = required(0, 63)
    reference_channel: int = required(-1, 63)
    speakers_m: tuple[Vector, ...] = required(-100.0, 100.0)
    mics_m: tuple[Vector, ...] = required(-100.0, 100.0)
    array: str = ""


@dataclass(frozen=True)
class SoundPart:
    """delay_s: from the loopback to the air; 0 without one. gain_db: each microphone's level
    relative to the median.

    distance_mm: from the loudspeaker in its own place to each microphone, less the common delay;
    without a loopback only their differences mean anything. profile_mm: the same by the
    configuration. deviation_mm: measured less profile over all places, less what a tape measure
    leaves open. carried_hz: band that every microphone carries.
    """

    drift_ppm: float = required(-1e6, 1e6)
    delay_s: float = required(-0.5, 0.5)
    gain_db: tuple[float, ...] = required(-200.0, 200.0)
    deviation_mm: tuple[float, ...] = required(-1e5, 1e5)
    level_dbfs: tuple[float, ...] = required(-400.0, 100.0)
    carried_hz: tuple[float, float] = required(0.0, 1e6)
    measured_hz: tuple[float, float] = required(0.0, 1e6)
    distance_mm: tuple[float, ...] = required(-1e6, 1e6)
    profile_mm: tuple[float, ...] = required(-1e6, 1e6)
    places: int = required(1, 1000)


@dataclass(frozen=True)
class ResponsePart:
    """Level of each microphone in third octaves [dB], relative to its own mean."""

    bands_hz: tuple[tuple[float, float], ...] = required(0.0, 1e6)
    level_db: tuple[tuple[float, ...], ...] = required(-400.0, 400.0)


@dataclass(frozen=True)
class RoomPart:
    """The empty room. left_db: of its second half after the first was subtracted. periods: that it
    was learned from.
    """

    left_db: float = required(-400.0, 400.0)
    periods: int = required(0, 10_000_000)


@dataclass(frozen=True)
class IntrinsicsPart:
    """From a ChArUco board, pixels. error_px: RMS of the reprojection. covered: share of the image
    where the board was seen.
    """

    width: int = required(1, 100_000)
    height: int = required(1, 100_000)
    fx: float = required(10.0, 1e5)
    fy: float = required(10.0, 1e5)
    cx: float = required(-1e5, 1e5)
    cy: float = required(-1e5, 1e5)
    distortion: tuple[float, float, float, float, float] = required(-1e4, 1e4)
    error_px: float = required(0.0, 1e4)
    images: int = required(1, 100_000)
    covered: float = required(0.0, 1.0)


@dataclass(frozen=True)
class MountingPart:
    """The camera above the floor. method: "board" on the floor or a "walk"."""

    height_m: float = required(0.0, 20.0)
    tilt_deg: float = required(-90.0, 90.0)
    roll_deg: float = required(-180.0, 180.0)
    error_px: float = required(0.0, 1e4)
    method: str = choice("walk", ("walk", "board"))


@dataclass(frozen=True)
class ScalePart:
    """Scale from sound over scale from floor contact: median, spread (half of the central 68 %),
    poses.
    """

    ratio: float = required(0.0, 100.0)
    spread: float = required(0.0, 100.0)
    poses: int = required(1, 10_000_000)


@dataclass(frozen=True)
class Step:
    """One step of the calibration. fault: which of "dead", "swapped", "geometry", "clock", "delay",
    "reference"... was found.
    """

    name: str
    outcome: Outcome
    found: str
    remedy: str = ""
    fault: str = ""


def _one_of(*options: str) -> Any:
    return dataclasses.field(metadata={"options": options})


@dataclass(frozen=True)
class Calibration:
    """The whole file. source: "simulated" where a simulation was calibrated."""

    format: str = _one_of(FORMAT)
    created: str = required()
    posekernel: str = required()
    source: str = _one_of("device", "recorded", "simulated")
    device: str = required()
    rig: RigPart = required()
    sound: SoundPart | None = None
    response: ResponsePart | None = None
    room: RoomPart | None = None
    intrinsics: IntrinsicsPart | None = None
    mounting: MountingPart | None = None
    scale: ScalePart | None = None
    steps: tuple[Step, ...] = ()


def load_calibration(path: Path) -> Calibration:
    """Read a calibration file. Raises ConfigError that says what is wrong with it."""
    try:
        return from_table(Calibration, tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as e:
        raise ConfigError(
            f"{path}: no such file; make it with `posekernel calibrate`, or clear calibration.file"
        ) from e
    except (OSError, UnicodeDecodeError) as e:
        raise ConfigError(f"{path}: cannot be read ({e})") from e
    except (tomllib.TOMLDecodeError, ConfigError, RecursionError) as e:
        raise ConfigError(f"{path}: not a calibration ({e}); calibrate again") from e


def write_calibration(path: Path, calibration: Calibration) -> None:
    """Write it whole or not at all. Raises ConfigError where that is not possible."""
    table = _plain(dataclasses.asdict(calibration))
    bad, undecided = (
        [s.name for s in calibration.steps if s.outcome == outcome] for outcome in ("fault", "open")
    )
    heading = [
        f"Calibration of {calibration.device or 'a recorded rig'}, {calibration.created}, posekernel {calibration.posekernel}.",
        *(["SIMULATED: no real device was measured."] if calibration.source == "simulated" else []),
        f"Not usable: {', '.join(bad)}."
        if bad
        else "Set calibration.file in the configuration to this file to use it.",
        *(
            [
                f"Not decided yet: {', '.join(undecided)}; see what their steps advise, and calibrate again."
            ]
            if undecided
            else []
        ),
    ]
    try:
        write_whole(path, as_toml(table, heading).encode())
    except OSError as e:
        raise ConfigError(
            f"{path}: cannot be written ({e.strerror}); give --out a place that you may write to"
        ) from e


def _plain(value: Any) -> Any:
    """Lists for tuples, nothing for None, as TOML wants it."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items() if v is not None}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value
