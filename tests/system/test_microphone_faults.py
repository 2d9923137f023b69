"""Rows of trouble reports about microphones, through the test sound card: what `doctor` and `run`
say of them.
"""

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.__main__ import main
from edge.sources.session.reader import DEMO_SESSION, load_session
from tests.support.alsa_device import make_alsa_device
from tests.support.camera.furnished_film import furnished_film
from tests.support.config_files import device_settings

MICS, LOOPBACK = [1, 2, 3, 4], 5
Change = Callable[[np.ndarray], None]


def zero_microphones(audio: np.ndarray) -> None:
    audio[:, MICS] = 0


def one_channel_as_six(audio: np.ndarray) -> None:
    audio[:] = audio[:, [MICS[0]]]


def one_channel_dead(audio: np.ndarray) -> None:
    audio[:, 2] = np.random.default_rng(0).integers(-1, 2, len(audio))


def all_well(audio: np.ndarray) -> None:
    pass


def config_on(
    folder: Path, change: Change, monkeypatch: pytest.MonkeyPatch, more: str = ""
) -> Path:
    """A configuration of a device that hears the demo's sound (L, C) int16, changed in place."""
    session = load_session(DEMO_SESSION)
    audio = np.array(session.audio)
    change(audio)
    card = make_alsa_device(
        folder / "card", audio, session.excitation.sample_rate_hz, one_clock=True, patient=True
    )
    monkeypatch.setenv("ALSA_CONFIG_PATH", card.env["ALSA_CONFIG_PATH"])
    film = furnished_film(DEMO_SESSION / "frames.mp4", folder / "film.mp4")
    config = folder / "config.toml"
    config.write_text(f"""
[device]
id = "hall"
{device_settings(session, card, looped=True, film=film)}
[mqtt]
enabled = false
[sensing]
ping = "always"
[runtime]
state_dir = "{folder / "state"}"
{more}
""")
    return config


def findings(config: Path, capsys: pytest.CaptureFixture[str]) -> list[dict[str, str]]:
    main(["doctor", "--config", str(config), "--json"])
    found = json.loads(capsys.readouterr().out)
    return [f for f in found if f["check"] in ("sound card", "microphones", "camera")]


def test_doctor_says_nothing_of_good_microphones(tmp_path, monkeypatch, capsys):
    found = findings(config_on(tmp_path, all_well, monkeypatch), capsys)
    assert [(f["check"], f["outcome"]) for f in found] == [("sound card", "ok"), ("camera", "ok")]


@pytest.mark.parametrize(
    ("change", "outcome", "named", "remedy"),
    [
        (
            zero_microphones,
            "error",
            [f"microphone {m} (channel {c}) is silent" for m, c in enumerate(MICS)],
            "flash the firmware",
        ),
        (
            one_channel_as_six,
            "error",
            [
                "the loopback (channel 5) is a copy of microphone 0",
                *(f"microphone {m} (channel {m + 1}) is a copy of microphone 0" for m in (1, 2, 3)),
            ],
            "hw:",
        ),
        (one_channel_dead, "warning", ["microphone 1 (channel 2) is deaf"], "cable"),
    ],
)
def test_doctor_names_each_microphone_with_cause_and_remedy(
    change, outcome, named, remedy, tmp_path, monkeypatch, capsys
):
    found = findings(config_on(tmp_path, change, monkeypatch), capsys)
    told = [f for f in found if f["check"] == "microphones"]
    assert {f["outcome"] for f in told} == {outcome}
    assert len(told) == len(named)
    for name, finding in zip(named, told, strict=True):
        assert finding["found"].startswith(name), finding
        assert "likely cause: " in finding["found"]
        assert remedy in finding["remedy"]


@pytest.mark.parametrize(
    ("change", "named"), [(zero_microphones, "is silent"), (one_channel_as_six, "is a copy of")]
)
def test_run_names_them_and_makes_poses_without_their_sound(
    change, named, tmp_path, monkeypatch, capsys, caplog
):
    config = config_on(tmp_path, change, monkeypatch)
    assert main(["run", "--config", str(config), "--seconds", "14", "--json"]) == 0
    poses = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line[:1] == "{"]
    last = [p for p in poses if "people" in p][-10:]
    assert len(last) == 10
    assert {person["scale_source"] for p in last for person in p["people"]} <= {"memory", "floor"}
    assert all(p["pairs"]["used"] == 0 and named in p["pairs"]["why"] for p in last)
    log = [r.getMessage() for r in caplog.records if "microphone 1 (channel 2)" in r.getMessage()]
    assert len(log) == 1, log
    assert named in log[0]


def test_doctor_notices_people_who_stand_on_their_heads(tmp_path, monkeypatch, capsys):
    config = config_on(tmp_path, all_well, monkeypatch)
    text = config.read_text()
    roll = load_session(DEMO_SESSION).rig.camera.roll_deg
    film = tmp_path / "turned.mp4"
    turn_film(DEMO_SESSION / "frames.mp4", film)
    assert f"roll_deg = {roll}" in text
    config.write_text(text.replace(str(tmp_path / "film.mp4"), str(film)))
    told = [f for f in findings(config, capsys) if f["outcome"] != "ok"]
    assert [f["check"] for f in told] == ["camera"]
    upright = f"{roll - 180.0:.1f}"
    assert f"upside down? set rig.camera.roll_deg = {upright}" in told[0]["remedy"]


def turn_film(film: Path, out: Path) -> None:
    """The film's part with somebody in it, upside down."""
    frames = cv2.VideoCapture(str(film))
    size = int(frames.get(cv2.CAP_PROP_FRAME_WIDTH)), int(frames.get(cv2.CAP_PROP_FRAME_HEIGHT))
    made = cv2.VideoWriter(str(out), cv2.VideoWriter.fourcc(*"mp4v"), 10.0, size)
    k = 0
    while (read := frames.read())[0]:
        if k >= 20:
            made.write(cv2.rotate(read[1], cv2.ROTATE_180))
        k += 1
    made.release()
