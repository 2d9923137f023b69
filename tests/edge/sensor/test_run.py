"""How a run ends, what it keeps, and what it starts over with."""

import io
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Self

import numpy as np
import pytest
from msgspec.structs import replace

from edge.behaviour.mounting.kept_height import KeptHeight
from edge.core.arrays import load_archive
from edge.core.config import (
    BackgroundConfig,
    CalibrationConfig,
    Config,
    DeviceConfig,
    MqttConfig,
    SourceConfig,
)
from edge.core.errors import ConfigError
from edge.core.typed import as_toml
from edge.output.mqtt.wire.messages import ReceivedMessage
from edge.sensor.control import Control
from edge.sensor.pipeline import Pipeline
from edge.sensor.plan import make_plan
from edge.sensor.process.console import Console
from edge.sensor.process.ending import Ending
from edge.sensor.run import run
from edge.sources.session.reader import DEMO_SESSION
from tests.support.waiting import LIMIT_S


def test_a_configuration_that_could_not_start_is_not_reloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = SourceConfig("replay", str(DEMO_SESSION), realtime=False)
    config = Config(device=DeviceConfig("test"), source=source, mqtt=MqttConfig(enabled=False))
    config = replace(config, runtime=replace(config.runtime, state_dir=str(tmp_path)))
    damaged = tmp_path / "calibration.toml"
    damaged.write_bytes(b"no calibration")
    answers = []

    class Commanded(Control):
        def __enter__(self) -> Self:
            answers.append(self.answer(ReceivedMessage("posekernel/test/cmd/reload", b"{}", False)))
            return super().__enter__()

    monkeypatch.setattr("edge.sensor.run.Control", Commanded)
    file = tmp_path / "config.toml"
    new = replace(config, calibration=CalibrationConfig(file=str(damaged)))
    file.write_text(as_toml(new, []))
    assert run(config, Console(False), 0.001, file=file).reloaded is None
    ((name, _, ok, text),) = answers
    assert (name, ok) == ("reload", False)
    assert str(damaged) in text
    file.write_text(as_toml(config, []))
    assert run(config, Console(False), 0.001, file=file).reloaded == config


def test_it_is_started_again_only_where_that_would_work(tmp_path: Path) -> None:
    stop = threading.Event()
    with pytest.raises(ConfigError, match="nothing would start"):
        Ending(None, stop, restartable=False).restart()
    file = tmp_path / "config.toml"
    file.write_text("nonsense = 1\n")
    ending = Ending(file, stop, restartable=True)
    with pytest.raises(ConfigError, match="nonsense"):
        ending.restart()
    assert not ending.restarts
    assert not stop.is_set()
    Ending(None, stop, restartable=True).restart()
    assert stop.is_set()


@pytest.mark.parametrize("recalibrated", [True, False])
def test_a_room_that_is_to_be_forgotten_is_not_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recalibrated: bool
) -> None:
    class Asked(Pipeline):
        """Recalibrated after its last image, as while sensing is off."""

        def resume(self) -> None:
            super().resume()
            if recalibrated:
                self.room.relearn()

    monkeypatch.setattr("edge.sensor.plan.Pipeline", Asked)
    saved = tmp_path / "room.npz"
    source = SourceConfig("replay", str(DEMO_SESSION), realtime=False)
    config = Config(device=DeviceConfig("test"), source=source, mqtt=MqttConfig(enabled=False))
    config = replace(config, background=BackgroundConfig(snapshot=str(saved)))
    run(replace(config, runtime=replace(config.runtime, state_dir=str(tmp_path))), Console(False))
    assert saved.exists() != recalibrated


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_demo_soon(how: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "edge", "demo", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert json.loads(line)["source"] == "simulated"
    process.send_signal(how)
    process.communicate(timeout=LIMIT_S)  # by itself it never ends
    assert process.returncode == 0


@pytest.mark.parametrize("content", [b"", b"\0" * 1000, "NaN", "another shape"])
def test_a_damaged_room_is_set_aside_and_learned_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes | str
) -> None:
    saved = tmp_path / "room.npz"
    source = SourceConfig("replay", str(DEMO_SESSION), realtime=False)
    config = Config(device=DeviceConfig("test"), source=source, mqtt=MqttConfig(enabled=False))
    config = replace(config, background=BackgroundConfig(snapshot=str(saved)))
    config = replace(config, runtime=replace(config.runtime, state_dir=str(tmp_path)))
    if isinstance(content, bytes):
        saved.write_bytes(content)
    else:
        run(config, Console(False))
        data = load_archive(saved)
        room = data.pop("room")
        with saved.open("wb") as file:
            np.savez(file, room=room * np.nan if content == "NaN" else room[1:], **data)
    before = saved.read_bytes()
    assert run(config, Console(False)).from_sound > 0
    (aside,) = tmp_path.glob("room.npz.damaged-*")
    assert aside.read_bytes() == before
    assert f"it is now {aside.name}" in caplog.text
    assert load_archive(saved)["room"].shape[0] > 1, "a good one took its place"


def test_a_session_read_as_fast_as_it_goes_has_no_latency(tmp_path: Path) -> None:
    """Its images share no clock with this machine; in real time they do."""
    for realtime in (False, True):
        source = SourceConfig("replay", str(DEMO_SESSION), realtime=realtime)
        config = Config(device=DeviceConfig("test"), source=source, mqtt=MqttConfig(enabled=False))
        config = replace(config, runtime=replace(config.runtime, state_dir=str(tmp_path)))
        out = io.StringIO()
        run(config, Console(True, out))
        found = [json.loads(line)["latency_ms"] for line in out.getvalue().splitlines()]
        assert found
        if realtime:
            assert all(0.0 < latency < 1e5 for latency in found)
        else:
            assert set(found) == {None}


def test_a_replay_keeps_nothing_of_the_cameras_height(tmp_path: Path) -> None:
    """It would tell something else when it is played again."""
    source = SourceConfig("replay", str(DEMO_SESSION), realtime=False)
    config = Config(device=DeviceConfig("test"), source=source, mqtt=MqttConfig(enabled=False))
    config = replace(config, runtime=replace(config.runtime, state_dir=str(tmp_path)))
    of_the_device = tmp_path / "test.height.json"
    KeptHeight(of_the_device, make_plan(config).rig).keep(0.3)
    before = of_the_device.read_bytes()
    run(config, Console(False), 0.001)
    assert of_the_device.read_bytes() == before
