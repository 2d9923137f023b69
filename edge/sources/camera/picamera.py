"""Raspberry Pi cameras through libcamera: one holder a camera, and a request may wait for ever."""

import threading
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from edge.core.arrays import Image
from edge.core.config import CameraConfig
from edge.core.errors import DeviceError
from edge.sources.camera.backend import check_size
from edge.sources.camera.facts import CameraFacts, fitted, whole_view
from edge.sources.remedies import camera_problem, causes

# libcamera names formats by word order: BGR888 is R, G, B in memory.
_RGB = "BGR888"


class Picamera2Backend:
    """config.device: the camera's number, "" is 0."""

    def __init__(self, config: CameraConfig) -> None:
        module = _module()
        if config.device and not config.device.isdigit():
            raise DeviceError(
                f"camera.device is {config.device!r}: picamera2 needs the camera's number, "
                "usually 0"
            )
        self._config = config
        self._name = f"picamera2 camera {config.device or 0}"
        self._lock = threading.Lock()  # a camera is never closed while an image is copied from it
        self._closed = False
        try:
            self._camera: Any = module.Picamera2(int(config.device or 0))
        except Exception as e:  # its own errors hide libcamera's, which are of any kind
            raise DeviceError(camera_problem(self._name, causes(e), found=_here(module))) from e
        try:
            self.facts = self._start()
        except BaseException as e:
            self.close()
            if isinstance(e, DeviceError) or not isinstance(e, Exception):
                raise
            raise DeviceError(
                f"{self._name} refused {config.width}x{config.height} at {config.fps:g} fps "
                f"({causes(e)}): choose a mode of its sensor"
            ) from e

    def grab(self) -> tuple[int, Image]:
        """Next image, at mid-exposure; the sensor's time is CLOCK_BOOTTIME at the end of it."""
        try:
            request = self._camera.capture_request()
        except Exception as e:
            raise DeviceError(f"{self._name} stopped ({causes(e)})") from e
        with self._lock:
            if self._closed:
                raise DeviceError(f"{self._name} was closed")
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
        self._follow(metadata)
        return middle_ns, image

    def cancel(self) -> bool:
        """End a request that waits for ever, and close: libcamera lets any thread do both."""
        # Versions before 2024 cannot cancel: their request waits on, but the camera is free.
        getattr(self._camera, "cancel_all_and_flush", lambda: None)()
        self.close()
        return True

    def close(self) -> None:
        """Stop and release the camera; safe to call twice."""
        with self._lock:
            if not self._closed:
                self._camera.close()  # stops it first
                self._closed = True

    def _start(self) -> CameraFacts:
        config, camera = self._config, self._camera
        size = (config.width, config.height)
        asked: dict[str, Any] = {"main": {"size": size, "format": _RGB}}
        if view := whole_view(getattr(camera, "sensor_modes", ()), *size, config.fps):
            asked["raw"] = {"size": view}  # without it the raw size follows the main one
        elif sensor := getattr(camera, "sensor_resolution", None):
            # Half of it is the fast mode of the whole view on every sensor of the Raspberry Pi.
            asked["raw"] = {"size": (sensor[0] // 2, sensor[1] // 2)}
        asked["controls"] = {"FrameRate": config.fps} if config.fps > 0 else {}
        camera.configure(camera.create_video_configuration(**asked))
        facts = self._read_back()
        camera.start()
        return facts

    def _read_back(self) -> CameraFacts:
        config, camera = self._config, self._camera
        given: Mapping[str, Any] = getattr(camera, "camera_configuration", dict)() or {}
        main = given.get("main") or {}
        if "size" in main:
            check_size((main["size"][1], main["size"][0]), config)
        if main.get("format", _RGB) != _RGB:
            raise DeviceError(
                f"{self._name} gives {main['format']} images, but {_RGB} is needed: its colours "
                "would be wrong; update python3-picamera2"
            )
        properties = getattr(camera, "camera_properties", {})
        crop, sensor = properties.get("ScalerCropMaximum"), properties.get("PixelArraySize")
        shortest_us = getattr(camera, "camera_controls", {}).get("FrameDurationLimits", (0,))[0]
        return CameraFacts(
            fps=1e6 / shortest_us if shortest_us else 0.0,
            sensor=str(properties.get("Model", "")),
            crop=fitted(tuple(crop[2:]), config.width, config.height) if crop else None,
            sensor_size=tuple(sensor) if sensor else None,
        )

    def _follow(self, metadata: Mapping[str, Any]) -> None:
        """The crop that an image was really made from."""
        if crop := metadata.get("ScalerCrop"):
            size = (int(crop[2]), int(crop[3]))
            if size != self.facts.crop:
                f = self.facts
                self.facts = CameraFacts(
                    f.fps, f.asked_format, f.format, f.sensor, size, f.sensor_size
                )


def _module() -> Any:
    try:
        import picamera2
    except ImportError as e:
        raise DeviceError(
            "picamera2 is not installed, which camera.backend = 'picamera2' needs: "
            "apt install python3-picamera2, and a venv "
            "with --system-site-packages"
        ) from e
    except Exception as e:  # its parts are built for the system's numpy; another breaks them
        raise DeviceError(
            f"picamera2 is installed but does not load ({type(e).__name__}: {e}): "
            "in its environment run pip install --force-reinstall --no-deps simplejpeg"
        ) from e
    return picamera2


def list_cameras() -> list[tuple[str, str]]:
    """(number, model) of each camera that libcamera lists. Raises DeviceError where picamera2 does
    not load.
    """
    return _listed(_module())


def _here(module: Any) -> str:
    return ", ".join(f"{number} ({model})" for number, model in _listed(module)) or "none"


def _listed(module: Any) -> list[tuple[str, str]]:
    try:
        listed = module.Picamera2.global_camera_info()
    except Exception:  # without a camera it may fail, too
        return []
    return [(str(c.get("Num", i)), str(c.get("Model", "?"))) for i, c in enumerate(listed)]
