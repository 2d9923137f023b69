"""The whole calibration: what is asked, refused and written, and the real sound card."""

import json

import cv2
import numpy as np
import pytest
from msgspec import structs

from edge.__main__ import main
from edge.core.calibration_file import VolumePart, load_calibration, write_calibration
from edge.core.config import CalibrationConfig, load_config
from edge.sensor.apply_calibration import VOLUMES_REMEDY, volumes_changed
from edge.sensor.process.console import Console
from edge.sensor.run import run
from edge.sound.excitation import make_excitation
from edge.sources.alsa.mixer import read_volumes
from edge.sources.session.reader import DEMO_SESSION
from edge.tools.calibration import flow
from edge.tools.calibration.charuco import CharucoBoard
from edge.tools.calibration.loudness.evidence import surer
from edge.tools.calibration.places import ask_place
from edge.tools.doctor.finding import Scope
from edge.tools.doctor.settings import loudness
from tests.support.alsa_device import CARD


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--board", "none"], "none: no images"),
        (["--floor", "none.png"], "none.png: cannot be read as an image"),
        (["--walk", "none"], "none: no such folder"),
        (["--out", "none/c.toml"], "give --out FILE in a folder that exists"),
    ],
)
def test_a_wrong_path_is_reported_before_anything_is_recorded(
    arguments, said, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(flow, "take_from_session", lambda path: pytest.fail("recorded first"))
    assert main(["calibrate", "--session", str(DEMO_SESSION), *arguments]) == 2
    assert said in capsys.readouterr().err


def test_a_place_is_three_numbers_and_end_of_input_means_no_more(monkeypatch):
    answers = iter(["here", "0.6, nan, 0.1", "0.6, -0.05 0.1"])
    monkeypatch.setattr("builtins.input", lambda question: next(answers))
    assert ask_place(np.array([0.6, 0.0, 0.1])) == (0.6, -0.05, 0.1)

    def closed(question):
        raise EOFError

    monkeypatch.setattr("builtins.input", closed)
    assert ask_place(np.array([0.6, 0.0, 0.1])) is None


def test_a_height_that_is_no_number_is_refused(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["calibrate", "--person-height", "tall"])
    assert "--person-height: found tall, a number above 0 is needed" in capsys.readouterr().err


def test_a_board_to_print_is_written_and_found(tmp_path, capsys):
    assert main(["calibrate", "--print-board", str(tmp_path / "board.png")]) == 0
    on_board, in_image = CharucoBoard().corners(cv2.imread(str(tmp_path / "board.png")))
    assert len(on_board) == 24
    assert np.ptp(in_image[:, 0]) / np.ptp(on_board[:, 0]) == pytest.approx(300 / 0.0254, rel=0.01)
    assert main(["calibrate"]) == 2
    assert "give --config for the real device, or --session" in capsys.readouterr().err


def test_the_real_sound_card_is_calibrated(tmp_path, alsa_card, monkeypatch, capsys, caplog):
    """A card of six channels that hears a room of its own and, on channel 5, what is played."""
    x = make_excitation(16000, (2000.0, 7500.0), 0.1, -20.0)
    mics = np.array([[-0.032, 0.06, 0.0], [0.0, 0.092, 0.0], [0.032, 0.06, 0.0], [0.0, 0.028, 0.0]])
    speaker = np.array([0.25, 0.06, 0.0])
    f, spectrum = np.fft.rfftfreq(1600, 1 / 16000), np.fft.rfft(x.samples)
    period = np.zeros((1600, 6))
    for m, mic in enumerate(mics):
        distance = float(np.linalg.norm(mic - speaker))
        period[:, m + 1] = (
            np.fft.irfft(spectrum * np.exp(-2j * np.pi * f * distance / 343.42)) * 0.3 / distance
        )
    period += np.random.default_rng(0).normal(0.0, 1e-4, period.shape)
    card = alsa_card(
        np.tile(np.rint(period * 32768), (40, 1)).astype(np.int16), 16000, loopback=5, mixer=True
    )
    card.set_volumes(Mic_Capture=40)
    monkeypatch.setenv("ALSA_CONFIG_PATH", card.env["ALSA_CONFIG_PATH"])
    config = tmp_path / "config.toml"
    config.write_text(
        f"""
[device]
id = "hall"
[mqtt]
enabled = false
[audio]
capture = "{CARD}"
playback = "{CARD}"
[camera]
backend = "file"
device = "{tmp_path / "none.mp4"}"
[rig]
speakers_m = [{speaker.tolist()}]
mics_m = {mics.tolist()}
[rig.camera]
fx = 520
fy = 520
cx = 320
cy = 240
"""
    )
    out = tmp_path / "c.toml"
    asked = ["--config", str(config), "--seconds", "2", "--phone-dba", "60", "--out", str(out)]
    assert main(["calibrate", *asked, "--json"]) == 1
    result = json.loads(capsys.readouterr().out)
    steps = {s["name"]: s for s in result["steps"]}
    assert result["source"] == "device"
    assert steps["channels"]["outcome"] == "ok"
    assert steps["reference"]["outcome"] == "ok", steps["reference"]
    assert steps["clock"]["outcome"] == "ok"
    assert steps["room"]["outcome"] == "open"  # there is no camera to say that nobody is there
    found = load_calibration(out)
    assert found.device == "hall"
    assert found.loudness is not None
    assert found.loudness.volumes == (VolumePart("capture", "Mic", (40,)),)
    assert found.rig.mic_channels == (1, 2, 3, 4)
    used = structs.replace(load_config(config), calibration=CalibrationConfig(file=str(out)))
    assert volumes_changed(used) == ""
    card.set_volumes(Mic_Capture=55)
    assert volumes_changed(used) == "capture volume 'Mic' was 40 and is 55"
    (said,) = loudness(Scope(config, used))
    assert (said.outcome, said.found) == ("warning", "capture volume 'Mic' was 40 and is 55")
    assert "calibrate again" in said.remedy
    # Microphones 1 and 3 hear the same here, and late: with that no calibration is taken.
    write_calibration(out, structs.replace(found, sound=None, steps=()))
    config.write_text(config.read_text() + f'[calibration]\nfile = "{out}"\n')
    video = cv2.VideoWriter(
        str(tmp_path / "none.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 10.0, (640, 480)
    )
    for _ in range(20):
        video.write(np.zeros((480, 640, 3), np.uint8))
    video.release()
    told = f"capture volume 'Mic' was 40 and is 55: {VOLUMES_REMEDY}"
    capsys.readouterr()
    assert main(["config", "--check", str(config)]) == 0
    assert capsys.readouterr().out == f"{config}: good, but\n  {told}\n"
    run(load_config(config), Console(False), 0.1)
    (warned,) = [r for r in caplog.records if "volume" in r.message]
    assert (warned.levelname, warned.message) == ("WARNING", f"sound: {told}")
    card.set_volumes(Mic_Capture=40)
    capsys.readouterr()
    assert main(["config", "--check", str(config)]) == 0
    assert capsys.readouterr().out == f"{config}: good\n"
    card.set_volumes(Mic_Capture=55)
    louder = structs.replace(found.loudness, volumes=read_volumes(used.audio), sigma_db=4.0)
    assert surer(louder, found.loudness) is louder, "the surer one is of other volumes"
