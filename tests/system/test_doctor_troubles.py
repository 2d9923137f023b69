"""Twelve prepared troubles: `doctor` names each, and only it, in the words of a remedy. Of a good
rig it says nothing.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import pytest

from edge.core.calibration_file import MountingPart, write_calibration
from edge.sources.session.reader import DEMO_SESSION, load_session
from edge.tools.calibration.flow import new_calibration
from edge.tools.calibration.takes import take_from_session
from edge.tools.doctor.examination import examine
from edge.tools.doctor.finding import Finding
from tests.support.alsa_device import make_alsa_device
from tests.support.broker.mosquitto import Mosquitto, free_port, needs_mosquitto
from tests.support.camera.furnished_film import furnished_film
from tests.support.config_files import device_settings

pytestmark = needs_mosquitto
RATE = 16000
PI_CAMERA = """
import sys
from tests.support.camera.strict_picamera2 import strict_picamera2
module = strict_picamera2()
module.__spec__, module.trouble.busy = __spec__, {busy}
sys.modules["picamera2"] = module
"""


@dataclass
class Device:
    """A good rig before anything was spoiled. audio: (L, 6) int16 that the card hears; channels 1
    to 4 are the microphones. text: of its configuration, with a broker that asks for a password.
    """

    folder: Path
    audio: np.ndarray
    text: str
    calibration: Path
    film: Path
    patch: pytest.MonkeyPatch

    def replace(self, old: str, new: str) -> None:
        assert self.text.count(old) == 1, old
        self.text = self.text.replace(old, new)

    def with_pi_camera(self, *, busy: bool) -> None:
        """A Raspberry Pi's camera instead of the film."""
        packages = self.folder / "packages"
        packages.mkdir()
        (packages / "picamera2.py").write_text(PI_CAMERA.format(busy=busy))
        (packages / "simplejpeg.py").touch()
        self.patch.syspath_prepend(str(packages))
        self.patch.setenv("PYTHONPATH", str(packages))  # where the packages are tried
        self.patch.setitem(sys.modules, "picamera2", None)  # so that it is away afterwards, too
        self.patch.delitem(sys.modules, "picamera2")
        self.patch.setattr("edge.sources.remedies.device_holders", lambda _: [])
        self.replace('backend = "file"', 'backend = "picamera2"')
        self.replace(f'device = "{self.film}"', "")
        lines = self.text.splitlines()
        lens = {"fx =": "fx = 1166.0", "fy =": "fy = 1166.0"}  # of that camera
        self.text = "\n".join(lens.get(line[:4], line) for line in lines)


@pytest.fixture
def device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Device]:
    session = load_session(DEMO_SESSION)
    monkeypatch.chdir(Path(__file__).parents[2])
    take = take_from_session(DEMO_SESSION)
    calibration = msgspec.structs.replace(
        new_calibration(take, take.map, "hall", ""), source="device"
    )
    write_calibration(tmp_path / "calibration.toml", calibration)
    (tmp_path / "password").write_text("secret\n")
    (tmp_path / "password").chmod(0o600)
    card = make_alsa_device(tmp_path / "card", np.zeros((1, 6), np.int16), RATE, patient=True)
    monkeypatch.setenv("ALSA_CONFIG_PATH", card.env["ALSA_CONFIG_PATH"])
    film = furnished_film(DEMO_SESSION / "frames.mp4", tmp_path / "film.mp4")
    with Mosquitto(tmp_path / "broker", passwords={"hall": "secret"}) as broker:
        text = f"""
[device]
id = "hall"
{device_settings(session, card, looped=True, film=film)}
[mqtt]
host = "127.0.0.1"
port = {broker.port}
username = "hall"
password_file = "{tmp_path / "password"}"
[sensing]
ping = "always"
[calibration]
file = "{tmp_path / "calibration.toml"}"
[runtime]
state_dir = "{tmp_path / "state"}"
"""
        yield Device(
            *(tmp_path, np.array(session.audio), text),
            *(tmp_path / "calibration.toml", film, monkeypatch),
        )


def findings(device: Device) -> list[Finding]:
    """What doctor says that is not "ok"."""
    make_alsa_device(device.folder / "card", device.audio, RATE, one_clock=True, patient=True)
    config = device.folder / "config.toml"
    config.write_text(device.text)
    return [f for f in examine(config) if f.outcome != "ok"]


def dead_microphone(d: Device) -> None:
    d.audio[:, 2] = np.random.default_rng(0).integers(-1, 2, len(d.audio))


def soft_by_12_db(d: Device) -> None:
    d.audio[:, 2] = np.round(d.audio[:, 2] / 4.0)


def swapped_channels(d: Device) -> None:
    d.audio[:, [1, 3]] = d.audio[:, [3, 1]]


def copied_channel(d: Device) -> None:
    d.audio[:, 3] = d.audio[:, 1]


def clipped(d: Device) -> None:
    d.audio[:, 2] = np.clip(30.0 * d.audio[:, 2], -32768, 32767)


def hum(d: Device) -> None:
    wave = 0.06 * 32768 * np.sin(2 * np.pi * 50.0 * np.arange(len(d.audio)) / RATE)
    d.audio[:, 2] = np.clip(d.audio[:, 2] + wave, -32768, 32767)


def camera_in_use(d: Device) -> None:
    d.with_pi_camera(busy=True)


def camera_of_another_resolution(d: Device) -> None:
    d.replace("width = 540", "width = 1080")
    d.replace("height = 952", "height = 1904")


def wrong_card(d: Device) -> None:
    d.replace('capture = "posetest_capture"', 'capture = "hw:CARD=Other"')


def broker_refuses(d: Device) -> None:
    (d.folder / "password").write_text("other\n")


def calibration_in_centimetres(d: Device) -> None:
    text = d.calibration.read_text()
    mounting = MountingPart(height_m=14.0, tilt_deg=5.0, roll_deg=0.0, error_px=1.0)
    lines = [f"{k} = {v!r}" for k, v in msgspec.to_builtins(mounting).items()]
    d.calibration.write_text("\n".join([text, "[mounting]", *lines, ""]))


def state_folder_below_a_file(d: Device) -> None:
    d.replace(f'"{d.folder / "state"}"', f'"{d.calibration / "state"}"')


@dataclass(frozen=True)
class Named:
    """What doctor should say, once for each of `parts`."""

    check: str
    found: str
    remedy: str
    parts: tuple[str, ...] = ("",)


MIC = "microphone 1 (channel 2)"
TROUBLES: dict[Callable[[Device], None], Named] = {
    dead_microphone: Named("microphones", "is deaf", "check the cable", (MIC,)),
    soft_by_12_db: Named("microphones", "is too soft", "the same capture gain", (MIC,)),
    swapped_channels: Named(
        *("microphones", "seems exchanged with", "exchange the two in audio.mic_channels"),
        ("microphone 0 (channel 1)", "microphone 2 (channel 3)"),
    ),
    copied_channel: Named(
        *("microphones", "is a copy of microphone 0", "set audio.capture to the device itself"),
        ("microphone 2 (channel 3)",),
    ),
    clipped: Named("microphones", "is clipped", "lower the capture gain", (MIC,)),
    hum: Named("microphones", "hums", "use another supply", (MIC,)),
    camera_in_use: Named("camera", "another program uses it", "end it: `sudo fuser"),
    camera_of_another_resolution: Named("camera", "gives 540x952 images", "choose a mode"),
    wrong_card: Named("sound card", "under another name, sound cards here", "or set audio.capture"),
    broker_refuses: Named("broker", "password", "poses are computed all the same"),
    calibration_in_centimetres: Named("calibration", "mounting.height_m", "metres"),
    state_folder_below_a_file: Named("state folder", "cannot be written", "runtime.state_dir"),
}


@pytest.mark.parametrize("prepare", TROUBLES, ids=lambda p: p.__name__)
def test_doctor_names_a_trouble_and_only_it(
    device: Device, prepare: Callable[[Device], None]
) -> None:
    prepare(device)
    named, told = TROUBLES[prepare], findings(device)
    assert [f.check for f in told] == [named.check] * len(named.parts), told
    for part, finding in zip(named.parts, told, strict=True):
        assert part in finding.found
        assert named.found in finding.found, finding
        assert named.remedy in finding.remedy, finding


@pytest.mark.parametrize("pi_camera", [False, True], ids=["film", "picamera2"])
def test_doctor_says_nothing_of_a_good_rig(device: Device, pi_camera: bool) -> None:
    if pi_camera:
        device.with_pi_camera(busy=False)
    assert findings(device) == []


def test_a_broker_that_is_not_there_and_a_full_disk_are_named_too(device: Device) -> None:
    state = device.folder / "state"
    state.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(state)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small file system can be mounted by root only")
    lines = device.text.splitlines()
    device.text = "\n".join(f"port = {free_port()}" if x[:4] == "port" else x for x in lines)
    try:
        state_folder, broker = findings(device)
    finally:
        subprocess.run(["umount", str(state)], check=True)
    assert (state_folder.check, broker.check) == ("state folder", "broker")
    assert "is full" in state_folder.found
    assert "free space" in state_folder.remedy
    assert "nothing listens there" in broker.found
