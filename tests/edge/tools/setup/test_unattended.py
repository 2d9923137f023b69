"""The setup with a file of answers: to a running sensor, and nothing written where one is wrong."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w

from edge.__main__ import main
from edge.core.config import load_config, make_rig
from edge.sources.session.reader import DEMO_SESSION, Session, load_session
from tests.support.alsa_device import AlsaTestDevice
from tests.support.broker.mosquitto import Mosquitto, needs_mosquitto
from tests.support.broker.subscriber import Subscriber
from tests.support.setup.answers import session_answers
from tests.support.waiting import LIMIT_S

pytestmark = needs_mosquitto


@pytest.fixture(scope="module")
def session() -> Session:
    return load_session(DEMO_SESSION)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path_factory.mktemp("broker"), passwords={"hall": "a good one"}) as b:
        yield b


@pytest.fixture
def answers(
    session: Session, broker: Mosquitto, alsa_card: Callable[..., AlsaTestDevice], tmp_path: Path
) -> dict[str, dict[str, Any]]:
    """Of a card that hears the shipped session, and of its film."""
    card = alsa_card(np.asarray(session.audio), session.excitation.sample_rate_hz)
    (tmp_path / "secret").write_text("a good one\n")
    answers = session_answers(
        session,
        "hall",
        str(DEMO_SESSION / "frames.mp4"),
        broker.port,
        capture=card.capture,
        playback=card.playback,
        playback_channels=1,
    )
    answers["broker"] |= {"username": "hall", "password_file": str(tmp_path / "secret")}
    return answers


def setup(folder: Path, answers: dict[str, dict[str, Any]], *more: str) -> int:
    (folder / "answers.toml").write_text(tomli_w.dumps(answers))
    config = str(folder / "config.toml")
    return main(
        ["setup", "--config", config, "--yes", "--answers", str(folder / "answers.toml"), *more]
    )


def test_answers_end_in_poses_at_the_broker(
    answers: dict[str, dict[str, Any]],
    session: Session,
    broker: Mosquitto,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert setup(tmp_path, answers) == 0, capsys.readouterr()
    said = capsys.readouterr().out
    assert "present in" in said
    assert "a made-up fall was recognised" in said
    path = tmp_path / "config.toml"
    rig = make_rig(load_config(path))
    assert np.abs(rig.mics - session.rig.mics).max() < 1e-3
    assert rig.camera.fx == pytest.approx(session.rig.camera.fx, rel=1e-3)
    password = tmp_path / "mqtt-password"
    assert password.read_text() == "a good one\n"
    assert password.stat().st_mode & 0o777 == 0o600
    assert "a good one" not in path.read_text()

    with (
        Subscriber(broker, "posekernel/hall/pose", user="hall", password="a good one") as seen,
        (tmp_path / "log").open("w") as log,
    ):
        process = subprocess.Popen(
            [sys.executable, "-m", "edge", "run", "--config", str(path)],
            env=os.environ.copy(),
            stdout=subprocess.DEVNULL,
            stderr=log,
        )
        try:
            message = json.loads(seen.messages.get(timeout=LIMIT_S)[1])
        finally:
            process.terminate()
            assert process.wait(LIMIT_S) == 0, (tmp_path / "log").read_text()
    assert message["source"] == "device"
    assert message["people"]


@pytest.mark.parametrize(
    ("section", "changes", "said"),
    [
        ("name", {"id": "the hall"}, "name.id: found 'the hall'"),
        ("name", {"idd": "hall"}, "name.idd: no such answer, allowed: id"),
        ("array", {"array": "respeaker"}, "array.array: found 'respeaker', allowed: generic-usb"),
        ("array", {"capture": "hw:CARD=Nothing"}, "array.capture: "),
        ("array", {"channels": "six"}, "array.channels: found the text 'six'"),
        ("array", {"mic_channels": [1, 2, 3, 9]}, "array.mic_channels: found [1, 2, 3, 9, 5]"),
        ("loudspeaker", {"place": "behind"}, "loudspeaker.place: found 'behind'"),
        ("loudspeaker", {"speaker_cm": [0.0, 5.9, 2.0]}, "loudspeaker.speaker_cm: the loudspeaker"),
        ("camera", {"camera": "/dev/video77"}, "camera.camera: camera /dev/video77 does not exist"),
        ("camera", {"camera": "film.mp4"}, "camera.camera: found 'film.mp4', which is no camera"),
        ("mounting", {"height_cm": 1.4}, "mounting.height_cm: found 1.4, but 15 to 600 cm"),
        ("broker", {"port": 1}, "broker.host: MQTT broker at 127.0.0.1:1: nothing listens there"),
        ("broker", {"username": "kitchen"}, "broker.username: MQTT broker at 127.0.0.1"),
        ("broker", {"password_file": "/nonexistent"}, "broker.password_file: cannot read"),
        ("sound", {"mode": "quiet"}, "sound.mode: found 'quiet'"),
        ("sound", {"quiet_from": "22:00"}, "sound.quiet_to: found ''"),
        ("test", {"seconds": 0}, "test.seconds: found 0, allowed: 3.0 to 300.0"),
    ],
)
def test_a_wrong_answer_is_named_and_nothing_is_written(
    section: str,
    changes: dict[str, Any],
    said: str,
    answers: dict[str, dict[str, Any]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    answers[section] |= changes
    answers["test"] |= {"presence": False, "fall": False}
    before = {p.name for p in tmp_path.iterdir()}
    assert setup(tmp_path, answers) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert said in error
    assert "a good one" not in error
    assert {p.name for p in tmp_path.iterdir()} == before | {"answers.toml"}


def test_what_only_the_site_knows_is_named_where_it_is_missing(
    answers: dict[str, dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del answers["camera"]
    assert setup(tmp_path, answers) == 2
    assert "camera.camera: missing; no camera was found" in capsys.readouterr().err
    assert setup(tmp_path, {"array": {}}) == 2
    assert "array.array: missing; no microphone array" in capsys.readouterr().err
    assert setup(tmp_path, {"lamp": {}}) == 2
    assert "lamp: no such step, allowed: name, array" in capsys.readouterr().err
    assert not (tmp_path / "config.toml").exists()


def test_one_step_is_repeated_alone_and_the_old_file_is_kept(
    answers: dict[str, dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert setup(tmp_path, answers, "--only", "mounting") == 2
    assert "is not there yet; run all steps once" in capsys.readouterr().err
    answers["test"] |= {"presence": False, "fall": False}
    assert setup(tmp_path, answers) == 0
    path = tmp_path / "config.toml"
    first = path.read_text()
    path.write_text(first + "[telemetry]\ninterval_s = 7.0\n")
    assert setup(tmp_path, {"mounting": {"height_cm": 155}}, "--only", "mounting") == 0
    second = load_config(path)
    assert second.rig is not None
    assert second.rig.camera.height_m == 1.55
    assert second.telemetry.interval_s == 7.0
    assert second.mqtt.username == "hall"
    (kept,) = tmp_path.glob("config.toml.*.bak")
    assert kept.read_text() == first + "[telemetry]\ninterval_s = 7.0\n"


def test_without_a_terminal_it_asks_for_answers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["setup", "--config", "config.toml"]) == 2
    assert "give --yes with --answers F without one" in capsys.readouterr().err
    assert main(["setup", "--answers", "a.toml", "--config", "config.toml"]) == 2
    assert "only with --yes" in capsys.readouterr().err
    assert main(["setup", "--only", "lamp"]) == 2
    assert "--only lamp: no such step, allowed: name, array" in capsys.readouterr().err
