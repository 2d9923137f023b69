"""A video file in place of a camera."""

import math
import threading
import time
from pathlib import Path
from typing import Any

import cv2

from edge.core.arrays import Image
from edge.core.config import CameraConfig
from edge.core.errors import DeviceError, EndOfStreamError
from edge.core.files import check_native
from edge.sources.camera.backend import check_size, to_rgb
from edge.sources.camera.facts import CameraFacts


def check_video(path: str) -> None:
    """Raises DeviceError where there is no file that OpenCV may be given; it is not opened."""
    try:
        check_native(Path(path))
    except FileNotFoundError as e:
        raise DeviceError(f"video file {path!r} does not exist: correct camera.device") from e
    except OSError as e:
        raise DeviceError(
            f"video file {path!r} cannot be read ({e.strerror}): correct camera.device"
        ) from e


class FileBackend:
    """config.device: a video file, played in real time by the times that it holds, or at config.fps
    where that is above 0. Images carry the time at which they are due.
    """

    def __init__(self, config: CameraConfig) -> None:
        self._config = config
        self._path = config.device
        self._pending: Any = None
        self.facts = CameraFacts()
        self._cancelled = threading.Event()
        check_video(self._path)
        self._start()
        fps = config.fps or self._capture.get(cv2.CAP_PROP_FPS)
        if not 0.01 <= fps <= 1000:
            raise DeviceError(
                f"video file {self._path!r} states {fps:g} frames per second: set camera.fps"
            )
        self._interval_s = 1.0 / fps
        self._index = 0
        self._first_ns = 0
        self._due_s = 0.0  # since the first image
        self._stream_s = 0.0  # the newest image's, by the file

    def grab(self) -> tuple[int, Image]:
        """Next image, when it is due. Raises EndOfStreamError after the last, without loop."""
        bgr, self._pending = self._pending, None
        restarted = False
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
                restarted = True
        image = to_rgb(bgr, self._config)
        due_ns = self._due_ns(restarted)
        self._cancelled.wait(max(0.0, (due_ns - time.monotonic_ns()) * 1e-9))
        return due_ns, image

    def cancel(self) -> bool:
        """End the wait for the next image."""
        self._cancelled.set()
        return False

    def close(self) -> None:
        """Close the file."""
        self._capture.release()

    def _due_ns(self, restarted: bool) -> int:
        """When the image just read is due, CLOCK_MONOTONIC. A rate that varies is in the file's own
        times; where those do not grow, as in files that hold none, its mean rate has to do.
        """
        stream_s = self._capture.get(cv2.CAP_PROP_POS_MSEC) * 1e-3
        step_s = stream_s - self._stream_s
        self._stream_s = stream_s
        if self._index == 0:
            self._first_ns = time.monotonic_ns()
        elif self._config.fps or restarted or not (math.isfinite(step_s) and step_s > 0.0):
            self._due_s += self._interval_s
        else:
            self._due_s += step_s
        self._index += 1
        return self._first_ns + round(self._due_s * 1e9)

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
