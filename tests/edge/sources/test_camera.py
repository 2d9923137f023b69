"""Camera back-ends: files in real time, cameras that go away or freeze, and clear refusals."""

import threading
import time

import cv2
import numpy as np
import pytest
from msgspec.structs import replace

from edge.core.config import CameraConfig
from edge.core.contracts import Frame
from edge.core.errors import DeviceError, EndOfStreamError
from edge.sources.camera import owner
from edge.sources.camera.facts import CameraFacts
from edge.sources.camera.grabber import GrabbedCamera, open_camera
from edge.sources.camera.video_file import FileBackend
from tests.support.camera.variable_rate import variable_rate_film
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


class FakeCamera:
    """A camera of 200 fps that does what `script` says after some frames: "lost", "freeze",
    "repeat" or "raise". turned: it does so now.
    """

    def __init__(self, script: str, frames: int = 5) -> None:
        self.script, self.left, self.facts = script, frames, CameraFacts()
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

    def cancel(self) -> bool:
        self.closed.set()
        return True

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
    monkeypatch.setattr(owner, "time", made)
    return made


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


def test_a_file_of_variable_rate_keeps_its_own_times(tmp_path) -> None:
    """60 images in 2 s, then 30 in 6 s, as telephones record them: the mean rate would be wrong."""
    path = variable_rate_film(tmp_path / "film.mp4", (96, 64), [(60, 1 / 30), (30, 0.2)])
    config = CameraConfig(backend="file", device=str(path), width=96, height=64, fps=0.0)
    backend = FileBackend(config)
    backend.cancel()  # not at its pace
    times_ns = [backend.grab()[0] for _ in range(90)]
    since_s = (np.array(times_ns) - times_ns[0]) * 1e-9
    assert since_s[30] == pytest.approx(1.0, abs=0.01)
    assert since_s[60] == pytest.approx(2.0, abs=0.01)
    assert since_s[80] == pytest.approx(6.0, abs=0.01)
    backend.close()
    again = FileBackend(replace(config, loop=True))
    again.cancel()
    times_ns = [again.grab()[0] for _ in range(200)]
    assert np.diff(times_ns).min() > 0
    assert (times_ns[150] - times_ns[90]) * 1e-9 == pytest.approx(2.0, abs=0.01)
    again.close()


def test_a_pause_in_a_file_is_no_fault(clock: Clock, tmp_path) -> None:
    path = variable_rate_film(tmp_path / "film.mp4", (96, 64), [(2, 1 / 30), (2, 60.0)])
    config = CameraConfig(backend="file", device=str(path), width=96, height=64, fps=0.0)
    camera = open_camera(config)
    assert until(lambda: camera.counters.frames == 3)
    clock.now_s += 60.0
    assert not until(lambda: camera.counters.reopened, 0.3)
    camera.close()


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
