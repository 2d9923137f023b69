"""GStreamer pipelines, as the Jetson's CSI cameras need them."""

import time

import cv2

from edge.core.arrays import Image
from edge.core.config import CameraConfig
from edge.core.errors import DeviceError
from edge.sources.camera.backend import check_opened, read, to_rgb
from edge.sources.camera.facts import CameraFacts


class GStreamerBackend:
    """config.device: a pipeline that ends in an appsink."""

    def __init__(self, config: CameraConfig) -> None:
        self._config = config
        if not cv2.videoio_registry.hasBackend(cv2.CAP_GSTREAMER):
            raise DeviceError(
                f"OpenCV {cv2.__version__} here is built without GStreamer, "
                "which camera.backend = 'gstreamer' needs: use "
                "JetPack's (apt install python3-opencv, and a venv with --system-site-packages "
                "without opencv-python-headless)"
            )
        if "appsink" not in config.device:
            raise DeviceError(
                f"camera.device {config.device!r} is no GStreamer pipeline that ends in an appsink"
            )
        self._capture = cv2.VideoCapture(config.device, cv2.CAP_GSTREAMER)
        if not self._capture.isOpened():
            self._capture.release()
            raise DeviceError(
                f"GStreamer pipeline {config.device!r} did not start: try it with gst-launch-1.0"
            )
        try:
            check_opened(self._capture, config)
        except DeviceError:
            self._capture.release()
            raise
        self.facts = CameraFacts(fps=max(self._capture.get(cv2.CAP_PROP_FPS), 0.0))

    def grab(self) -> tuple[int, Image]:
        """Next image; its time is that of arrival, as the appsink gives no other."""
        bgr = read(self._capture, "GStreamer pipeline")
        return time.monotonic_ns(), to_rgb(bgr, self._config)

    def cancel(self) -> bool:
        """OpenCV's read ends by itself, and must not be disturbed by another thread."""
        return False

    def close(self) -> None:
        """Stop the pipeline."""
        self._capture.release()
