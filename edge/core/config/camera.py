"""Section [camera]: where images come from."""

from dataclasses import dataclass

from edge.core.toml_fields import choice, limited


@dataclass(frozen=True)
class CameraConfig:
    """Camera back-end. device: /dev/video0 (v4l2), a pipeline (gstreamer), a path (file), a number
    (picamera2).
    """

    backend: str = choice("picamera2", ("picamera2", "v4l2", "gstreamer", "file"))
    device: str = ""
    width: int = limited(640, 64, 8192)
    height: int = limited(480, 64, 8192)
    fps: float = limited(15.0, 0.0, 240.0)
    loop: bool = False
