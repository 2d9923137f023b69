"""Sections [rig] and [calibration]: where loudspeaker, microphones and camera are."""

from typing import Annotated

from msgspec import Meta

from edge.core.typed import Strict

_Coordinate = Annotated[float, Meta(ge=-100.0, le=100.0)]
Vector = tuple[_Coordinate, _Coordinate, _Coordinate]


class RigCameraConfig(Strict, frozen=True):
    """Camera intrinsics [px], OpenCV distortion and mounting. height_m: above the floor, 0 where it
    was not measured. tilt_deg: positive looks down. roll_deg: positive is turned clockwise, seen
    from behind the camera.
    """

    fx: Annotated[float, Meta(ge=10.0, le=1e5)]
    fy: Annotated[float, Meta(ge=10.0, le=1e5)]
    cx: Annotated[float, Meta(ge=-1e5, le=1e5)]
    cy: Annotated[float, Meta(ge=-1e5, le=1e5)]
    distortion: tuple[float, float, float, float, float] = (0.0, 0.0, 0.0, 0.0, 0.0)
    height_m: Annotated[float, Meta(ge=0.0, le=20.0)] = 0.0
    tilt_deg: Annotated[float, Meta(ge=-90.0, le=90.0)] = 0.0
    roll_deg: Annotated[float, Meta(ge=-180.0, le=180.0)] = 0.0


class RigConfig(Strict, frozen=True):
    """Positions: camera frame [m]. pairs: [speaker, microphone], empty = all."""

    camera: RigCameraConfig
    speakers_m: tuple[Vector, ...]
    mics_m: tuple[Vector, ...]
    pairs: tuple[tuple[int, int], ...] = ()
    temperature_c: Annotated[float, Meta(ge=-30.0, le=60.0)] = 20.0


class CalibrationConfig(Strict, frozen=True):
    """file: what `posekernel calibrate` wrote, "" = none. array: the microphone array's name."""

    file: str = ""
    array: str = ""
