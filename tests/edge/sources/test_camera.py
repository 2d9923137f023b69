"""Camera back-ends: files in real time, cameras that go away or freeze, and clear refusals."""

import sys
import threading
import time
import types
from pathlib import Path

import cv2
import numpy as np
import pytest
from msgspec.structs import replace

from edge.core.config import CameraConfig
from edge.core.contracts import Frame
from edge.core.errors import DeviceError, EndOfStreamError
from edge.sources.camera import grabber
from edge.sources.camera.grabber import GrabbedCamera, open_camera
from edge.sources.camera.picamera import Picamera2Backend
from edge.sources.camera.v4l2 import V4l2Backend
from tests.support.waiting import LIMIT_S, until

FPS = 50.0
FRAMES = 20


@pytest.fixture(scope="module")
def film(tmp_path_factory) -> CameraConfig:
    """A film of 20 red frames of rising brightness."""
    path = tmp_path_factory.mktemp("film") / "film.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), FPS, (96, 64))
    for i in range(FRAMES):
        writer.write(np.full((64, 96, 3), (0, 0, 10 * i + 40), np.uint8))
    writer.release()
    return CameraConfig(backend="file", device=str(path), width=96, height=64, fps=0.0)


def read_to_end(camera: GrabbedCamera) -> list[Frame]:
    seen = []
    while True:
        try:
            seen.append(camera.read(LIMIT_S))
        except EndOfStreamError:
            return seen
        assert seen[-1].t_ns <= time.monotonic_ns(), "it came before it was due"


def test_a_file_plays_in_real_time_in_rgb_and_ends(film) -> None:
    start_ns = time.monotonic_ns()
    camera = open_camera(film)
    seen = read_to_end(camera)
    camera.close()
    assert seen[0].t_ns >= start_ns
    assert camera.counters.frames == FRAMES
    assert len(seen) + camera.counters.dropped == FRAMES
    steps = np.diff([f.t_ns for f in seen]) / np.diff([f.index for f in seen])
    np.testing.assert_allclose(steps, 1e9 / FPS, rtol=1e-6)
    red, green, blue = seen[-1].image.reshape(-1, 3).mean(0)
    assert red > 200
    assert max(green, blue) < 20
    assert seen[0].image.dtype == np.uint8
    assert seen[0].image.shape == (64, 96, 3)


def test_a_slow_reader_gets_the_newest_and_the_rest_is_counted(film) -> None:
    camera = open_camera(film)
    assert until(lambda: camera.counters.frames == FRAMES)
    assert camera.read(0.0).index == FRAMES - 1
    with pytest.raises(EndOfStreamError, match="20 frames"):
        camera.read(LIMIT_S)
    assert camera.counters.dropped == FRAMES - 1
    camera.close()


def test_fps_overrides_the_file_and_loop_goes_on(film) -> None:
    camera = open_camera(replace(film, fps=200.0, loop=True))
    early = camera.read(LIMIT_S)
    assert until(lambda: camera.counters.frames > 1.5 * FRAMES)
    late = camera.read(LIMIT_S)
    camera.close()
    step_ns = (late.t_ns - early.t_ns) / (late.index - early.index)
    assert step_ns == pytest.approx(1e9 / 200.0, rel=1e-6)
    assert camera.read(0.1) is None


def test_close_does_not_wait_for_the_next_image_and_may_be_repeated(film) -> None:
    camera = open_camera(replace(film, fps=0.02))
    assert camera.read(LIMIT_S).index == 0
    start = time.monotonic()
    camera.close()
    camera.close()
    assert time.monotonic() - start < 25.0  # half of the time to the next image


def test_files_that_are_no_video_are_refused(tmp_path, film) -> None:
    with pytest.raises(DeviceError, match="does not exist"):
        open_camera(replace(film, device=str(tmp_path / "none.mp4")))
    (tmp_path / "bad.mp4").write_bytes(b"hello")
    with pytest.raises(DeviceError, match="holds no image"):
        open_camera(replace(film, device=str(tmp_path / "bad.mp4")))
    with pytest.raises(DeviceError, match=r"gives 96x64 images.*is 640x480"):
        open_camera(replace(film, width=640, height=480))


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


class FakeCapture:
    """OpenCV's VideoCapture on a working camera: `frames` images, then it fails."""

    taken_ms: list[float] = []  # noqa: RUF012

    def __init__(self, *_: object) -> None:
        self.properties = {cv2.CAP_PROP_POS_MSEC: 0.0}

    def isOpened(self) -> bool:  # noqa: N802
        return True

    def set(self, key: int, value: float) -> bool:
        self.properties[key] = value
        return True

    def get(self, key: int) -> float:
        return self.properties.get(key, 0.0)

    def read(self):
        self.properties[cv2.CAP_PROP_POS_MSEC] = time.monotonic_ns() * 1e-6 - 30.0
        self.taken_ms.append(self.properties[cv2.CAP_PROP_POS_MSEC])
        blue = np.zeros((480, 640, 3), np.uint8)
        blue[..., 0] = 255
        return True, blue

    def release(self) -> None:
        pass


def test_v4l2_takes_the_drivers_time_and_gives_rgb(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", FakeCapture)
    monkeypatch.setattr(Path, "exists", lambda _: True)
    backend = V4l2Backend(CameraConfig(backend="v4l2", device="7"))
    t_ns, image = backend.grab()
    assert t_ns == int(FakeCapture.taken_ms[-1] * 1e6)
    assert image[0, 0].tolist() == [0, 0, 255]
    monkeypatch.setattr(FakeCapture, "read", lambda self: (False, None))
    with pytest.raises(DeviceError, match="stopped giving images"):
        backend.grab()


def fake_picamera2(exposure_us: int = 8000) -> types.ModuleType:
    """picamera2's calls: BGR888 arrays are R, G, B; SensorTimestamp is CLOCK_BOOTTIME."""

    class Request:
        def __init__(self, size: tuple[int, int]) -> None:
            self.size, self.released = size, False

        def get_metadata(self) -> dict[str, int]:
            return {
                "SensorTimestamp": time.clock_gettime_ns(time.CLOCK_BOOTTIME) - 5_000_000,
                "ExposureTime": exposure_us,
            }

        def make_array(self, stream: str) -> np.ndarray:
            assert stream == "main"
            assert not self.released
            return np.full((self.size[1], self.size[0], 3), (255, 0, 0), np.uint8)

        def release(self) -> None:
            self.released = True

    class Picamera2:
        opened: "list[Picamera2]" = []  # noqa: RUF012
        requests: list[Request] = []  # noqa: RUF012

        def __init__(self, number: int) -> None:
            if number > 0:
                raise IndexError("list index out of range")
            self.state = "open"
            self.opened.append(self)

        def create_video_configuration(self, main: dict, controls: dict) -> dict:
            assert main["format"] == "BGR888"
            return {"main": main, "controls": controls}

        def configure(self, configuration: dict) -> None:
            if configuration["main"]["size"][0] > 4608:
                raise RuntimeError("Configuration not valid")
            self.size = configuration["main"]["size"]

        def start(self) -> None:
            self.state = "running"

        def capture_request(self) -> Request:
            assert self.state == "running"
            self.requests.append(Request(self.size))
            return self.requests[-1]

        def stop(self) -> None:
            self.state = "stopped"

        def close(self) -> None:
            self.state = "closed"

    module = types.ModuleType("picamera2")
    module.Picamera2 = Picamera2
    return module


def test_fake_picamera2_gives_mid_exposure_times_on_the_monotonic_clock(monkeypatch) -> None:
    module = fake_picamera2()
    monkeypatch.setitem(sys.modules, "picamera2", module)
    # A suspended machine: the two clocks are an hour apart. They stand still.
    now_ns, hour_ns = 7_000_000_000_000, 3_600_000_000_000
    monkeypatch.setattr(time, "monotonic_ns", lambda: now_ns)
    monkeypatch.setattr(time, "clock_gettime_ns", {time.CLOCK_BOOTTIME: now_ns + hour_ns}.get)
    backend = Picamera2Backend(CameraConfig(backend="picamera2", width=320, height=240, fps=30.0))
    t_ns, image = backend.grab()
    assert now_ns - t_ns == 5_000_000 + 4_000_000
    assert image.shape == (240, 320, 3)
    assert image[0, 0].tolist() == [255, 0, 0]
    assert all(r.released for r in module.Picamera2.requests)
    backend.close()
    assert module.Picamera2.opened[-1].state == "closed"


def test_fake_picamera2_refuses_clearly(monkeypatch) -> None:
    module = fake_picamera2()
    monkeypatch.setitem(sys.modules, "picamera2", module)
    with pytest.raises(DeviceError, match="camera 1 did not open"):
        open_camera(CameraConfig(backend="picamera2", device="1"))
    with pytest.raises(DeviceError, match="refused 8000x6000"):
        open_camera(CameraConfig(backend="picamera2", width=8000, height=6000))
    assert module.Picamera2.opened[-1].state == "closed"
    with pytest.raises(DeviceError, match="needs the camera's number"):
        open_camera(CameraConfig(backend="picamera2", device="/dev/video0"))
    monkeypatch.setitem(sys.modules, "picamera2", None)
    with pytest.raises(DeviceError, match="apt install python3-picamera2"):
        open_camera(CameraConfig(backend="picamera2"))


class FakeCamera:
    """A camera of 200 fps that does what `script` says after some frames: "lost", "freeze",
    "repeat" or "raise". turned: it does so now.
    """

    def __init__(self, script: str, frames: int = 5) -> None:
        self.script, self.left = script, frames
        self.turned, self.closed = threading.Event(), threading.Event()

    def grab(self):
        time.sleep(0.005)
        self.left -= 1
        if self.left < (-1 if self.script == "repeat" else 0):
            self.turned.set()
        if self.left < 0 and self.script == "lost":
            raise DeviceError("camera stopped giving images")
        if self.left < 0 and self.script == "raise":
            raise KeyError("SensorTimestamp")
        if self.left < 0 and self.script == "freeze":
            self.closed.wait(LIMIT_S)
            raise DeviceError("woke up too late")
        if self.left < 0 and self.script == "repeat":
            return time.monotonic_ns(), np.zeros((4, 4, 3), np.uint8)
        return time.monotonic_ns(), np.random.default_rng().integers(1, 255, (4, 4, 3), np.uint8)

    def close(self) -> None:
        self.closed.set()


class Clock:
    """The watchdog's time, which stands still unless a test moves it on."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(grabber, "time", made)
    return made


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("lost", "stopped giving"),
        ("raise", "SensorTimestamp"),
        ("freeze", "no frame for"),
        ("repeat", "repeats one image for"),
    ],
)
def test_a_camera_that_goes_away_or_freezes_is_opened_again(
    clock: Clock, script: str, why: str
) -> None:
    first, second = FakeCamera(script), FakeCamera("")
    line = iter([first, second])
    camera = GrabbedCamera(lambda: next(line), stale_s=2.0, back_off_s=(0.01,))
    seen = [camera.read(LIMIT_S)]
    assert first.turned.wait(LIMIT_S)
    if script in ("freeze", "repeat"):
        clock.now_s += 2.1
    while seen[-1].index <= 15:
        seen.append(camera.read(LIMIT_S))
    camera.close()
    assert camera.counters.reopened == 1
    assert why in camera.counters.last_error
    assert np.diff([f.index for f in seen]).min() >= 1
    assert np.diff([f.t_ns for f in seen]).min() > 0
    assert second.closed.wait(LIMIT_S)
    first.closed.set()


def test_a_file_may_repeat_an_image(clock: Clock) -> None:
    camera = GrabbedCamera(lambda: FakeCamera("repeat", frames=1), stale_s=2.0, live=False)
    while camera.read(LIMIT_S).index <= 15:
        clock.now_s += 0.9
    camera.close()
    assert camera.counters.reopened == 0


def test_a_camera_that_stays_away_is_tried_with_growing_pauses_and_close_does_not_wait() -> None:
    tries = []

    def open_again() -> FakeCamera:
        tries.append(time.monotonic())
        if len(tries) > 1:
            raise DeviceError("camera /dev/video0 does not exist")
        return FakeCamera("lost", frames=1)

    camera = GrabbedCamera(open_again, back_off_s=(0.02, 0.1, 0.3, 2.0 * LIMIT_S))
    assert until(lambda: len(tries) == 4)
    pauses = np.diff(tries)
    assert pauses[1] >= 0.09
    assert pauses[2] >= 0.29
    assert camera.counters.reopened == 0
    assert "does not exist" in camera.counters.last_error
    start = time.monotonic()
    camera.close()
    assert time.monotonic() - start < LIMIT_S, "it does not wait for the next try"
    assert len(tries) == 4


def test_a_camera_that_opens_but_never_gives_a_frame_is_noticed(clock: Clock) -> None:
    opened = []

    def open_again() -> FakeCamera:
        opened.append(FakeCamera("freeze", frames=0))
        return opened[-1]

    camera = GrabbedCamera(open_again, first_frame_s=6.0, back_off_s=(0.01, 2.0 * LIMIT_S))
    assert opened[0].turned.wait(LIMIT_S)
    assert not until(lambda: camera.counters.reopened, 0.3)
    clock.now_s += 6.1
    assert until(lambda: camera.counters.reopened)
    assert camera.counters.frames == 0
    for fake in opened:
        fake.closed.set()
    camera.close()
    assert camera.counters.reopened == 1
