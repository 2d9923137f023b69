"""Raspberry Pi cameras through libcamera."""

import time
from typing import Any

import numpy as np

from edge.core.arrays import Image
from edge.core.config import CameraConfig
from edge.core.errors import DeviceError
from edge.sources.camera.backend import check_size


class Picamera2Backend:
    """config.device: the camera's number, "" is 0."""

    def __init__(self, config: CameraConfig) -> None:
        try:
            from picamera2 import Picamera2
        except ImportError as e:
            raise DeviceError(
                "picamera2 is not installed, which camera.backend = 'picamera2' needs: "
                "apt install python3-picamera2, and a venv "
                "with --system-site-packages"
            ) from e
        except Exception as e:  # its parts are built for the system's numpy; another breaks them
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
        """Next image, at mid-exposure; the sensor's time is CLOCK_BOOTTIME at the end of it."""
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
        check_size(image.shape, self._config)
        return middle_ns, image

    def close(self) -> None:
        """Stop and release the camera."""
        self._camera.stop()
        self._camera.close()
