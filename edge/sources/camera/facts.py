"""What the driver says that it gives, compared with what was asked for."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from edge.core.config import CameraConfig

# Focal lengths in pixels of the whole sensor, from lens and pixel size: Raspberry Pi camera
# documentation (https://www.raspberrypi.com/documentation/accessories/camera.html).
_FOCAL_PX = {
    "imx708": 4.74e3 / 1.4,
    "imx708_noir": 4.74e3 / 1.4,
    "imx708_wide": 2.75e3 / 1.4,
    "imx708_wide_noir": 2.75e3 / 1.4,
    "imx219": 3.04e3 / 1.12,
    "ov5647": 3.60e3 / 1.4,
}
_FOCAL_SHARE = 0.1  # lenses and calibrations differ by less
_RATE_SHARE = 0.9
_WHOLE_SHARE = 0.95  # of the sensor's area


@dataclass(frozen=True, slots=True)
class CameraFacts:
    """Read back from an open camera; 0, "" and None where the driver does not say.

    fps: of this mode, at most. asked_format, format: FOURCC. sensor: its model. crop: width and
    height of the sensor's part that becomes the image [sensor px]. sensor_size: of all of it.
    """

    fps: float = 0.0
    asked_format: str = ""
    format: str = ""
    sensor: str = ""
    crop: tuple[int, int] | None = None
    sensor_size: tuple[int, int] | None = None

    def focal_px(self, width: int) -> float | None:
        """fx of an image of this width: the lens, cut by the crop; None for an unknown lens."""
        lens = _FOCAL_PX.get(self.sensor)
        return None if lens is None or self.crop is None else lens * width / self.crop[0]


def differences(facts: CameraFacts, config: CameraConfig, fx: float | None) -> list[str]:
    """Each thing that is other than asked: "what was found; remedy". fx: of the rig [px]."""
    told = []
    size = f"{config.width}x{config.height}"
    if facts.format and facts.asked_format and facts.format != facts.asked_format:
        told.append(
            f"the camera gives {facts.format}, {facts.asked_format} was asked for; no fault while "
            "its rate is as asked"
        )
    if config.fps and 0.0 < facts.fps < _RATE_SHARE * config.fps:
        told.append(
            f"the camera gives {facts.fps:.3g} images per second at {size}, {config.fps:g} were "
            "asked for; choose a smaller size, or set camera.fps to that"
        )
    focal = facts.focal_px(config.width)
    if focal is not None and fx is not None:
        if abs(fx / focal - 1.0) > _FOCAL_SHARE:
            told.append(
                f"rig.camera.fx is {fx:.4g}, but this camera ({facts.sensor}, {_seen(facts)}) has "
                f"about {focal:.4g} pixels at {size}: distances are wrong by as much; set fx and "
                "fy to that, or calibrate the camera"
            )
    elif facts.crop and facts.sensor_size and _cut(facts.crop, facts.sensor_size, config):
        told.append(
            f"the camera's mode shows only a part of its sensor ({_seen(facts)}): a focal length "
            "from a data sheet is too short; calibrate the camera in this mode"
        )
    return told


def fitted(crop: tuple[int, int], width: int, height: int) -> tuple[int, int]:
    """The largest part of `crop` that has the image's proportions: what libcamera takes."""
    scale = min(crop[0] / width, crop[1] / height)
    return round(scale * width), round(scale * height)


def whole_view(
    modes: Iterable[Mapping[str, Any]], width: int, height: int, fps: float
) -> tuple[int, int] | None:
    """Size of the smallest sensor mode that shows the whole sensor and is large and fast enough;
    None where the driver lists no mode. modes: picamera2's `sensor_modes`.

    Left to itself libcamera takes the mode nearest to the image's size, which may show only a part.
    """
    known = [m for m in modes if "crop_limits" in m and "size" in m]
    if not known:
        return None

    def shown(mode: Mapping[str, Any]) -> int:
        return int(mode["crop_limits"][2]) * int(mode["crop_limits"][3])

    def misfit(mode: Mapping[str, Any]) -> tuple[bool, bool, int]:
        across, down = mode["size"]
        small = across < width or down < height
        return mode.get("fps", fps) < 0.99 * fps, small, across * down

    most = max(map(shown, known))
    best = min((m for m in known if shown(m) >= _WHOLE_SHARE * most), key=misfit)
    return int(best["size"][0]), int(best["size"][1])


def _cut(crop: tuple[int, int], sensor: tuple[int, int], config: CameraConfig) -> bool:
    whole = fitted(sensor, config.width, config.height)
    return crop[0] < _WHOLE_SHARE * whole[0]


def _seen(facts: CameraFacts) -> str:
    crop = "x".join(map(str, facts.crop or ()))
    of = "x".join(map(str, facts.sensor_size or ()))
    return f"{crop} of its {of} pixels" if of else f"{crop} of its pixels"
