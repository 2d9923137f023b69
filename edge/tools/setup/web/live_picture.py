"""What the camera sees, for whoever sets it up: made on request, never stored."""

import threading
import time
from typing import Any

import cv2
import numpy as np
from msgspec.structs import replace

from edge.core.arrays import Image
from edge.core.config import CameraConfig
from edge.core.errors import DeviceError
from edge.core.pose import SEEN, Keypoints
from edge.lifting.lifter import MODELS
from edge.sight.people import PeopleFinder
from edge.sources.camera.grabber import GrabbedCamera, open_camera

_IDLE_S = 5.0  # nobody asked for so long: the camera is let go
_IMAGE_S = 8.0
_WIDTH = 480  # of the picture, at most [px]
_QUALITY = 70
_COLOUR = (60, 200, 180)


class LivePicture:
    """Opens the camera at the first picture and lets go of it soon after the last. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._camera: GrabbedCamera | None = None
        self._find: PeopleFinder | None = None
        self._asked_s = 0.0
        self._image: Image | None = None

    def jpeg(self, config: CameraConfig) -> tuple[bytes, int]:
        """(the newest image with people's joints, as JPEG; how many people). Raises DeviceError."""
        with self._lock:
            self._asked_s = time.monotonic()
            if self._camera is None:
                self._camera = open_camera(replace(config, loop=True))
                threading.Thread(target=self._let_go, name="picture", daemon=True).start()
            frame = self._camera.read(_IMAGE_S)
            if frame is None:
                why = self._camera.counters.last_error or "it gave no error"
                raise DeviceError(f"no image came within {_IMAGE_S:g} s ({why})")
            if self._find is None:
                self._find = PeopleFinder(MODELS)
            people = self._find(frame.image)
            return _drawn(frame.image, people), len(people)

    def close(self) -> None:
        """Let go of the camera; safe to call twice."""
        with self._lock:
            self._asked_s = 0.0
            if self._camera is not None:
                self._camera.close()
                self._camera = None

    def _let_go(self) -> None:
        while time.monotonic() - self._asked_s < _IDLE_S:
            time.sleep(0.5)
        self.close()


def _drawn(image: Image, people: list[Keypoints]) -> bytes:
    height, width = image.shape[:2]
    scale = min(1.0, _WIDTH / width)
    size = (round(scale * width), round(scale * height))
    small: Any = cv2.resize(image[..., ::-1], size, interpolation=cv2.INTER_AREA)
    for person in people:
        for u, v, confidence in person.pixels:
            if confidence >= SEEN and np.isfinite([u, v]).all():
                cv2.circle(small, (round(scale * u), round(scale * v)), 4, _COLOUR, -1)
    ok, encoded = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not ok:
        raise DeviceError("the image could not be encoded; update opencv-python-headless")
    return bytes(encoded)
