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
    camera = session.rig.camera
    (tmp_path / "secret").write_text("a good one\n")
    return {
        "name": {"id": "hall"},
        "array": {
            "array": "generic-usb",
            "capture": card.capture,
            "playback": card.playback,
            "channels": session.channels,
            "mic_channels": list(session.mic_channels),
            "reference_channel": session.reference_channel,
            "playback_channels": 1,
            "sample_rate_hz": session.excitation.sample_rate_hz,
        },
        "loudspeaker": {
            "place": "elsewhere",
            "speaker_cm": (100.0 * session.rig.speakers[0]).round(2).tolist(),
            "mics_cm": (100.0 * session.rig.mics).round(2).tolist(),
        },
        "camera": {
            "camera": str(DEMO_SESSION / "frames.mp4"),
            "fps": 1e9 * len(session.frame_times_ns) / session.span_ns,
            "loop": True,
            "view_deg": float(np.degrees(2 * np.arctan(camera.width / 2 / camera.fx))),
        },
        "mounting": {
            "height_cm": 100.0 * (camera.height_m or 0.0),
            "tilt_deg": camera.tilt_deg,
            "roll_deg": camera.roll_deg,
        },
        "broker": {
            "host": "127.0.0.1",
            "port": broker.port,
            "username": "hall",
            "password_file": str(tmp_path / "secret"),
        },
        "sound": {"mode": "continuous"},
        "calibrate": {"run": False},
        "test": {"seconds": 20},
    }


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
