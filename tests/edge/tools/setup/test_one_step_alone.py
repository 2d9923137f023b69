"""One step of the setup alone: what it does not ask stays, and what no longer holds does not."""

from pathlib import Path

import pytest

from edge.core.calibration_file import (
    Calibration,
    IntrinsicsPart,
    MountingPart,
    RigPart,
    Step,
    load_calibration,
    write_calibration,
)
from edge.core.config import load_config, make_rig
from edge.sensor.plan import prepare
from edge.sources.session.reader import DEMO_SESSION
from edge.tools.setup.draft import Draft
from edge.tools.setup.step import Judgement
from edge.tools.setup.steps import chosen
from edge.tools.setup.steps.broker import BrokerAnswers
from edge.tools.setup.terminal import Terminal
from tests.support.broker.mosquitto import Mosquitto, needs_mosquitto

FILM = DEMO_SESSION / "frames.mp4"
MICS = [[-0.032, 0.06, 0.0], [0.0, 0.028, 0.0], [0.032, 0.06, 0.0], [0.0, 0.092, 0.0]]
CONFIG = f"""
device = {{ id = "hall" }}
mqtt = {{ enabled = false }}
[audio]
playback_channels = 2
[calibration]
array = "respeaker-usb-v2"
file = "FOLDER/calibration.toml"
[camera]
backend = "file"
device = "{FILM}"
width = 540
height = 952
fps = 12
loop = true
[rig]
speakers_m = [[0.10, 0.06, 0.0]]
mics_m = {MICS}
[rig.camera]
fx = 900
fy = 900
cx = 270
cy = 476
height_m = 1.4
tilt_deg = 5
roll_deg = 3
[sound]
budget_dba = 42
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A configuration with a calibration of lens and mounting."""
    lens = IntrinsicsPart(
        540, 952, 912.0, 912.0, 270.0, 476.0, (0.0, 0.0, 0.0, 0.0, 0.0), 0.3, 20, 0.8
    )
    calibration = Calibration(
        "posekernel-calibration-1",
        "2026-11-30T08:00:00+00:00",
        "0.1.0",
        "device",
        "hall",
        RigPart(
            sample_rate_hz=16000,
            channels=6,
            mic_channels=(1, 2, 3, 4),
            reference_channel=5,
            speakers_m=((0.1, 0.06, 0.0),),
            mics_m=tuple((x, y, z) for x, y, z in MICS),
            array="respeaker-usb-v2",
        ),
        intrinsics=lens,
        mounting=MountingPart(1.52, 12.5, 0.5, 0.8),
        steps=(Step("mounting", "ok", "by a walk"), Step("intrinsics", "ok", "20 images")),
    )
    write_calibration(tmp_path / "calibration.toml", calibration)
    config = tmp_path / "config.toml"
    config.write_text(CONFIG.replace("FOLDER", str(tmp_path)))
    prepare(load_config(config))
    return config


def lead(path: Path, only: str, *lines: str) -> list[str]:
    """What `setup --only` asked when these lines were typed."""
    asked: list[str] = []
    answers = iter(lines)

    def typed(question: str) -> str:
        asked.append(question)
        return next(answers)

    Terminal(Draft.open(path), chosen([only]), typed, typed).run()
    prepare(load_config(path))
    return asked


def test_a_new_height_counts_in_place_of_the_calibrated_one(path: Path) -> None:
    asked = lead(path, "mounting", "", "")
    assert "[152]" in asked[0]
    assert "[12.5]" in asked[1]
    kept = load_calibration(path.with_name("calibration.toml"))
    assert kept.mounting is not None
    lead(path, "mounting", "165", "")
    config = load_config(path)
    calibration = load_calibration(Path(config.calibration.file))
    assert calibration.mounting is None
    assert calibration.intrinsics == kept.intrinsics
    assert [step.name for step in calibration.steps] == ["intrinsics"]
    camera = make_rig(config).camera
    assert (camera.height_m, camera.tilt_deg, camera.roll_deg) == (1.65, 12.5, 0.5)


def test_the_same_camera_keeps_what_is_not_asked(path: Path) -> None:
    lead(path, "camera", "", "")
    config = load_config(path)
    assert (config.camera.fps, config.camera.loop, config.camera.width) == (12.0, True, 540)
    assert load_calibration(Path(config.calibration.file)).intrinsics is not None
    assert make_rig(config).camera.fx == 900.0


def test_another_lens_is_not_the_calibrated_one(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lead(path, "camera", "", "60")
    assert "another lens than was calibrated" in capsys.readouterr().out
    calibration = load_calibration(Path(load_config(path).calibration.file))
    assert calibration.intrinsics is None
    assert calibration.mounting is not None


def test_a_film_starts_again_unless_one_says_otherwise(tmp_path: Path) -> None:
    draft = Draft(tmp_path / "config.toml")
    step = chosen(["camera"])[0]
    for given, loops in (({}, True), ({"loop": False}, False)):
        step.settle(draft, step.answers(camera=str(FILM), **given), lambda text: None)
        assert draft.get("camera.loop") is loops


def test_numbers_of_ones_own_stay_until_another_mode_is_chosen(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lead(path, "sound", "", "", "")
    assert load_config(path).sound.budget_dba == 42.0
    lead(path, "sound", "silent", "", "")
    assert load_config(path).sound.limits_dba == (0.0, 0.0)
    assert "in place of sound.budget_dba" in capsys.readouterr().out


def test_what_runs_without_a_budget_stays_so(path: Path) -> None:
    text = path.read_text().replace("[sound]\nbudget_dba = 42\n", "")
    path.write_text(text)
    asked = lead(path, "sound", "", "", "")
    assert "[continuous]" in asked[0]


def test_measured_microphones_stay_where_they_are(path: Path) -> None:
    measured = [[x + 0.004 * k, y, z] for k, (x, y, z) in enumerate(MICS)]
    path.write_text(path.read_text().replace(str(MICS), str(measured)))
    draft = Draft.open(path)
    draft.change({"calibration": {"file": None}})
    draft.write()
    lead(path, "loudspeaker", "left", "", "", "", "")
    rig = load_config(path).rig
    assert rig is not None
    assert rig.mics_m == tuple(map(tuple, measured))
    assert rig.speakers_m == ((-0.1, 0.06, 0.0),)


@needs_mosquitto
def test_a_broker_is_announced_to_home_assistant_only_where_it_was(
    path: Path, tmp_path: Path
) -> None:
    draft = Draft.open(path)
    draft.change({"mqtt": {"discovery": False}})
    step = chosen(["broker"])[0]
    with Mosquitto(tmp_path / "broker") as broker:
        answer = BrokerAnswers("127.0.0.1", broker.port)
        assert all(isinstance(j, Judgement) for j in step.settle(draft, answer, lambda text: None))
    assert draft.get("mqtt.discovery") is False
