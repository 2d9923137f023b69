"""A video file in place of a camera."""

import time
from pathlib import Path
from typing import Any

import cv2

from edge.core.arrays import Image
from edge.core.config import CameraConfig
from edge.core.errors import DeviceError, EndOfStreamError
from edge.sources.camera.backend import check_size, to_rgb


class FileBackend:
    """config.device: a video file, played in real time at its own rate, or at config.fps where
    that is above 0. Images carry the time at which they are due.
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
        image = to_rgb(bgr, self._config)
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
        """Open the file and decode its first image, which proves that it is a video."""
        self._capture = cv2.VideoCapture(self._path)
        ok, self._pending = self._capture.read() if self._capture.isOpened() else (False, None)
        if not ok:
            raise DeviceError(
                f"video file {self._path!r} holds no image: it is damaged, "
                "or in a format this OpenCV does not read"
            )
        check_size(self._pending.shape, self._config)
