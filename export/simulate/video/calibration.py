"""Videos of calibrated cameras: a Qualisys calibration becomes `Camera`s in the world."""

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from edge.core.arrays import Array
from edge.core.errors import SessionError
from edge.core.rig import Camera

# Qualisys writes intrinsics in 1/64 pixel and positions in millimetres.
_SUBPIXELS = 64.0
_MM = 1e-3


@dataclass(frozen=True, eq=False)
class CalibratedCamera:
    """One camera and its place in the world: z up, floor at z = 0, metres.

    rotation: (3, 3) world -> camera frame. translation: (3,) m, so that x_camera = rotation @
    x_world + translation. camera: in pixels of the video's own frames, with height, tilt and roll
    from the extrinsics.
    """

    serial: str
    camera: Camera
    rotation: Array
    translation: Array

    def from_world(self, points: npt.ArrayLike) -> Array:
        """World points (..., 3) [m] -> camera frame (..., 3) [m]."""
        return np.asarray(np.asarray(points, np.float64) @ self.rotation.T + self.translation)


def load_calibration(
    path: Path, frame_sizes: dict[str, tuple[int, int]] | None = None
) -> list[CalibratedCamera]:
    """Read a Qualisys .qca.txt file.

    frame_sizes: serial -> (width, height) of its video, where that differs from the calibrated
    sensor's; the sensor's image is then scaled to the frame's width, with bars above and below.
    Raises SessionError.
    """
    try:
        elements = list(ET.parse(path).getroot().iter("camera"))
        cameras = [_camera(e, frame_sizes or {}) for e in elements]
    except (OSError, ET.ParseError) as e:
        raise SessionError(f"{path}: cannot be read as a Qualisys calibration ({e})") from e
    except (KeyError, ValueError, AttributeError) as e:
        raise SessionError(
            f"{path}: a Qualisys calibration with transform and intrinsic of each camera is "
            f"needed ({e!r})"
        ) from e
    if not cameras:
        raise SessionError(f"{path}: no camera is listed, a Qualisys calibration is needed")
    return cameras


def frame_size(path: Path) -> tuple[int, int]:
    """(width, height) of a video in pixels. Raises SessionError."""
    capture = _open(path)
    size = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
    capture.release()
    return size


def frame_count(path: Path) -> int:
    """Number of frames of a video, as its header says. Raises SessionError."""
    capture = _open(path)
    count = round(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    capture.release()
    return count


def frame_rate_hz(path: Path) -> float:
    """Frames per second of a video, as its header says. Raises SessionError."""
    capture = _open(path)
    rate = float(capture.get(cv2.CAP_PROP_FPS))
    capture.release()
    return rate


def read_frames(path: Path, step: int = 1) -> Iterator[npt.NDArray[np.uint8]]:
    """Every `step`-th frame of a video, (H, W, 3) uint8, RGB. Raises SessionError."""
    capture = _open(path)
    index = 0
    try:
        while capture.grab():
            if index % step == 0:
                ok, bgr = capture.retrieve()
                if not ok:
                    raise SessionError(
                        f"{path}: frame {index} cannot be decoded, the video is damaged"
                    )
                yield np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)
            index += 1
    finally:
        capture.release()


def _open(path: Path) -> cv2.VideoCapture:
    capture = cv2.VideoCapture(str(path))
    if not capture.isOpened():
        raise SessionError(f"{path}: cannot be opened as a video")
    return capture


def _camera(element: ET.Element, frame_sizes: dict[str, tuple[int, int]]) -> CalibratedCamera:
    serial = element.attrib["serial"]
    transform = _numbers(element, "transform")
    lens = _numbers(element, "intrinsic")
    # Rows of Qualisys' matrix are the camera's axes x right, y up, z backward in the world.
    axes = np.array([[transform[f"r{i}{j}"] for j in (1, 2, 3)] for i in (1, 2, 3)])
    rotation = np.diag([1.0, -1.0, -1.0]) @ axes
    centre = np.array([transform[k] for k in "xyz"]) * _MM
    # Of a rotation, this row is the world's up axis in the camera frame.
    up = rotation[:, 2]
    sensor_width = lens["sensorMaxU"] / _SUBPIXELS + 1
    sensor_height = lens["sensorMaxV"] / _SUBPIXELS + 1
    width, height = frame_sizes.get(serial, (round(sensor_width), round(sensor_height)))
    scale = width / round(sensor_width)
    bar = (height - scale * round(sensor_height)) / 2
    camera = Camera(
        width=width,
        height=height,
        fx=lens["focalLengthU"] / _SUBPIXELS * scale,
        fy=lens["focalLengthV"] / _SUBPIXELS * scale,
        cx=lens["centerPointU"] / _SUBPIXELS * scale,
        cy=lens["centerPointV"] / _SUBPIXELS * scale + bar,
        distortion=(
            lens["radialDistortion1"],
            lens["radialDistortion2"],
            lens["tangentalDistortion1"],
            lens["tangentalDistortion2"],
            lens["radialDistortion3"],
        ),
        height_m=float(centre[2]),
        tilt_deg=float(np.degrees(np.arcsin(-up[2]))),
        roll_deg=float(np.degrees(np.arctan2(-up[0], -up[1]))),
    )
    return CalibratedCamera(serial, camera, rotation, -rotation @ centre)


def _numbers(element: ET.Element, name: str) -> dict[str, float]:
    child = element.find(name)
    if child is None:
        raise KeyError(name)
    return {k: float(v) for k, v in child.attrib.items()}
