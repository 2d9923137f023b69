"""Section [camera]: where images come from."""

from typing import Annotated, Literal

from msgspec import Meta

from edge.core.typed import Strict


class CameraConfig(Strict, frozen=True):
    """Back-end. device: /dev/video0 (v4l2), pipeline (gstreamer), path (file) or number."""

    backend: Literal["picamera2", "v4l2", "gstreamer", "file"] = "picamera2"
    device: str = ""
    width: Annotated[int, Meta(ge=64, le=8192)] = 640
    height: Annotated[int, Meta(ge=64, le=8192)] = 480
    fps: Annotated[float, Meta(ge=0.0, le=240.0)] = 15.0
    loop: bool = False
