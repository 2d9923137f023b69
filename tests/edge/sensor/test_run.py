"""How a run ends, what it keeps, and what it starts over with."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Self

import pytest
from msgspec.structs import replace

from edge.core.config import BackgroundConfig, Config, DeviceConfig, MqttConfig, SourceConfig
from edge.output.mqtt.connection import ReceivedMessage
from edge.sensor.console import Console
from edge.sensor.control import Control
from edge.sensor.pipeline import Pipeline
from edge.sensor.run import run
from edge.sources.session.reader import DEMO_SESSION
from tests.support.waiting import LIMIT_S


def test_a_configuration_that_could_not_start_is_not_reloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = SourceConfig("replay", str(DEMO_SESSION), realtime=False)
    config = Config(device=DeviceConfig("test"), source=source, mqtt=MqttConfig(enabled=False))
    config = replace(config, runtime=replace(config.runtime, state_dir=str(tmp_path)))
    damaged = tmp_path / "room.npz"
    damaged.write_bytes(b"no empty room")
    answers = []

    class Commanded(Control):
        def __enter__(self) -> Self:
            answers.append(self.answer(ReceivedMessage("posekernel/test/cmd/reload", b"{}", False)))
            return super().__enter__()

    monkeypatch.setattr("edge.sensor.run.Control", Commanded)
    new = replace(config, background=BackgroundConfig(snapshot=str(damaged)))
    assert run(config, Console(False), 0.001, read_again=lambda: new).reloaded is None
    ((name, _, ok, text),) = answers
    assert (name, ok) == ("reload", False)
    assert str(damaged) in text
    assert run(config, Console(False), 0.001, read_again=lambda: config).reloaded == config


@pytest.mark.parametrize("recalibrated", [True, False])
def test_a_room_that_is_to_be_forgotten_is_not_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recalibrated: bool
) -> None:
    class Asked(Pipeline):
        """Recalibrated after its last image, as while sensing is off."""

        def resume(self) -> None:
            super().resume()
            if recalibrated:
                self.relearn()

    monkeypatch.setattr("edge.sensor.run.Pipeline", Asked)
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
