"""The calibration file: written, read, refused where it does not fit, applied."""

import re
import tomllib

import msgspec
import numpy as np
import pytest

from edge.__main__ import main
from edge.core.calibration_file import (
    IntrinsicsPart,
    LoudnessPart,
    MountingPart,
    SoundPart,
    Step,
    load_calibration,
    write_calibration,
)
from edge.core.config import CalibrationConfig, Config, DeviceConfig
from edge.core.errors import ConfigError
from edge.core.rig import Camera, Rig
from edge.sensor.apply_calibration import apply_calibration, loudness_of, misfit, sensitivity_of
from edge.sound.deconvolution import Correction, Deconvolver
from edge.sound.excitation import make_excitation
from edge.sound.loudness import NOMINAL, Loudness
from edge.sources.session.reader import DEMO_SESSION
from edge.tools.calibration.flow import new_calibration
from edge.tools.calibration.takes import take_from_session
from edge.tools.doctor.examination import examine

SOUND = SoundPart(
    drift_ppm=0.1,
    delay_s=0.001,
    gain_db=(0.0, 6.0, 0.0, -6.0),
    deviation_mm=(0.0, 0.1, 0.0, 0.0),
    level_dbfs=(-20.0, -20.0, -20.0, -20.0),
    carried_hz=(2000.0, 7500.0),
    measured_hz=(2000.0, 7500.0),
    distance_mm=(100.0, 110.0, 120.0, 110.0),
    profile_mm=(100.0, 110.0, 120.0, 110.0),
    places=4,
)
MOUNTING = MountingPart(height_m=1.4, tilt_deg=12.0, roll_deg=-1.0, error_px=1.0)


@pytest.fixture(scope="module")
def take():
    return take_from_session(DEMO_SESSION)


@pytest.fixture
def calibration(take):
    return msgspec.structs.replace(
        new_calibration(take, take.map, "hall", "respeaker-usb-v2"), sound=SOUND, mounting=MOUNTING
    )


def test_a_file_is_read_as_it_was_written(tmp_path, calibration):
    whole = msgspec.structs.replace(
        calibration,
        steps=(Step("clock", "ok", "both alike"), Step("room", "open", "too short", "wait")),
    )
    write_calibration(tmp_path / "c.toml", whole)
    assert load_calibration(tmp_path / "c.toml") == whole
    text = (tmp_path / "c.toml").read_text()
    assert whole.created in text.splitlines()[0]
    assert "SIMULATED" in text.splitlines()[1]
    assert "Not decided yet: room;" in text
    assert tomllib.loads(text)["mounting"]["tilt_deg"] == 12.0


def test_a_missing_or_damaged_file_is_one_sentence(tmp_path, calibration):
    with pytest.raises(ConfigError, match="no such file; make it with `posekernel calibrate`"):
        load_calibration(tmp_path / "none.toml")
    write_calibration(tmp_path / "c.toml", calibration)
    text = (tmp_path / "c.toml").read_text()
    for broken in (
        "",
        text.replace("drift_ppm = 0.1", "drift_ppm = nan"),
        text.replace("-calibration-1", "-calibration-9"),
        "[[",
    ):
        (tmp_path / "c.toml").write_text(broken)
        with pytest.raises(ConfigError, match="calibrate again"):
            load_calibration(tmp_path / "c.toml")
    with pytest.raises(ConfigError, match="--out"):
        write_calibration(tmp_path / "nowhere" / "c.toml", calibration)


def config_with(tmp_path, calibration, array=""):
    """A configuration that replays the demo session with this calibration."""
    write_calibration(tmp_path / "c.toml", calibration)
    (tmp_path / "config.toml").write_text(
        f"""
[device]
id = "hall"
[source]
kind = "replay"
path = "{DEMO_SESSION}"
realtime = false
[mqtt]
enabled = false
[calibration]
file = "{tmp_path / "c.toml"}"
array = "{array}"
[runtime]
state_dir = "{tmp_path}"
"""
    )
    return tmp_path / "config.toml"


def run_with(tmp_path, calibration, capsys, array=""):
    """`posekernel run` on the demo session with this calibration: exit code and stderr."""
    code = main(
        ["run", "--config", str(config_with(tmp_path, calibration, array)), "--seconds", "0.1"]
    )
    return code, capsys.readouterr().err


def test_run_refuses_a_calibration_of_another_rig(tmp_path, calibration, capsys):
    code, said = run_with(tmp_path, calibration, capsys, array="respeaker-xvf3800")
    assert code == 2
    assert "for the array respeaker-usb-v2, but calibration.array is respeaker-xvf3800; " in said
    assert "calibrate this rig" in said
    assert "Traceback" not in said


def test_doctor_reports_the_calibration(tmp_path, calibration):
    def row(calibration, array=""):
        findings = examine(config_with(tmp_path, calibration, array), hardware=False)
        return next(f for f in findings if f.check == "calibration")

    assert row(calibration).outcome == "ok"
    weak = row(
        msgspec.structs.replace(
            calibration,
            steps=(Step("clock", "ok", "both alike"), Step("room", "open", "too short", "wait")),
        )
    )
    assert (weak.outcome, "but: room open" in weak.found) == ("warning", True)
    wrong = row(calibration, "respeaker-xvf3800")
    assert (wrong.outcome, "calibrate this rig" in wrong.remedy) == ("error", True)
    (tmp_path / "device.toml").write_text(
        """
[device]
id = "hall"
[mqtt]
enabled = false
[rig]
speakers_m = [[0.1, 0, 0]]
mics_m = [[0, 0, 0], [0.1, 0.1, 0], [0, 0.1, 0], [0, 0, 0.1]]
[rig.camera]
fx = 520
fy = 520
cx = 320
cy = 240
"""
    )
    none = next(
        f for f in examine(tmp_path / "device.toml", hardware=False) if f.check == "calibration"
    )
    assert (none.outcome, "posekernel setup --only calibrate" in none.remedy) == ("warning", True)


def test_run_takes_a_calibration_of_its_rig(tmp_path, calibration, capsys):
    code, said = run_with(tmp_path, calibration, capsys, array="respeaker-usb-v2")
    assert code == 0, said


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"sample_rate_hz": 48000}, "made at 48000 Hz"),
        ({"mics_m": ((0.0, 0.0, 0.0),) * 3}, "for 3 microphones"),
        ({"mics_m": ((0.0, 0.0, 0.0),) * 4}, "mm from where it was then, by rig.mics_m"),
        ({"mic_channels": (2, 1, 3, 4)}, r"microphones on channels \[2, 1, 3, 4\]"),
        ({"reference_channel": -1}, "the loopback on -1"),
        ({"speakers_m": ((1.0, 0.0, 0.0),)}, "the loudspeaker is .* mm from where it was"),
    ],
)
def test_what_does_not_fit_is_said(take, calibration, change, reason):
    other = msgspec.structs.replace(
        calibration, rig=msgspec.structs.replace(calibration.rig, **change)
    )
    assert re.search(reason, misfit(other, "", take.rig, take.excitation, take.map, "simulated"))


def test_a_fault_a_simulation_and_a_band_that_is_not_carried_are_refused(take, calibration):
    fits = lambda c, kind="simulated", x=take.excitation: misfit(c, "", take.rig, x, take.map, kind)  # noqa: E731
    assert fits(calibration) == ""
    assert "real device" in fits(calibration, "device")
    bad = msgspec.structs.replace(
        calibration, steps=(Step("order", "fault", "channels 1 and 2 are swapped", "", "swapped"),)
    )
    assert "channels 1 and 2 are swapped" in fits(bad)
    dull = msgspec.structs.replace(
        calibration, sound=msgspec.structs.replace(SOUND, carried_hz=(2000.0, 4000.0))
    )
    assert "carries 2000 to 4000 Hz" in fits(dull)
    lens = IntrinsicsPart(1, 1, 500.0, 500.0, 1.0, 1.0, (0.0, 0.0, 0.0, 0.0, 0.0), 0.1, 9, 0.9)
    assert "1 x 1 pixels" in fits(msgspec.structs.replace(calibration, intrinsics=lens))


def test_what_was_measured_is_applied(tmp_path, take, calibration):
    camera = take.rig.camera
    lens = IntrinsicsPart(
        camera.width,
        camera.height,
        512.0,
        513.0,
        300.0,
        200.0,
        (0.1, 0.0, 0.0, 0.0, 0.0),
        0.1,
        9,
        0.9,
    )
    write_calibration(tmp_path / "c.toml", msgspec.structs.replace(calibration, intrinsics=lens))
    config = Config(DeviceConfig("hall"), calibration=CalibrationConfig(str(tmp_path / "c.toml")))
    rig, correction = apply_calibration(config, take.rig, take.excitation, take.map, "simulated")
    assert (rig.camera.height_m, rig.camera.tilt_deg, rig.camera.roll_deg) == (1.4, 12.0, -1.0)
    assert (rig.camera.fx, rig.camera.cy, rig.camera.distortion[0]) == (512.0, 200.0, 0.1)
    assert correction.delay_s == 0.001
    assert correction.gains == pytest.approx((1.0, 1.995, 1.0, 0.501), abs=1e-3)


def test_delay_and_gains_are_taken_out():
    x = make_excitation(16000, (2000.0, 7500.0), 0.1, -20.0)
    rig = Rig(
        np.zeros((1, 3)),
        np.array([[0.1, 0, 0], [0.2, 0, 0]]),
        np.array([[0, 0], [0, 1]]),
        Camera(64, 48, 50, 50, 32, 24),
        343.0,
    )
    f = np.fft.rfftfreq(1600, 1 / 16000)
    late, gains = 0.00123, (1.0, 2.0)
    heard = [
        g * np.fft.irfft(np.fft.rfft(x.samples) * np.exp(-2j * np.pi * f * (0.002 + late)))
        for g in gains
    ]
    heard = np.array(heard, np.float32)
    plain = np.abs(Deconvolver(x, rig)(heard, x.samples))
    right = np.abs(Deconvolver(x, rig, correction=Correction(late, gains))(heard, x.samples))
    assert right.argmax(axis=1).tolist() == [32, 32]  # 2 ms
    assert plain.argmax(axis=1).tolist() == [52, 52]
    assert right.max(axis=1) == pytest.approx([1.0, 1.0], abs=0.02)
    with pytest.raises(ConfigError, match="3 gains"):
        Deconvolver(x, rig, correction=Correction(0.0, (1.0, 1.0, 1.0)))


IMPOSSIBLE = {
    "no gains": ({"sound": {"gain_db": ()}}, "sound.gain_db: found 0 values, but there are 4"),
    "a gain of 200 dB": (
        {"sound": {"gain_db": (0.0, 200.0, 0.0, -200.0)}},
        "sound.gain_db: found 200",
    ),
    "a delay of 0.5 s": ({"sound": {"delay_s": 0.5}}, "sound.delay_s: found 0.5"),
    "a carried band of 1 Hz": (
        {"sound": {"carried_hz": (2000.0, 2001.0)}},
        "sound.carried_hz: .* 1 Hz wide",
    ),
    "on the floor": ({"mounting": {"height_m": 0.0}}, "mounting.height_m: found 0"),
    "14 m high": ({"mounting": {"height_m": 14.0}}, "mounting.height_m: found 14"),
}


@pytest.mark.parametrize("kind", IMPOSSIBLE)
def test_what_no_device_measures_is_refused(tmp_path, calibration, kind):
    change, words = IMPOSSIBLE[kind]
    parts = {
        name: msgspec.structs.replace(getattr(calibration, name), **values)
        for name, values in change.items()
    }
    write_calibration(tmp_path / "c.toml", msgspec.structs.replace(calibration, **parts))
    with pytest.raises(ConfigError, match=words):
        load_calibration(tmp_path / "c.toml")


def test_intrinsics_of_another_image_size_are_refused(tmp_path, calibration):
    part = IntrinsicsPart(
        640, 480, 520.0, 520.0, 960.0, 540.0, (0.0, 0.0, 0.0, 0.0, 0.0), 0.3, 20, 0.8
    )
    write_calibration(tmp_path / "c.toml", msgspec.structs.replace(calibration, intrinsics=part))
    with pytest.raises(ConfigError, match=r"intrinsics\.cx: found 960"):
        load_calibration(tmp_path / "c.toml")


def test_the_loudness_is_that_of_the_calibration_or_a_guess(tmp_path, calibration):
    path = tmp_path / "c.toml"
    config = Config(
        device=DeviceConfig("hall"), calibration=CalibrationConfig(str(path), "respeaker-usb-v2")
    )
    write_calibration(path, calibration)
    assert loudness_of(config) == NOMINAL
    assert loudness_of(Config(device=DeviceConfig("hall"))) == NOMINAL
    for method, source in (("array", "measured"), ("aside", "measured"), ("phone", "phone")):
        part = LoudnessPart(86.5, 1.2, method, -20.0, 65.3, 64.7, 2.0)
        write_calibration(path, msgspec.structs.replace(calibration, loudness=part))
        assert loudness_of(config) == Loudness(86.5, 1.2, source)
    assert sensitivity_of(config) == -26.0
    assert sensitivity_of(Config(device=DeviceConfig("hall"))) is None
