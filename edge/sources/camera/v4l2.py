"""USB and CSI cameras through Linux' video4linux."""

import os
import time
from pathlib import Path

import cv2

from edge.core.arrays import Image
from edge.core.config import CameraConfig
from edge.core.errors import DeviceError
from edge.sources.camera.backend import check_opened, read, to_rgb


class V4l2Backend:
    """config.device: /dev/video0, a /dev/v4l/by-id link, or a number; "" is 0."""

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
        check_opened(self._capture, config)

    def grab(self) -> tuple[int, Image]:
        """Next image; its time is the driver's if that is CLOCK_MONOTONIC, else of arrival."""
        bgr = read(self._capture, f"camera {self._name}")
        now_ns = time.monotonic_ns()
        driver_ns = int(self._capture.get(cv2.CAP_PROP_POS_MSEC) * 1e6)
        return driver_ns if 0 <= now_ns - driver_ns < 1e9 else now_ns, to_rgb(bgr, self._config)

    def close(self) -> None:
        """Release the device."""
        self._capture.release()
