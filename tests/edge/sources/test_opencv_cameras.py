"""V4L2 and GStreamer cameras through OpenCV, which neither raises nor says why."""

import errno
import os
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from msgspec.structs import replace

from edge.core.config import CameraConfig
from edge.core.errors import DeviceError
from edge.sources import remedies
from edge.sources.camera.facts import differences
from edge.sources.camera.grabber import open_camera
from edge.sources.camera.gstreamer import GStreamerBackend
from edge.sources.camera.v4l2 import V4l2Backend
from edge.sources.holders import Holder

CONFIG = CameraConfig(backend="v4l2", device="7", width=1280, height=720, fps=15.0)
YUYV, MJPG = (cv2.VideoWriter.fourcc(*name) for name in ("YUYV", "MJPG"))


class StrictCapture:
    """cv2.VideoCapture on a USB 2 camera: one may stream, sizes are those of a list, YUYV unless
    another format is asked for before the size, and a rate that the bus can carry.
    """

    formats = (YUYV, MJPG)
    sizes = ((640, 480), (1280, 720))
    channels = 3
    holder: "StrictCapture | None" = None
    gives = True

    def __init__(self, device: int | str, api: int) -> None:
        self.format, self.size, self.rate, self.time_ms = YUYV, self.sizes[0], 30.0, 0.0
        self.opened = StrictCapture.holder is None
        if self.opened:
            StrictCapture.holder = self

    def isOpened(self) -> bool:  # noqa: N802
        return self.opened

    def set(self, key: int, value: float) -> bool:
        if key == cv2.CAP_PROP_FOURCC:
            self.format = int(value) if int(value) in self.formats else self.format
        elif key == cv2.CAP_PROP_FRAME_WIDTH:
            self.size = min(self.sizes, key=lambda s: abs(s[0] - value))
        elif key == cv2.CAP_PROP_FRAME_HEIGHT:
            self.size = min(self.sizes, key=lambda s: abs(s[1] - value))
        elif key == cv2.CAP_PROP_FPS:
            self.rate = value
        return True

    def get(self, key: int) -> float:
        slow = self.format == YUYV and self.size[0] > 640
        return {
            cv2.CAP_PROP_FOURCC: self.format,
            cv2.CAP_PROP_FRAME_WIDTH: self.size[0],
            cv2.CAP_PROP_FRAME_HEIGHT: self.size[1],
            cv2.CAP_PROP_FPS: min(self.rate, 10.0) if slow else self.rate,
            cv2.CAP_PROP_POS_MSEC: self.time_ms,
        }.get(key, 0.0)

    def read(self):
        if not self.gives:
            return False, None
        self.time_ms = time.monotonic_ns() * 1e-6 - 30.0
        image = np.zeros((self.size[1], self.size[0], self.channels), np.uint8)
        image[..., 0] = 255
        return True, image

    def release(self) -> None:
        if StrictCapture.holder is self:
            StrictCapture.holder = None


@pytest.fixture
def capture(monkeypatch):
    monkeypatch.setattr(StrictCapture, "holder", None)
    monkeypatch.setattr(cv2, "VideoCapture", StrictCapture)
    monkeypatch.setattr(Path, "exists", lambda _: True)
    return StrictCapture


def told(backend: V4l2Backend | GStreamerBackend, config: CameraConfig = CONFIG) -> list[str]:
    backend.close()
    return differences(backend.facts, config, None)


def test_v4l2_takes_the_drivers_time_and_gives_rgb(capture, monkeypatch) -> None:
    backend = V4l2Backend(CONFIG)
    t_ns, image = backend.grab()
    assert t_ns == int(capture.holder.time_ms * 1e6)
    assert image[0, 0].tolist() == [0, 0, 255]
    monkeypatch.setattr(capture, "gives", False)
    with pytest.raises(DeviceError, match="stopped giving images"):
        backend.grab()
    backend.close()


def test_v4l2_asks_for_mjpg_and_so_gets_the_rate(capture) -> None:
    backend = V4l2Backend(CONFIG)
    assert (backend.facts.format, backend.facts.fps) == ("MJPG", 15.0)
    assert told(backend) == []


def test_v4l2_says_what_the_camera_cannot_do(capture, monkeypatch) -> None:
    monkeypatch.setattr(capture, "formats", (YUYV,))
    form, rate = told(V4l2Backend(CONFIG))
    assert "gives YUYV, MJPG was asked for" in form
    assert "gives 10 images per second at 1280x720, 15 were asked for" in rate
    with pytest.raises(DeviceError, match="gives 1280x720 images"):
        V4l2Backend(replace(CONFIG, width=1100, height=700))
    assert capture.holder is None, "what is refused is let go"


def test_images_without_colours_are_refused(capture, monkeypatch) -> None:
    monkeypatch.setattr(capture, "channels", 2)
    with pytest.raises(DeviceError, match="shape 720x1280x2, but three colours"):
        V4l2Backend(CONFIG).grab()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.EACCES, "this user may not; `sudo usermod -aG video"),
        (errno.EBUSY, r"another program uses it; end cheese \(process 42\)"),
        (errno.ENODEV, "it is not there; plug it in"),
        (0, r"another program uses it; end cheese \(process 42\)"),
    ],
    ids=["EACCES", "EBUSY", "ENODEV", "streaming"],
)
def test_a_v4l2_camera_that_does_not_open_names_the_cause(
    capture, monkeypatch, code, words
) -> None:
    held = V4l2Backend(CONFIG)

    def opened(*_: object) -> int:
        if code:
            raise OSError(code, os.strerror(code))
        return os.dup(0)

    monkeypatch.setattr(os, "open", opened)
    monkeypatch.setattr(remedies, "device_holders", lambda _: [Holder(42, "cheese")])
    with pytest.raises(DeviceError, match=words):
        V4l2Backend(CONFIG)
    held.close()


def test_absent_v4l2_cameras_are_refused(tmp_path) -> None:
    with pytest.raises(DeviceError, match=r"/dev/video99 does not exist \(video devices found: "):
        open_camera(CameraConfig(backend="v4l2", device="/dev/video99"))
    (tmp_path / "camera").touch()
    with pytest.raises(DeviceError, match="no video4linux device"):
        open_camera(CameraConfig(backend="v4l2", device=str(tmp_path / "camera")))


def test_gstreamer_needs_an_opencv_that_has_it(monkeypatch) -> None:
    monkeypatch.setattr(cv2.videoio_registry, "hasBackend", lambda _: False)
    with pytest.raises(DeviceError, match=r"JetPack's.*python3-opencv"):
        open_camera(CameraConfig(backend="gstreamer", device="videotestsrc ! appsink"))
    monkeypatch.setattr(cv2.videoio_registry, "hasBackend", lambda _: True)
    with pytest.raises(DeviceError, match="ends in an appsink"):
        open_camera(CameraConfig(backend="gstreamer", device="videotestsrc"))


def test_gstreamer_reads_back_what_the_pipeline_gives(capture, monkeypatch) -> None:
    monkeypatch.setattr(cv2.videoio_registry, "hasBackend", lambda _: True)
    config = replace(CONFIG, backend="gstreamer", device="v4l2src ! appsink")
    with pytest.raises(DeviceError, match="gives 640x480 images"):
        GStreamerBackend(config)
    assert capture.holder is None
    small = replace(config, width=640, height=480, fps=60.0)
    assert "30 images per second" in told(GStreamerBackend(small), small)[0]
    capture.holder = object()
    with pytest.raises(DeviceError, match="gst-launch-1"):
        GStreamerBackend(small)
