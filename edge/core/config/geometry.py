"""Sections [rig] and [calibration]: where loudspeaker, microphones and camera are."""

from dataclasses import dataclass

from edge.core.toml_fields import limited, required

Vector = tuple[float, float, float]


@dataclass(frozen=True)
class RigCameraConfig:
    """Camera intrinsics [px], OpenCV distortion and mounting. height_m: 0 where it was not
    measured.
    """

    fx: float = required(10.0, 1e5)
    fy: float = required(10.0, 1e5)
    cx: float = required(-1e5, 1e5)
    cy: float = required(-1e5, 1e5)
    distortion: tuple[float, float, float, float, float] = (0.0, 0.0, 0.0, 0.0, 0.0)
    height_m: float = limited(0.0, 0.0, 20.0)
    tilt_deg: float = limited(0.0, -90.0, 90.0)
    roll_deg: float = limited(0.0, -180.0, 180.0)


@dataclass(frozen=True)
class RigConfig:
    """Positions in the camera frame [m]. pairs: empty = every microphone with every speaker."""

    camera: RigCameraConfig = required()
    speakers_m: tuple[Vector, ...] = required(-100.0, 100.0)
    mics_m: tuple[Vector, ...] = required(-100.0, 100.0)
    pairs: tuple[tuple[int, int], ...] = ()
    temperature_c: float = limited(20.0, -30.0, 60.0)


@dataclass(frozen=True)
class CalibrationConfig:
    """file: what `posekernel calibrate` wrote, "" = not calibrated. array: name of the microphone
    array, to tell arrays apart.
    """

    file: str = ""
    array: str = ""
