"""A picamera2 that forgives nothing: one holder a camera, a few buffers, requests that wait for
ever, sensor modes that crop, and causes that only the chain of exceptions tells.

What it does is described in the reports of those who run it (raspberrypi/picamera2 #336, #399,
#1233) and in its manual.
"""

import os
import threading
import time
import types
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np

_BUFFERS = 6
_IMAGE_S = 0.005


@dataclass(frozen=True)
class Mode:
    """A sensor mode. crop: the sensor's part that it reads, x, y, width, height."""

    size: tuple[int, int]
    crop: tuple[int, int, int, int]
    fps: float


@dataclass(frozen=True)
class Sensor:
    """A camera module. Modes are in libcamera's order."""

    model: str
    size: tuple[int, int]
    modes: tuple[Mode, ...]


IMX708 = Sensor(
    "imx708",
    (4608, 2592),
    (
        Mode((1536, 864), (768, 432, 3072, 1728), 120.13),
        Mode((2304, 1296), (0, 0, 4608, 2592), 56.03),
        Mode((4608, 2592), (0, 0, 4608, 2592), 14.35),
    ),
)
IMX219 = Sensor(
    "imx219",
    (3280, 2464),
    (
        Mode((640, 480), (1000, 752, 1280, 960), 206.65),
        Mode((1640, 1232), (0, 0, 3280, 2464), 41.85),
        Mode((1920, 1080), (680, 692, 1920, 1080), 47.57),
        Mode((3280, 2464), (0, 0, 3280, 2464), 21.19),
    ),
)


@dataclass
class Trouble:
    """What goes wrong, for a test to change. hang_after: images of each instance, then the front
    end has timed out. deaf: neither cancelling nor closing returns until `let_go`. slow: opening
    does not return until `let_go`. busy: another process holds the camera. error: of opening.
    ignores_raw: the driver takes the mode it likes. format, size: given instead of those asked for.
    """

    hang_after: int | None = None
    deaf: bool = False
    slow: bool = False
    busy: bool = False
    error: Exception | None = None
    ignores_raw: bool = False
    close_error: Exception | None = None
    format: str = ""
    size: tuple[int, int] | None = None
    exposure_us: int = 8000
    let_go: threading.Event = field(default_factory=threading.Event)


class Request:
    """One completed request; holds a buffer until it is released."""

    def __init__(self, camera: Any, image: np.ndarray) -> None:
        self._camera, self._image, self.released = camera, image, False

    def get_metadata(self) -> dict[str, Any]:
        self._check()
        return {
            "SensorTimestamp": time.clock_gettime_ns(time.CLOCK_BOOTTIME) - 5_000_000,
            "ExposureTime": self._camera.trouble.exposure_us,
            "ScalerCrop": self._camera.scaler_crop,
        }

    def make_array(self, stream: str) -> np.ndarray:
        self._check()
        if stream != "main":
            raise KeyError(stream)
        return self._image

    def release(self) -> None:
        self._check()
        self.released = True
        self._camera.buffers.release()

    def _check(self) -> None:
        if self.released:
            raise RuntimeError("the request was released before")
        if self._camera.state == "closed":
            raise RuntimeError("the camera was closed: its buffers are unmapped")


def strict_picamera2(sensor: Sensor = IMX708) -> types.ModuleType:
    """A module to be put into sys.modules. Its `trouble` may be changed at any time; `opened` are
    all cameras that were opened.
    """
    module: Any = types.ModuleType("picamera2")
    module.trouble, module.opened, module.held = Trouble(), [], threading.Lock()

    class Picamera2(_Camera):
        def __init__(self, camera_num: int = 0) -> None:
            super().__init__(module, sensor, camera_num)

        @staticmethod
        def global_camera_info() -> list[dict[str, Any]]:
            return [{"Model": sensor.model, "Num": 0}]

    module.Picamera2 = Picamera2
    return module


class _Camera:
    def __init__(self, module: Any, sensor: Sensor, number: int) -> None:
        self.trouble: Trouble = module.trouble
        self._module, self._sensor = module, sensor
        try:
            self._acquire(number)
        except Exception as e:
            # As the real one: the cause is only in the chain.
            raise RuntimeError("Camera __init__ sequence did not complete.") from e
        self.state = "open"
        self._pipe = os.pipe()
        self._images = 0
        self._cancelled = threading.Event()
        self.buffers = threading.Semaphore(_BUFFERS)
        self._random = np.random.default_rng()
        self.mode = sensor.modes[0]
        self.scaler_crop = (0, 0, 0, 0)
        self.camera_properties: dict[str, Any] = {
            "Model": sensor.model,
            "PixelArraySize": sensor.size,
        }
        self.camera_controls: dict[str, Any] = {}
        self.sensor_resolution = sensor.size
        module.opened.append(self)

    def _acquire(self, number: int) -> None:
        if self.trouble.error is not None:
            raise self.trouble.error
        if number > 0:
            raise IndexError("list index out of range")
        if self.trouble.slow:
            self.trouble.let_go.wait()
        if self.trouble.busy or not self._module.held.acquire(blocking=False):
            raise RuntimeError("Failed to acquire camera: Device or resource busy")

    @property
    def sensor_modes(self) -> list[dict[str, Any]]:
        self._need("open")
        return [{"size": m.size, "crop_limits": m.crop, "fps": m.fps} for m in self._sensor.modes]

    def create_video_configuration(
        self,
        main: dict[str, Any] | None = None,
        raw: dict[str, Any] | None = None,
        controls: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        self._need("open")
        main = {"format": "XBGR8888", "size": (1280, 720), **(main or {})}
        # Unless it is told otherwise, the raw size follows the main one.
        return {
            "main": main,
            "raw": {"size": main["size"], **(raw or {})},
            "controls": controls or {},
        }

    def configure(self, configuration: dict[str, Any]) -> None:
        self._need("open")
        main = dict(configuration["main"])
        if any(side % 2 for side in main["size"]):
            raise RuntimeError("width and height should be even")
        if main["size"][0] > self._sensor.size[0]:
            raise RuntimeError("Configuration not valid")
        raw = main["size"] if self.trouble.ignores_raw else configuration["raw"]["size"]
        self.mode = min(self._sensor.modes, key=lambda m: _misfit(m, raw))
        main["format"] = self.trouble.format or main["format"]
        main["size"] = self.trouble.size or main["size"]
        self._configuration = {"main": main, "raw": {"size": self.mode.size}}
        self.camera_properties["ScalerCropMaximum"] = self.mode.crop
        self.camera_controls["FrameDurationLimits"] = (round(1e6 / self.mode.fps), 10**8, 33333)
        x, y, across, down = self.mode.crop
        scale = min(across / main["size"][0], down / main["size"][1])
        w, h = round(scale * main["size"][0]), round(scale * main["size"][1])
        self.scaler_crop = (x + (across - w) // 2, y + (down - h) // 2, w, h)

    def camera_configuration(self) -> dict[str, Any]:
        return self._configuration

    def start(self) -> None:
        self._need("open")
        self.state = "running"

    def capture_request(self) -> Request:
        self._need("running")
        if not self.buffers.acquire(timeout=0.0) or self._hangs():
            self._cancelled.wait()
            raise RuntimeError("the request was cancelled")
        time.sleep(_IMAGE_S)
        self._images += 1
        width, height = self._configuration["main"]["size"]
        image = np.empty((height, width, 3), np.uint8)
        image[:] = (255, 0, 0)  # BGR888 is R, G, B in memory
        image[..., 0] -= (150 * np.arange(height) // height).astype(np.uint8)[:, None]  # lit above
        image[0] = self._random.integers(0, 255, (width, 3))
        return Request(self, image)

    def cancel_all_and_flush(self) -> None:
        if self.trouble.deaf:
            self.trouble.let_go.wait()
        self._cancelled.set()

    def stop(self) -> None:
        self.state = "open"

    def close(self) -> None:
        if self.trouble.deaf:
            self.trouble.let_go.wait()
        if self.trouble.close_error is not None:
            raise self.trouble.close_error
        if self.state == "closed":
            raise RuntimeError("closed twice")
        self.state = "closed"
        for end in self._pipe:
            os.close(end)
        self._module.held.release()

    def _hangs(self) -> bool:
        return self.trouble.hang_after is not None and self._images >= self.trouble.hang_after

    def _need(self, state: str) -> None:
        if self.state != state:
            self._refuse(state)

    def _refuse(self, state: str) -> NoReturn:
        raise RuntimeError(f"the camera is {self.state}, not {state}")


def _misfit(mode: Mode, raw: tuple[int, int]) -> float:
    """libcamera's score, as far as it matters: too small counts more than too large."""
    score = 0.0
    for have, want in zip(mode.size, raw, strict=True):
        score += (want - have) * 4.0 if have < want else (have - want) * 1.0
    return score + 1500.0 * abs(mode.size[0] / mode.size[1] - raw[0] / raw[1])
