"""The ways to reach a camera: picamera2, V4L2, GStreamer, and a video file in real time; one thin
class each.

OpenCV raises neither when a source does not open nor when it stops giving images: every call is
checked here.
"""

import os
import time
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from edge.core.arrays import Image
from edge.core.config import CameraConfig
from edge.core.errors import DeviceError, EndOfStreamError


class Backend(Protocol):
    """One opened camera, used by one thread."""

    def grab(self) -> tuple[int, Image]:
        """Wait for the next image: (CLOCK_MONOTONIC ns, (H, W, 3) uint8 RGB). Raises DeviceError,
        or EndOfStreamError (files).
        """

    def close(self) -> None:
        """Release the device."""


def open_backend(config: CameraConfig) -> Backend:
    """Open exactly the back-end that the configuration names. Raises DeviceError."""
    if config.backend == "picamera2":
        return Picamera2Backend(config)
    if config.backend == "v4l2":
        return V4l2Backend(config)
    if config.backend == "gstreamer":
        return GStreamerBackend(config)
    return FileBackend(config)


class V4l2Backend:
    """A USB or CSI camera through Linux' video4linux. device: /dev/video0, a /dev/v4l/by-id link,
    or a number; "" is 0.
    """

    def __init__(self, config: CameraConfig) -> None:
        self._config = config
        self._name = config.device or "/dev/video0"
        path = Path(f"/dev/video{self._name}" if self._name.isdigit() else self._name)
        if not path.exists():
            found = ", ".join(sorted(str(p) for p in Path("/dev").glob("video*"))) or "none"
            raise DeviceError(
                f"camera {path} does not exist (video devices found: {found}): "
                "plug it in or correct camera.device"
            )
        number = os.path.realpath(path).removeprefix("/dev/video")
        if not number.isdigit():
            raise DeviceError(
                f"camera {path} is no video4linux device: camera.device must be like /dev/video0"
            )
        self._capture = cv2.VideoCapture(int(number), cv2.CAP_V4L2)
        if not self._capture.isOpened():
            raise DeviceError(
                f"camera {path} did not open: another program may be using it, "
                "or this user is not in the group 'video'"
            )
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, config.width)
        self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, config.height)
        if config.fps > 0:
            self._capture.set(cv2.CAP_PROP_FPS, config.fps)
        _check_size(_opened_size(self._capture), config)

    def grab(self) -> tuple[int, Image]:
        """Next image; its time is the driver's where that is CLOCK_MONOTONIC, as usual, else the
        time of arrival.
        """
        bgr = _read(self._capture, f"camera {self._name}")
        now_ns = time.monotonic_ns()
        driver_ns = int(self._capture.get(cv2.CAP_PROP_POS_MSEC) * 1e6)
        return driver_ns if 0 <= now_ns - driver_ns < 1e9 else now_ns, _to_rgb(bgr, self._config)

    def close(self) -> None:
        """Release the device."""
        self._capture.release()


class GStreamerBackend:
    """A GStreamer pipeline that ends in an appsink, as the Jetson's CSI cameras need. device: the
    pipeline.
    """

    def __init__(self, config: CameraConfig) -> None:
        self._config = config
        if not cv2.videoio_registry.hasBackend(cv2.CAP_GSTREAMER):
            raise DeviceError(
                f"OpenCV {cv2.__version__} here is built without GStreamer, "
                "which camera.backend = 'gstreamer' needs: use "
                "JetPack's (apt install python3-opencv, and a venv with --system-site-packages "
                "without opencv-python-headless)"
            )
        if "appsink" not in config.device:
            raise DeviceError(
                f"camera.device {config.device!r} is no GStreamer pipeline that ends in an appsink"
            )
        self._capture = cv2.VideoCapture(config.device, cv2.CAP_GSTREAMER)
        if not self._capture.isOpened():
            raise DeviceError(
                f"GStreamer pipeline {config.device!r} did not start: try it with gst-launch-1.0"
            )
        _check_size(_opened_size(self._capture), config)

    def grab(self) -> tuple[int, Image]:
        """Next image; its time is that of arrival, as the appsink passes no other on."""
        bgr = _read(self._capture, "GStreamer pipeline")
        return time.monotonic_ns(), _to_rgb(bgr, self._config)

    def close(self) -> None:
        """Stop the pipeline."""
        self._capture.release()


class Picamera2Backend:
    """A Raspberry Pi camera through libcamera. device: the camera's number, "" is 0."""

    def __init__(self, config: CameraConfig) -> None:
        try:
            from picamera2 import Picamera2
        except ImportError as e:
            raise DeviceError(
                "picamera2 is not installed, which camera.backend = 'picamera2' needs: "
                "apt install python3-picamera2, and a venv "
                "with --system-site-packages"
            ) from e
        # it and its parts are built for the system's numpy; another one breaks them in any way
        except Exception as e:
            raise DeviceError(
                f"picamera2 is installed but does not load ({type(e).__name__}: {e}): "
                "in the virtual environment run "
                "pip install 'numpy<2', or pip install --force-reinstall simplejpeg"
            ) from e
        if config.device and not config.device.isdigit():
            raise DeviceError(
                f"camera.device is {config.device!r}: picamera2 needs the camera's number, "
                "usually 0"
            )
        self._config = config
        self._name = f"picamera2 camera {config.device or 0}"
        try:
            self._camera: Any = Picamera2(int(config.device or 0))
        except (RuntimeError, IndexError, OSError) as e:
            raise DeviceError(
                f"{self._name} did not open ({e}): check its cable with rpicam-hello --list-cameras"
            ) from e
        try:
            # libcamera names formats by word order: BGR888 is R, G, B in memory.
            main = {"size": (config.width, config.height), "format": "BGR888"}
            controls = {"FrameRate": config.fps} if config.fps > 0 else {}
            self._camera.configure(
                self._camera.create_video_configuration(main=main, controls=controls)
            )
            self._camera.start()
        except (RuntimeError, ValueError, OSError) as e:
            self._camera.close()
            raise DeviceError(
                f"{self._name} refused {config.width}x{config.height} at {config.fps:g} fps ({e}): "
                "choose a mode of its sensor"
            ) from e

    def grab(self) -> tuple[int, Image]:
        """Next image, at mid-exposure: the sensor's time is CLOCK_BOOTTIME at the end of it."""
        try:
            request = self._camera.capture_request()
        except (RuntimeError, OSError) as e:
            raise DeviceError(f"{self._name} stopped ({e})") from e
        try:
            metadata = request.get_metadata()
            image = np.ascontiguousarray(request.make_array("main"))
        finally:
            request.release()
        asleep_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.monotonic_ns()
        middle_ns = (
            int(metadata["SensorTimestamp"])
            - asleep_ns
            - int(metadata.get("ExposureTime", 0)) * 500
        )
        _check_size(image.shape, self._config)
        return middle_ns, image

    def close(self) -> None:
        """Stop and release the camera."""
        self._camera.stop()
        self._camera.close()


class FileBackend:
    """A video file at its own rate, or `config.fps` where that is above 0; images carry the time at
    which they are due.
    """

    def __init__(self, config: CameraConfig) -> None:
        self._config = config
        self._path = config.device
        self._pending: Any = None
        if not Path(self._path).is_file():
            raise DeviceError(f"video file {self._path!r} does not exist: correct camera.device")
        self._start()
        fps = config.fps or self._capture.get(cv2.CAP_PROP_FPS)
        if not 0.01 <= fps <= 1000:
            raise DeviceError(
                f"video file {self._path!r} states {fps:g} frames per second: set camera.fps"
            )
        self._interval_ns = 1e9 / fps
        self._index = 0
        self._first_ns = 0

    def grab(self) -> tuple[int, Image]:
        """Next image, when it is due. Raises EndOfStreamError after the last, without loop."""
        bgr, self._pending = self._pending, None
        if bgr is None:
            ok, bgr = self._capture.read()
            if not ok:
                if not self._config.loop:
                    raise EndOfStreamError(
                        f"video file {self._path!r} is at its end after {self._index} frames"
                    )
                self._capture.release()
                self._start()
                bgr, self._pending = self._pending, None
        image = _to_rgb(bgr, self._config)
        if self._index == 0:
            self._first_ns = time.monotonic_ns()
        due_ns = self._first_ns + round(self._index * self._interval_ns)
        self._index += 1
        time.sleep(max(0.0, (due_ns - time.monotonic_ns()) * 1e-9))
        return due_ns, image

    def close(self) -> None:
        """Close the file."""
        self._capture.release()

    def _start(self) -> None:
        """Open the file and decode its first image: only that proves that it is a video."""
        self._capture = cv2.VideoCapture(self._path)
        ok, self._pending = self._capture.read() if self._capture.isOpened() else (False, None)
        if not ok:
            raise DeviceError(
                f"video file {self._path!r} holds no image: it is damaged, "
                "or in a format this OpenCV does not read"
            )
        _check_size(self._pending.shape, self._config)


def _read(capture: cv2.VideoCapture, name: str) -> Any:
    ok, bgr = capture.read()
    if not ok:
        raise DeviceError(f"{name} stopped giving images: it was unplugged or its driver failed")
    return bgr


def _to_rgb(bgr: Any, config: CameraConfig) -> Image:
    _check_size(bgr.shape, config)
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)


def _check_size(shape: tuple[int, ...], config: CameraConfig) -> None:
    """Intrinsics are in pixels of the configured size: an image of another one must not pass."""
    height, width = shape[:2]
    if (width, height) != (config.width, config.height):
        raise DeviceError(
            f"the camera gives {width}x{height} images, camera.width x camera.height is "
            f"{config.width}x{config.height}: choose a "
            "mode that the camera has, or correct them and the intrinsics of rig.camera"
        )


def _opened_size(capture: cv2.VideoCapture) -> tuple[int, int]:
    return int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)), int(capture.get(cv2.CAP_PROP_FRAME_WIDTH))
