"""Geometry: speakers, microphones, pairs, camera; times of arrival; frames of reference.

Camera frame: x right, y down, z forward, metres, origin at the camera's centre. Room frame: x
right, y forward, z up, origin on the floor below the camera.
"""

import math
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import cv2
import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Meta

from edge.core.arrays import Array, BoolArray
from edge.core.errors import ConfigError
from edge.core.files import read_file
from edge.core.pose import SEEN
from edge.core.typed import convert, parse_json

_Vector = tuple[float, float, float]
# What every array library takes.
Index = Annotated[int, Meta(ge=0, le=2**31 - 1)]
_Size = Annotated[int, Meta(ge=1, le=2**31 - 1)]


def speed_of_sound(temperature_c: float) -> float:
    """Speed of sound in air [m/s] at a temperature [deg C]; good to 0.1 % between -20 and 50."""
    return 331.3 + 0.606 * temperature_c


@dataclass(frozen=True)
class Camera:
    """Pinhole camera with OpenCV's distortion (k1, k2, p1, p2, k3), and its pose above the floor.

    fx, fy, cx, cy: pixels. height_m: None where it was never calibrated; then there is no room
    frame. tilt_deg: positive looks down. roll_deg: positive is a camera turned clockwise, seen from
    behind it; upright things then lean anticlockwise in the image. Raises ConfigError.
    """

    width: _Size
    height: _Size
    fx: float
    fy: float
    cx: float
    cy: float
    distortion: tuple[float, float, float, float, float] = (0.0, 0.0, 0.0, 0.0, 0.0)
    height_m: float | None = None
    tilt_deg: float = 0.0
    roll_deg: float = 0.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            numbers = value if isinstance(value, tuple) else () if value is None else (value,)
            positive = name in ("width", "height", "fx", "fy")
            if not all(math.isfinite(n) and (n > 0 or not positive) for n in numbers):
                needed = "finite numbers are" if isinstance(value, tuple) else "a finite number is"
                needed = "a finite number of pixels above 0 is" if positive else needed
                raise ConfigError(f"rig.camera.{name}: found {value}, but {needed} needed")

    @property
    def matrix(self) -> Array:
        """Intrinsic matrix (3, 3), pixels."""
        return np.array([[self.fx, 0.0, self.cx], [0.0, self.fy, self.cy], [0.0, 0.0, 1.0]])

    def project(self, points: npt.ArrayLike) -> Array:
        """Camera-frame points (..., 3) [m] -> pixels (..., 2). Points must have z > 0."""
        p = np.asarray(points, np.float64)
        if p.size == 0:
            return np.zeros((*p.shape[:-1], 2))
        uv, _ = cv2.projectPoints(
            p.reshape(-1, 1, 3), np.zeros(3), np.zeros(3), self.matrix, np.array(self.distortion)
        )
        return np.asarray(uv, np.float64).reshape(*p.shape[:-1], 2)

    def rays(self, pixels: npt.ArrayLike) -> Array:
        """Pixels (..., 2) -> points (..., 3) on each pixel's ray at z = 1 (undistorted)."""
        uv = np.asarray(pixels, np.float64)
        if uv.size == 0:
            return np.zeros((*uv.shape[:-1], 3))
        xy = cv2.undistortPoints(uv.reshape(-1, 1, 2), self.matrix, np.array(self.distortion))
        xy = np.asarray(xy, np.float64).reshape(*uv.shape[:-1], 2)
        return np.concatenate([xy, np.ones_like(xy[..., :1])], axis=-1)

    def near_image(self, pixels: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Which pixels (..., 2) are inside the image or less than half an image outside it (...,).
        Where a joint is found farther off, the detector is wrong.
        """
        off = np.asarray(pixels, np.float64) / np.array([self.width, self.height]) - 0.5
        return np.asarray((np.abs(off) < 1.0).all(axis=-1))

    @property
    def room_rotation(self) -> Array:
        """Rotation (3, 3) that takes camera-frame vectors to the room frame."""
        tilt, roll = np.radians(self.tilt_deg), np.radians(self.roll_deg)
        s, c = np.sin(roll), np.cos(roll)
        unroll = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
        s, c = np.sin(tilt), np.cos(tilt)
        level = np.array([[1.0, 0.0, 0.0], [0.0, -s, c], [0.0, -c, -s]])
        return np.asarray(level @ unroll)

    @property
    def image_down(self) -> Array:
        """Unit vector (3,), camera frame: where what falls goes in the middle of the image."""
        x, y, _ = -self.room_rotation[2]
        return np.array([x, y, 0.0]) / max(math.hypot(x, y), 1e-6)

    def to_room(self, points: npt.ArrayLike) -> Array:
        """Camera-frame points (..., 3) -> room frame [m]. Raises ConfigError without a height."""
        return np.asarray(np.asarray(points, np.float64) @ self.room_rotation.T + self._above_floor)

    def from_room(self, points: npt.ArrayLike) -> Array:
        """Room-frame points (..., 3) -> camera frame (..., 3), metres."""
        return np.asarray((np.asarray(points, np.float64) - self._above_floor) @ self.room_rotation)

    @property
    def _above_floor(self) -> Array:
        if self.height_m is None:
            raise ConfigError(
                "rig.camera.height_m is not set, but the room frame needs it: measure it or run "
                "calibration"
            )
        return np.array([0.0, 0.0, self.height_m])


def seen_joints(pixels: Array, camera: Camera) -> BoolArray:
    """Which of a detector's joints (K, 3) u, v [px], confidence are seen (K,).

    A joint far outside the image is a slip of the detector's and counts as not seen.
    """
    return np.asarray(camera.near_image(pixels[:, :2]) & (pixels[:, 2] >= SEEN))


def seen_rays(pixels: Array, camera: Camera) -> tuple[Array, BoolArray]:
    """A detector's joints (K, 3) -> their rays at z = 1 (K, 3), NaN where not seen, and which are
    seen (K,).
    """
    seen = seen_joints(pixels, camera)
    rays = np.full((len(pixels), 3), np.nan)
    rays[seen] = camera.rays(pixels[seen, :2])
    return rays, seen


@dataclass(frozen=True, eq=False)
class Rig:
    """Where everything is, in the camera frame.

    speakers: (S, 3) m. mics: (M, 3) m. pairs: (P, 2) int, each row (speaker, microphone).
    speed_of_sound_m_s: m/s.
    """

    speakers: Array
    mics: Array
    pairs: npt.NDArray[np.int64]
    camera: Camera
    speed_of_sound_m_s: float

    def __post_init__(self) -> None:
        for name, a in (("speakers_m", self.speakers), ("mics_m", self.mics)):
            if a.ndim != 2 or a.shape[1:] != (3,) or len(a) == 0 or not np.isfinite(a).all():
                raise ConfigError(
                    f"rig.{name} has shape {a.shape}: a non-empty list of finite [x, y, z] in "
                    "metres is needed"
                )
        p = self.pairs
        if p.ndim != 2 or p.shape[1:] != (2,) or len(p) == 0:
            raise ConfigError(
                f"rig.pairs has shape {p.shape}: a non-empty list of [speaker, microphone] is "
                "needed"
            )
        if (
            (p < 0).any()
            or (p[:, 0] >= len(self.speakers)).any()
            or (p[:, 1] >= len(self.mics)).any()
        ):
            raise ConfigError(
                "rig.pairs names a speaker or microphone that is not there: "
                f"{len(self.speakers)} speakers and {len(self.mics)} microphones are listed, and "
                "counting starts at 0"
            )
        if not 250.0 < self.speed_of_sound_m_s < 450.0:
            raise ConfigError(
                f"speed of sound is {self.speed_of_sound_m_s} m/s: 250 to 450 m/s is possible in "
                "air"
            )

    @property
    def direct_arrival_s(self) -> Array:
        """Time of the direct sound from speaker to microphone, per pair (P,), seconds."""
        s, m = self.speakers[self.pairs[:, 0]], self.mics[self.pairs[:, 1]]
        return np.asarray(np.linalg.norm(s - m, axis=-1) / self.speed_of_sound_m_s)

    @cached_property
    def extent_m(self) -> float:
        """Largest spread of speakers and microphones along any axis [m]."""
        return float(np.ptp(np.concatenate([self.speakers, self.mics]), axis=0).max())

    @cached_property
    def different_pairs(self) -> int:
        """How many of the pairs are different ones."""
        return len(np.unique(self.pairs, axis=0))

    @cached_property
    def without_floor(self) -> "Rig":
        """The same where of height, tilt and roll of the camera only quarter turns are known."""
        roll_deg = 90.0 * round(self.camera.roll_deg / 90.0)
        camera = replace(self.camera, height_m=None, tilt_deg=0.0, roll_deg=roll_deg)
        return replace(self, camera=camera)

    def arrival_s(self, points: npt.ArrayLike) -> Array:
        """Time of arrival (P, ...) [s] of an echo from camera-frame points (..., 3) [m]."""
        v = np.asarray(points, np.float64)
        to_speakers, to_mics = _distances(self.speakers, v), _distances(self.mics, v)
        path = to_speakers[self.pairs[:, 0]] + to_mics[self.pairs[:, 1]]
        return np.asarray(path / self.speed_of_sound_m_s)


class RigFile(msgspec.Struct, frozen=True):
    """rig.json, and the rig in a session.json; other keys are ignored."""

    sample_rate_hz: float
    band_hz: tuple[float, float]
    speed_of_sound_m_s: float
    speakers_m: tuple[_Vector, ...]
    mics_m: tuple[_Vector, ...]
    pairs: tuple[tuple[Index, Index], ...]
    camera: Camera

    def as_rig(self) -> Rig:
        """The rig. Raises ConfigError where its parts do not fit each other."""
        return Rig(
            speakers=np.array(self.speakers_m, np.float64).reshape(-1, 3),
            mics=np.array(self.mics_m, np.float64).reshape(-1, 3),
            pairs=np.array(self.pairs, np.int64).reshape(-1, 2),
            camera=self.camera,
            speed_of_sound_m_s=self.speed_of_sound_m_s,
        )


def rig_to_dict(rig: Rig, sample_rate_hz: float, band_hz: tuple[float, float]) -> dict[str, Any]:
    """The dataset format's rig.json as a dict."""
    cam = rig.camera
    camera: dict[str, Any] = {
        k: getattr(cam, k) for k in ("width", "height", "fx", "fy", "cx", "cy")
    }
    if any(cam.distortion):
        camera["distortion"] = list(cam.distortion)
    if cam.height_m is not None:
        camera["height_m"] = cam.height_m
    # Tilt and roll also serve without a height: they tell where up is.
    camera |= {
        k: getattr(cam, k)
        for k in ("tilt_deg", "roll_deg")
        if cam.height_m is not None or getattr(cam, k) != 0.0
    }
    return {
        "sample_rate_hz": sample_rate_hz,
        "band_hz": list(band_hz),
        "speed_of_sound_m_s": rig.speed_of_sound_m_s,
        "speakers_m": rig.speakers.tolist(),
        "mics_m": rig.mics.tolist(),
        "pairs": rig.pairs.tolist(),
        "camera": camera,
    }


def rig_from_dict(data: Any, origin: str) -> tuple[Rig, float, tuple[float, float]]:
    """rig.json -> (rig, sample_rate_hz, band_hz). origin: file for errors. Raises ConfigError."""
    try:
        file = convert(data, RigFile, "rig")
        return file.as_rig(), file.sample_rate_hz, file.band_hz
    except ConfigError as e:
        raise ConfigError(f"{origin}: {e}") from e


def load_rig(path: Path) -> tuple[Rig, float, tuple[float, float]]:
    """Read a rig.json -> (rig, sample_rate_hz, band_hz). Raises ConfigError."""
    try:
        data = parse_json(read_file(path))
    except OSError as e:
        raise ConfigError(f"{path}: cannot be read ({e.strerror})") from e
    except ConfigError as e:
        raise ConfigError(f"{path}: {e}") from e
    return rig_from_dict(data, str(path))


def _distances(devices: Array, points: Array) -> Array:
    """Distance (D, ...) of points (..., 3) from each of the devices (D, 3)."""
    # Axis by axis: an array of all three is so large that it gets fresh memory at each call.
    square = np.zeros((len(devices), *points.shape[:-1]))
    for axis in range(3):
        d = np.subtract.outer(devices[:, axis], points[..., axis])
        d *= d
        square += d
    return np.asarray(np.sqrt(square, out=square))
