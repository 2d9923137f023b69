"""A camera that hangs, at the level of the process: the sensor goes on, or ends for systemd."""

import sys
from pathlib import Path

import pytest

from edge.sources.session.reader import DEMO_SESSION, load_session
from tests.support import ROOT
from tests.support.config_files import device_settings, write
from tests.support.waiting import finished

PROGRAM = """
import os, signal, sys, threading, time
from tests.support.camera.strict_picamera2 import strict_picamera2

module = sys.modules["picamera2"] = strict_picamera2()
module.trouble.hang_after, module.trouble.deaf = 5, {deaf}
module.Picamera2.__del__ = lambda self: self.state == "closed" or self.close()  # as the real one

def end_after_two_hangs():
    while len(module.opened) < 3:
        time.sleep(0.05)
    os.kill(os.getpid(), signal.SIGTERM)

threading.Thread(target=end_after_two_hangs, daemon=True).start()
from edge.__main__ import main

sys.exit(main())
"""


@pytest.fixture
def config(tmp_path: Path, alsa_card) -> Path:
    session = load_session(DEMO_SESSION)
    card = alsa_card(session.audio.reshape(-1, session.channels), 16000)
    settings = device_settings(session, card).replace('backend = "file"', 'backend = "picamera2"')
    settings = settings.replace(f'device = "{DEMO_SESSION / "frames.mp4"}"', "")
    text = f'[device]\nid = "a"\n[mqtt]\nenabled = false\n[source]\nkind = "device"\n{settings}'
    return write(tmp_path, text)


@pytest.mark.parametrize(
    "command", [["run"], ["record", "out", "--consent", "--seconds", "600"]], ids=["run", "record"]
)
def test_a_camera_that_cannot_be_let_go_ends_the_process_with_the_reason(
    config: Path, tmp_path: Path, command: list[str]
) -> None:
    command = [c.replace("out", str(tmp_path / "out")) for c in command]
    done = finished([sys.executable, "-c", PROGRAM.format(deaf=True), *command, "--config", config])
    assert done.returncode == 2, done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(f"posekernel {command[0]}: the camera gave no frame for")
    assert "its driver does not let go of it" in last
    assert "systemd starts the sensor again" in last
    assert "Traceback" not in done.stderr


def test_a_sensor_whose_camera_hangs_again_and_again_goes_on(config: Path) -> None:
    done = finished([sys.executable, "-c", PROGRAM.format(deaf=False), "run", "--config", config])
    assert done.returncode == 0, done.stderr
    assert "it is opened again" in done.stderr
    assert "camera 2" in done.stderr, "both hangs are counted"
    assert "Traceback" not in done.stderr


def test_the_unit_starts_a_sensor_that_ended_so_again_without_limit() -> None:
    unit = (ROOT / "deploy/debian/posekernel.service").read_text()
    assert {"Restart=always", "StartLimitIntervalSec=0"} <= set(unit.splitlines())
    assert "RestartPreventExitStatus" not in unit
