"""Doctor names what is wrong with a camera or a sound card's name, and only that."""

import sys
from pathlib import Path
from typing import Any

import pytest

from edge.core.config import load_config
from edge.sources.camera import grabber
from edge.tools.doctor import devices
from edge.tools.doctor.finding import Finding
from tests.support.camera.strict_picamera2 import IMX219, IMX708, strict_picamera2
from tests.support.config_files import GOOD, write

PI = GOOD.replace('"v4l2"\ndevice = "/dev/video0"', '"picamera2"').replace("520.0", "641.9")


@pytest.fixture
def picamera2(monkeypatch, request) -> Any:
    module = strict_picamera2(getattr(request, "param", IMX708))
    monkeypatch.setitem(sys.modules, "picamera2", module)
    monkeypatch.setattr(grabber, "_left_behind", [])
    monkeypatch.setattr(devices, "seen_problems", lambda *_: [])  # people have their own tests
    return module


def look(tmp_path: Path, text: str = PI) -> list[Finding]:
    return devices._camera(load_config(write(tmp_path, text)), [])


def test_nothing_is_said_of_a_good_camera(picamera2, tmp_path) -> None:
    assert look(tmp_path) == [Finding("camera", "ok", "picamera2: 640x480")]
    assert picamera2.opened[-1].state == "closed"


def test_a_focal_length_that_does_not_fit_is_a_warning_with_the_right_one(
    picamera2, tmp_path
) -> None:
    (finding,) = look(tmp_path, PI.replace("641.9", "963.0"))
    assert finding.outcome == "warning"
    assert "rig.camera.fx is 963" in finding.found
    assert "about 627 pixels" in finding.found
    assert finding.remedy == "set fx and fy to that, or calibrate the camera"


@pytest.mark.parametrize("picamera2", [IMX219], indirect=True)
def test_another_lens_than_the_profiles_is_a_warning(picamera2, tmp_path) -> None:
    assert "about 529.6 pixels" in look(tmp_path)[0].found


def test_a_camera_in_use_names_its_cause_and_not_the_cable(
    picamera2, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr("edge.sources.remedies.device_holders", lambda _: [])
    picamera2.trouble.busy = True
    (finding,) = look(tmp_path)
    assert finding.outcome == "error"
    assert "Device or resource busy): another program uses it" in finding.found
    assert finding.remedy.startswith("end it: `sudo fuser")
    assert "cable" not in str(finding)


def test_a_camera_that_hangs_at_once_is_let_go(picamera2, tmp_path, monkeypatch) -> None:
    picamera2.trouble.hang_after = 0
    monkeypatch.setattr(grabber.GrabbedCamera, "read", lambda *_: None)  # without the 5 s
    (finding,) = look(tmp_path)
    assert "no image came within 5 s" in finding.found
    assert picamera2.opened[-1].state == "closed"


def test_a_card_named_by_its_number_is_a_warning(tmp_path) -> None:
    (finding,) = devices._names(load_config(write(tmp_path, GOOD.replace('"hw:1"', '"hw:7"'))))
    assert finding.outcome == "warning"
    assert "changes with the order of starting" in finding.found
    assert finding.remedy == "use hw:CARD=NAME"
    named = GOOD.replace('"hw:1"', '"hw:CARD=ArrayUAC10"')
    assert devices._names(load_config(write(tmp_path, named))) == []
