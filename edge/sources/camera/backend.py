"""The contract of camera back-ends, and what those that use OpenCV share.

OpenCV raises neither when a source does not open nor when it stops giving images: check each call.
"""

from typing import Any, Protocol

import cv2
import numpy as np

from edge.core.arrays import Image
from edge.core.config import CameraConfig
from edge.core.errors import DeviceError
from edge.sources.camera.facts import CameraFacts


class Backend(Protocol):
    """One opened camera. facts: what its driver says that it gives; may change with an image."""

    facts: CameraFacts

    def grab(self) -> tuple[int, Image]:
        """Next image: (ns, (H, W, 3) uint8 RGB). Raises DeviceError, EndOfStreamError (files)."""

    def cancel(self) -> bool:
        """From another thread: end a grab that does not return, and release the device where its
        driver allows that. Whether it is released.
        """

    def close(self) -> None:
        """Release the device; safe to call twice."""


def read(capture: cv2.VideoCapture, name: str) -> Any:
    """The next image, BGR. Raises DeviceError naming the camera."""
    ok, bgr = capture.read()
    if not ok:
        raise DeviceError(f"{name} stopped giving images: it was unplugged or its driver failed")
    return bgr


def to_rgb(bgr: Any, config: CameraConfig) -> Image:
    """A BGR image as RGB. Raises DeviceError for another size than configured, or no colours."""
    if bgr.ndim != 3 or bgr.shape[2] != 3:
        raise DeviceError(
            f"the camera gives images of shape {'x'.join(map(str, bgr.shape))}, but three colours "
            "are needed: choose a format of it that has them"
        )
    check_size(bgr.shape, config)
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)


def check_size(shape: tuple[int, ...], config: CameraConfig) -> None:
    """Raises DeviceError for an image of another size: the intrinsics would be wrong."""
    height, width = shape[:2]
    if (width, height) != (config.width, config.height):
        raise DeviceError(
            f"the camera gives {width}x{height} images, camera.width x camera.height is "
            f"{config.width}x{config.height}; choose a mode that the camera has, or correct them "
            "and the intrinsics of rig.camera"
        )


def check_opened(capture: cv2.VideoCapture, config: CameraConfig) -> None:
    """Raises DeviceError where the driver chose another size than configured."""
    height, width = (
        int(capture.get(p)) for p in (cv2.CAP_PROP_FRAME_HEIGHT, cv2.CAP_PROP_FRAME_WIDTH)
    )
    check_size((height, width), config)
