"""picamera2 as it is: one holder, requests that never return, modes that crop, hidden causes."""

import logging
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from edge.core.config import CameraConfig
from edge.core.errors import DeviceError, StuckDeviceError
from edge.sources.camera import grabber, owner
from edge.sources.camera.grabber import GrabbedCamera, open_camera
from edge.sources.camera.picamera import Picamera2Backend
from tests.support.camera.strict_picamera2 import IMX219, IMX708, Sensor, strict_picamera2
from tests.support.waiting import LIMIT_S, until

CONFIG = CameraConfig(backend="picamera2", width=640, height=480, fps=15.0)
SMALL = replace(CONFIG, width=64, height=64)
DATA_SHEET_FX = 641.9  # what `posekernel config` works out for a Camera Module 3 at 640x480


@pytest.fixture
def picamera2(monkeypatch, request) -> Iterator[Any]:
    module = strict_picamera2(getattr(request, "param", IMX708))
    monkeypatch.setitem(sys.modules, "picamera2", module)
    monkeypatch.setattr(grabber, "_left_behind", [])
    yield module
    module.trouble.let_go.set()


@pytest.fixture
def stale(monkeypatch) -> Any:
    """Moves the watchdog's time on, which stands still otherwise: no machine is too slow."""

    class Clock:
        now_s = 100.0

        def monotonic(self) -> float:
            return self.now_s

    clock = Clock()
    monkeypatch.setattr(owner, "time", clock)
    monkeypatch.setattr(owner, "_ENDING_S", 0.05)

    def wait() -> None:
        clock.now_s += 10.0

    return wait


def camera_threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("camera-")]


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_images_have_mid_exposure_times_on_the_monotonic_clock(picamera2, monkeypatch) -> None:
    # A suspended machine: the two clocks are an hour apart. They stand still.
    now_ns, hour_ns = 7_000_000_000_000, 3_600_000_000_000
    monkeypatch.setattr(time, "monotonic_ns", lambda: now_ns)
    monkeypatch.setattr(time, "clock_gettime_ns", {time.CLOCK_BOOTTIME: now_ns + hour_ns}.get)
    backend = Picamera2Backend(replace(CONFIG, width=320, height=240))
    for _ in range(20):  # more than there are buffers
        t_ns, image = backend.grab()
    assert now_ns - t_ns == 5_000_000 + 4_000_000
    assert image.shape == (240, 320, 3)
    assert image[1, 0].tolist() == [255, 0, 0]
    backend.close()
    backend.close()
    assert picamera2.opened[-1].state == "closed"


def test_refusals_are_clear_and_let_the_camera_go(picamera2, monkeypatch) -> None:
    with pytest.raises(DeviceError, match=r"camera 1 did not open .*cameras here: 0 \(imx708\)"):
        open_camera(replace(CONFIG, device="1"))
    with pytest.raises(DeviceError, match="refused 8000x6000"):
        open_camera(replace(CONFIG, width=8000, height=6000))
    assert picamera2.opened[-1].state == "closed"
    with pytest.raises(DeviceError, match="needs the camera's number"):
        open_camera(replace(CONFIG, device="/dev/video0"))
    open_camera(SMALL).close()
    monkeypatch.setitem(sys.modules, "picamera2", None)
    with pytest.raises(DeviceError, match="apt install python3-picamera2"):
        open_camera(CONFIG)


def test_a_camera_that_hangs_50_times_gives_images_again_and_leaks_nothing(
    picamera2, stale
) -> None:
    picamera2.trouble.hang_after = 3
    camera = GrabbedCamera(lambda: Picamera2Backend(SMALL), back_off_s=(0.01,))
    files, threads = 0, []
    for hang in range(1, 51):
        assert until(lambda n=hang: camera.counters.frames == 3 * n)
        if hang == 2:
            files, threads = descriptors(), camera_threads()
        stale()
        assert until(lambda n=hang: camera.counters.reopened == n), camera.counters
    assert until(lambda: camera.counters.frames == 3 * 51)
    assert until(lambda: sorted(camera_threads()) == sorted(threads))
    assert descriptors() <= files  # fewer, where those of a test before were closed meanwhile
    assert "gave no frame" in camera.counters.last_error
    assert [c.state for c in picamera2.opened] == ["closed"] * 50 + ["running"]
    camera.close()
    assert until(lambda: not camera_threads())
    assert picamera2.opened[-1].state == "closed"


def test_five_seconds_are_enough_to_notice_a_hang_and_open_again() -> None:
    waits = grabber._STALE_S + grabber._LOOK_S + owner._ENDING_S + grabber._BACK_OFF_S[0]
    assert waits < 3.0  # the rest is the driver's
    assert grabber._STALE_S + grabber._RELEASE_S <= 5.0


def test_closing_a_camera_that_hangs_lets_it_go(picamera2) -> None:
    picamera2.trouble.hang_after = 2
    camera = open_camera(SMALL)
    assert until(lambda: camera.counters.frames == 2)
    camera.close()
    assert picamera2.opened[-1].state == "closed"
    open_camera(SMALL).close()


def test_a_camera_that_cannot_be_let_go_is_stuck(picamera2, stale) -> None:
    picamera2.trouble.hang_after = 2
    camera = GrabbedCamera(lambda: Picamera2Backend(SMALL), release_s=0.1)
    assert until(lambda: camera.counters.frames == 2)
    camera.read(0.0)
    picamera2.trouble.deaf = True
    stale()
    with pytest.raises(StuckDeviceError, match=r"gave no frame.*does not let go.*systemd starts"):
        camera.read(LIMIT_S)
    camera.close()
    with pytest.raises(StuckDeviceError, match="could not let go"):
        open_camera(SMALL)
    assert len(picamera2.opened) == 1, "nothing opens a camera that is held"


def test_a_camera_whose_closing_fails_is_stuck_and_says_why(picamera2, stale) -> None:
    picamera2.trouble.hang_after = 2
    picamera2.trouble.close_error = RuntimeError("Failed to release camera")
    camera = GrabbedCamera(lambda: Picamera2Backend(SMALL), release_s=0.1)
    assert until(lambda: camera.counters.frames == 2)
    camera.read(0.0)
    stale()
    with pytest.raises(StuckDeviceError, match="Failed to release camera"):
        camera.read(LIMIT_S)


def test_a_driver_that_never_opens_is_stuck_and_closes_what_comes_late(picamera2) -> None:
    picamera2.trouble.slow = True
    with pytest.raises(StuckDeviceError, match=r"did not open it within 0\.1 s"):
        GrabbedCamera(lambda: Picamera2Backend(SMALL), open_s=0.1)
    picamera2.trouble.let_go.set()
    assert until(lambda: picamera2.opened and picamera2.opened[-1].state == "closed")


def test_a_version_that_cannot_cancel_still_lets_the_camera_go(
    picamera2, stale, monkeypatch
) -> None:
    cancel = picamera2.Picamera2.cancel_all_and_flush
    monkeypatch.delattr("tests.support.camera.strict_picamera2._Camera.cancel_all_and_flush")
    picamera2.trouble.hang_after = 2
    camera = GrabbedCamera(lambda: Picamera2Backend(SMALL), back_off_s=(0.01,))
    assert until(lambda: camera.counters.frames == 2)
    stale()
    assert until(lambda: camera.counters.frames == 4)
    camera.close()
    for opened in picamera2.opened:
        cancel(opened)


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (
            {"busy": True},
            r"Device or resource busy\): another program uses it; end it: `sudo fuser",
        ),
        (
            {"error": PermissionError(13, "Permission denied", "/dev/media0")},
            r"this user may not; `sudo usermod -aG video",
        ),
        ({"error": RuntimeError("Camera(s) not found")}, r"no camera was found; check its cable"),
        ({"error": RuntimeError("front end is odd")}, r"front end is odd\); check its cable"),
    ],
    ids=["busy", "permission", "none", "other"],
)
def test_each_cause_has_its_own_remedy(picamera2, trouble, words, monkeypatch) -> None:
    monkeypatch.setattr("edge.sources.remedies.device_holders", lambda _: [])
    for name, value in trouble.items():
        setattr(picamera2.trouble, name, value)
    with pytest.raises(DeviceError, match=r"sequence did not complete: .*" + words):
        open_camera(CONFIG)


def test_two_cannot_hold_one_camera_and_the_second_hears_who_does(picamera2, monkeypatch) -> None:
    first = open_camera(SMALL)
    with pytest.raises(DeviceError, match="another program uses it"):
        open_camera(SMALL)
    first.close()
    open_camera(SMALL).close()


@pytest.mark.parametrize(
    ("picamera2", "size", "mode"),
    [
        (IMX708, (640, 480), (2304, 1296)),
        (IMX708, (1536, 864), (2304, 1296)),
        (IMX219, (640, 480), (1640, 1232)),
        (IMX219, (1920, 1080), (3280, 2464)),
    ],
    indirect=["picamera2"],
)
def test_the_sensors_mode_that_shows_everything_is_asked_for(picamera2, size, mode) -> None:
    backend = Picamera2Backend(replace(CONFIG, width=size[0], height=size[1]))
    assert picamera2.opened[-1].mode.size == mode
    assert backend.facts.sensor_size == picamera2.opened[-1].camera_properties["PixelArraySize"]
    backend.close()


def test_without_a_list_of_modes_half_the_sensors_size_is_asked_for(picamera2, monkeypatch) -> None:
    monkeypatch.setattr("tests.support.camera.strict_picamera2._Camera.sensor_modes", [])
    backend = Picamera2Backend(CONFIG)
    assert picamera2.opened[-1].mode.size == (2304, 1296)
    backend.close()


def open_and_note(fx: float, config: CameraConfig = CONFIG) -> list[str]:
    camera = open_camera(config, fx)
    assert camera.read(LIMIT_S) is not None
    camera.close()
    return camera.notes


def test_a_focal_length_that_the_crop_contradicts_is_told(picamera2, caplog) -> None:
    assert open_and_note(DATA_SHEET_FX) == []
    picamera2.trouble.ignores_raw = True
    (note,) = open_and_note(DATA_SHEET_FX)
    assert "rig.camera.fx is 641.9" in note
    assert "2304x1728 of its 4608x2592 pixels) has about 940" in note
    assert note in caplog.text
    assert open_and_note(963.0) == []


@pytest.mark.parametrize("picamera2", [IMX219], indirect=True)
def test_another_camera_than_the_boards_profile_means_is_told(picamera2) -> None:
    assert "this camera (imx219" in open_and_note(DATA_SHEET_FX)[0]
    assert open_and_note(529.0) == []


@pytest.mark.parametrize("picamera2", [Sensor("imx477", IMX708.size, IMX708.modes)], indirect=True)
def test_a_crop_behind_an_unknown_lens_is_told(picamera2) -> None:
    assert open_and_note(500.0) == []
    picamera2.trouble.ignores_raw = True
    assert "shows only a part of its sensor" in open_and_note(500.0)[0]


def test_a_mode_slower_than_asked_is_told(picamera2) -> None:
    fast = replace(CONFIG, width=4608, height=2592, fps=60.0)
    backend = Picamera2Backend(fast)
    told = grabber.differences(backend.facts, fast, None)
    backend.close()
    assert "60 were asked for" in told[0]


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        ({"format": "RGB888"}, "gives RGB888 images, but BGR888 is needed"),
        ({"size": (624, 480)}, "gives 624x480 images"),
    ],
    ids=["format", "size"],
)
def test_a_driver_that_gives_something_else_is_refused(picamera2, trouble, words) -> None:
    for name, value in trouble.items():
        setattr(picamera2.trouble, name, value)
    with pytest.raises(DeviceError, match=words):
        open_camera(CONFIG)
    assert picamera2.opened[-1].state == "closed"


def test_the_log_names_a_hang_once(picamera2, stale, caplog) -> None:
    picamera2.trouble.hang_after = 1
    with caplog.at_level(logging.WARNING):
        camera = GrabbedCamera(lambda: Picamera2Backend(SMALL), back_off_s=(0.01,))
        assert until(lambda: camera.counters.frames == 1)
        stale()
        assert until(lambda: camera.counters.reopened == 1)
        camera.close()
    assert caplog.text.count("it is opened again") == 1
