"""USB and CSI cameras through Linux' video4linux."""

import os
import time
from pathlib import Path

import cv2

from edge.core.arrays import Image
from edge.core.config import CameraConfig
from edge.core.errors import DeviceError
from edge.sources.camera.backend import check_opened, read, to_rgb
from edge.sources.camera.facts import CameraFacts
from edge.sources.remedies import camera_problem

_FOURCC = "MJPG"  # the default, YUYV, fills a USB 2 bus at 1280x720 with 10 images per second


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
            self._capture.release()
            raise DeviceError(_why_not(path))
        try:
            self.facts = self._configure()
        except BaseException:
            self._capture.release()
            raise

    def grab(self) -> tuple[int, Image]:
        """Next image; its time is the driver's if that is CLOCK_MONOTONIC, else of arrival."""
        bgr = read(self._capture, f"camera {self._name}")
        now_ns = time.monotonic_ns()
        driver_ns = int(self._capture.get(cv2.CAP_PROP_POS_MSEC) * 1e6)
        return driver_ns if 0 <= now_ns - driver_ns < 1e9 else now_ns, to_rgb(bgr, self._config)

    def cancel(self) -> bool:
        """OpenCV's read ends by itself, and must not be disturbed by another thread."""
        return False

    def close(self) -> None:
        """Release the device."""
        self._capture.release()

    def _configure(self) -> CameraFacts:
        """Ask for format, size and rate, in the order in which drivers need them; read back."""
        capture, config = self._capture, self._config
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*_FOURCC))
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, config.width)
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, config.height)
        if config.fps > 0:
            capture.set(cv2.CAP_PROP_FPS, config.fps)
        check_opened(capture, config)
        return CameraFacts(
            fps=max(capture.get(cv2.CAP_PROP_FPS), 0.0),
            asked_format=_FOURCC,
            format=_fourcc(int(capture.get(cv2.CAP_PROP_FOURCC))),
        )


def _why_not(path: Path) -> str:
    """OpenCV does not say why a camera does not open; the system does."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC))
    except OSError as e:
        return camera_problem(f"camera {path}", os.strerror(e.errno or 0), e.errno or 0)
    # The node opens, so another program streams from it, or it gives no images at all.
    return camera_problem(f"camera {path}", "in use, or no device that gives images")


def _fourcc(code: int) -> str:
    return "".join(chr(code >> 8 * i & 0x7F) for i in range(4)).strip("\0 ") if code > 0 else ""
