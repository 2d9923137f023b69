"""Doctor names what is wrong, and hides nothing."""

import json
import sys
from pathlib import Path

import msgspec
import pytest

from edge.__main__ import main
from edge.behaviour.mounting.kept_height import KeptHeight
from edge.core.calibration_file import LoudnessPart, write_calibration
from edge.core.config import load_config
from edge.sensor.plan import make_plan
from edge.sources.session.reader import DEMO_SESSION
from edge.tools.calibration.flow import new_calibration
from edge.tools.calibration.takes import take_from_session
from edge.tools.doctor.finding import Scope
from edge.tools.doctor.settings import camera_height, loudness
from tests.support.broker.mosquitto import free_port
from tests.support.config_files import GOOD, REPLAY, write
from tests.support.waiting import finished


def test_doctor_reports_everything_and_the_worst_decides(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["doctor", "--json"]) == 0
    found = {f["check"]: f for f in json.loads(capsys.readouterr().out)}
    assert found["model movenet_thunder_int8.tflite"]["outcome"] == "ok"
    config = tmp_path / "config.toml"
    config.write_text(REPLAY.format(path=tmp_path / "none", port=free_port()))
    assert main(["doctor", "--config", str(config)]) == 1
    text = capsys.readouterr().out
    assert "ERROR    session" in text
    assert "ERROR    broker" in text
    assert "nothing listens there" in text


def test_doctor_survives_a_package_that_cannot_be_loaded() -> None:
    without = "import sys; sys.modules['cv2'] = None; from edge.__main__ import main; "
    done = finished([sys.executable, "-c", f"{without}sys.exit(main(['doctor']))"])
    assert done.returncode == 1
    assert "OK       numpy" in done.stdout
    assert "ERROR    posekernel" in done.stdout
    assert "cv2" in done.stdout
    assert "Traceback" not in done.stderr


def test_doctor_says_how_loud_it_is_and_whether_that_is_a_guess(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    (finding,) = loudness(Scope(path, load_config(path)))
    assert (finding.outcome, "without a budget" in finding.found) == ("ok", True)
    discreet = GOOD.replace("[excitation]", '[sound]\nmode = "discreet"\n[excitation]')
    path = write(tmp_path, discreet)
    (finding,) = loudness(Scope(path, load_config(path)))
    assert finding.outcome == "warning"
    assert finding.found == "never measured, a guess: 67 dB(A) +- 8 at 1 m at -20 dBFS"
    assert "--phone-dba" in finding.remedy
    take = take_from_session(DEMO_SESSION)
    calibration = new_calibration(take, take.map, "kitchen", "")
    path = write(tmp_path, f'{discreet}[calibration]\nfile = "{tmp_path / "c.toml"}"\n')
    for full_scale, outcome, said in (
        (88.0, "ok", "67 dB(A) +- 1 at 1 m at -20 dBFS"),
        (68.0, "warning", "less than the 55 that sound.peak_dba allows"),
    ):
        part = LoudnessPart(full_scale, 1.2, "array", -20.0, full_scale - 21.0, 66.0)
        known = msgspec.structs.replace(calibration, loudness=part)
        write_calibration(tmp_path / "c.toml", known)
        (finding,) = loudness(Scope(path, load_config(path)))
        assert finding.outcome == outcome
        assert said in finding.found


def test_doctor_says_where_people_stood_off_the_floor_as_the_sensor_ran(tmp_path: Path) -> None:
    state = f'[runtime]\nstate_dir = "{tmp_path}"\n'
    path = write(tmp_path, GOOD + state)
    config = load_config(path)
    assert camera_height(Scope(path, config)) == []
    rig = make_plan(config).rig
    assert rig.camera.height_m is not None
    kept = tmp_path / "kitchen.height.json"
    KeptHeight(kept, rig).keep(0.25)
    (finding,) = camera_height(Scope(path, config, hardware=False))
    assert finding.outcome == "warning"
    assert "stand about 25 cm above the floor" in finding.found
    assert "posekernel setup --only mounting" in finding.remedy
    assert f"their feet say about {rig.camera.height_m - 0.25:.2f} m" in finding.remedy
    kept.write_text("damaged")
    (finding,) = camera_height(Scope(path, config))
    assert f"{kept} cannot be used" in finding.found
    assert kept.read_text() == "damaged", "only the sensor replaces it"
    KeptHeight(kept, rig).keep(0.25)
    measured_again = write(tmp_path, f"{GOOD}{state}".replace("height_m = ", "height_m = 0.9 # "))
    assert camera_height(Scope(measured_again, load_config(measured_again))) == []
