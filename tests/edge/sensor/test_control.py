"""Commands to a running sensor: on a real sound device and a real broker."""

import json
import os
import queue
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.__main__ import main
from edge.output.messages.schemas import schema
from edge.sources.session.reader import DEMO_SESSION, load_session
from tests.support import ROOT
from tests.support.alsa_device import AlsaTestDevice
from tests.support.broker.mosquitto import Mosquitto, needs_mosquitto
from tests.support.broker.subscriber import Subscriber
from tests.support.config_files import write_config
from tests.support.waiting import LIMIT_S, until

jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")


def valid(name: str, message: dict[str, Any]) -> dict[str, Any]:
    jsonschema.validate(message, schema(name))
    return message


class Sensor:
    """`posekernel run` as a process of its own, and what it holds open."""

    def __init__(self, config: Path, seen: dict[str, Subscriber]) -> None:
        self.seen = seen
        self._command = [sys.executable, "-m", "edge", "run", "--config", str(config)]
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self._command, cwd=ROOT, stdout=subprocess.DEVNULL)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def holds(self, name: str) -> bool:
        links = []
        for fd in Path(f"/proc/{self.process.pid}/fd").iterdir():
            try:
                links.append(os.readlink(fd))
            except FileNotFoundError:
                continue
        return any(link.endswith(f"/{name}") for link in links)

    def forget(self) -> None:
        """Drop the messages received so far."""
        for subscriber in self.seen.values():
            with suppress(queue.Empty):
                while True:
                    subscriber.messages.get_nowait()

    def next(self, topic: str) -> dict[str, Any]:
        return self.seen[topic].next(f"posekernel/hall/{topic}")[0]

    def pose(self) -> dict[str, Any]:
        return self.next("pose")

    def publish(self, name: str, payload: bytes, retain: bool) -> None:
        self.seen["cmd/result"].client.publish(
            f"posekernel/hall/cmd/{name}", payload, qos=1, retain=retain
        )

    def command(self, name: str, payload: Any, *, retain: bool = False) -> dict[str, Any]:
        self.forget()
        self.publish(name, json.dumps(payload).encode(), retain)
        return valid("command_result", self.next("cmd/result"))

    def control(self, **wanted: Any) -> dict[str, Any]:
        """The next state in which all of `wanted` holds."""
        return self._until("control", wanted)

    def summary(self, **wanted: Any) -> dict[str, Any]:
        """The next summary in which all of `wanted` holds."""
        return self._until("summary", wanted)

    def _until(self, topic: str, wanted: dict[str, Any]) -> dict[str, Any]:
        while True:
            message = valid(topic, self.next(topic))
            if wanted.items() <= message.items():
                return message

    def pose_from(self, *scale_sources: str) -> bool:
        return any(
            person["scale_source"] in scale_sources
            for _ in range(60)
            for person in self.pose()["people"]
        )


@pytest.fixture
def sensor(
    tmp_path: Path, alsa_card: Callable[..., AlsaTestDevice]
) -> Iterator[tuple[Sensor, AlsaTestDevice]]:
    session = load_session(DEMO_SESSION)
    recording = session.audio[: session.periods * session.excitation.period_samples]
    assert session.reference_channel is not None
    card = alsa_card(
        np.asarray(recording), session.excitation.sample_rate_hz, loopback=session.reference_channel
    )
    with Mosquitto(tmp_path / "broker") as broker, ExitStack() as subscribed:
        topics = ("pose", "cmd/result", "control", "telemetry", "status", "summary")
        seen = {
            t: subscribed.enter_context(Subscriber(broker, f"posekernel/hall/{t}")) for t in topics
        }
        config = write_config(tmp_path / "config.toml", "hall", session, card, broker, "ray", 1.70)
        text = (
            config.read_text()
            .replace("fps = 0", "fps = 0\nloop = true")
            .replace("[mqtt]\n", "[mqtt]\ndiscovery = false\n")
        )
        text += '[sensing]\nping = "always"\n[telemetry]\ninterval_s = 1\n'
        text += f'[runtime]\nstate_dir = "{tmp_path}/state"\n'
        config.write_text(text)
        sensor = Sensor(config, seen)
        try:
            yield sensor, card
        finally:
            sensor.kill()


def loud(played: Any) -> int:
    return int(np.abs(played.astype(int)).max(initial=0))


@needs_mosquitto
@pytest.mark.export
def test_commands_silence_and_blind_a_running_sensor(sensor: tuple[Sensor, AlsaTestDevice]) -> None:
    run, card = sensor
    run.pose()
    assert run.holds("frames.mp4")
    assert run.holds("played.raw")
    assert loud(card.played()) > 0
    valid("telemetry", run.next("telemetry"))

    # Sensing off: silent, blind and deaf, and the same after a restart.
    answer = run.command("sensing", {"on": False, "id": "a7"})
    assert (answer["ok"], answer["request"], answer["command"]) == (True, "a7", "sensing")
    heard_until = len(card.played()) + 320  # one ALSA period may be on its way
    assert until(lambda: not run.holds("frames.mp4"))
    assert until(lambda: not run.holds("played.raw"))
    assert not card.played()[heard_until:].any()
    run.control(sensing=False, speaker="off", silent_because="sensing off")
    assert run.summary(occupancy=None)["people"] is None, "nobody looks: that is not an empty room"
    run.kill()
    assert run.seen["status"].drain()
    run.forget()
    played = len(card.played())
    run.start()
    run.control(sensing=False)
    run.summary(occupancy=None)
    telemetry = valid("telemetry", run.next("telemetry"))
    assert (telemetry["frames"], telemetry["periods"]) == (0, 0)
    assert not run.holds("frames.mp4")
    assert not run.holds("played.raw")
    assert len(card.played()) == played

    # And on again.
    assert run.command("sensing", {"on": True})["ok"]
    run.pose()
    run.summary(occupancy=True)
    assert run.holds("frames.mp4")
    assert until(lambda: loud(card.played()[played:]) > 0)

    # Mute: the poses go on, without sound.
    assert run.command("mute", {"on": True})["ok"]
    run.control(mute=True, speaker="off", silent_because="mute")
    assert run.pose_from("floor", "height")
    muted_from = len(card.played())
    assert until(lambda: len(card.played()) > muted_from + 8000)
    assert not card.played()[muted_from:].any()
    assert run.command("mute", {"on": False})["ok"]
    assert until(lambda: loud(card.played()[muted_from:]) > 0)

    # Quiet hours that cover this moment.
    now = datetime.now()
    hours = {"from": f"{now - timedelta(hours=2):%H:%M}", "to": f"{now + timedelta(hours=2):%H:%M}"}
    assert run.command("quiet_hours", hours)["ok"]
    run.control(quiet_hours=hours, speaker="off", silent_because="quiet hours")
    quiet_from = len(card.played()) + 800
    assert until(lambda: len(card.played()) > quiet_from + 8000)
    assert not card.played()[quiet_from:].any()
    assert run.command("quiet_hours", None)["ok"]
    run.control(quiet_hours=None, speaker="on")

    # A lower level, and none above the configured one.
    assert not run.command("level", {"level_dbfs": -19})["ok"]
    assert run.command("level", {"level_dbfs": -40})["ok"]
    run.control(level_dbfs=-40.0)
    lower_from = len(card.played()) + 3200
    assert until(lambda: len(card.played()) > lower_from + 8000)
    assert loud(card.played()[lower_from:]) == pytest.approx(32767 * 10 ** (-40 / 20), rel=0.02)

    # Another loudness, and continuous sound only where it is configured.
    assert "45 dB(A) on average, 65 at once" in run.command("loudness", {"mode": "normal"})["text"]
    run.control(loudness="normal", budget_dba=45.0)
    assert run.command("loudness", {"mode": None})["ok"]
    run.control(loudness="continuous", budget_dba=None)

    # What is not carried out.
    refused = run.command("mute", {"on": True}, retain=True)
    assert not refused["ok"]
    assert "without retain" in refused["text"]
    run.publish("mute", b"", True)
    assert "a JSON object is needed" in run.command("mute", "on")["text"]
    assert "there is no command 'dance'" in run.command("dance", {})["text"]
    assert run.command("recalibrate", {})["ok"]

    # A wrong configuration changes nothing; a right one starts over.
    config = Path(run._command[-1])
    good = config.read_text()
    config.write_text(good.replace("channels =", "chanels =", 1))
    answer = run.command("reload", {})
    assert not answer["ok"]
    assert "did you mean channels?" in answer["text"]
    run.pose()
    config.write_text(good.replace("height_prior_m = 1.7", "height_prior_m = 1.9"))
    assert run.command("reload", {})["ok"]
    while run.next("status")["state"] != "online":
        pass
    run.pose()
    assert run.process.poll() is None
    run.process.send_signal(signal.SIGTERM)
    assert run.process.wait(LIMIT_S) == 0


@needs_mosquitto
@pytest.mark.parametrize("ending", ["in time", "killed", "sensing off"])
def test_nobody_is_recorded_unknowingly(
    tmp_path: Path,
    alsa_card: Callable[..., AlsaTestDevice],
    ending: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    session = load_session(DEMO_SESSION)
    card = alsa_card(np.asarray(session.audio[:80000]), session.excitation.sample_rate_hz)
    with (
        Mosquitto(tmp_path / "b") as broker,
        Subscriber(broker, "posekernel/hall/status") as status,
    ):
        config = write_config(tmp_path / "config.toml", "hall", session, card, broker, "ray", 1.70)
        config.write_text(
            config.read_text().replace("fps = 0", "fps = 0\nloop = true")
            + f'[runtime]\nstate_dir = "{tmp_path}/s"\n'
        )
        command = ["record", str(tmp_path / "out"), "--config", str(config), "--consent"]
        seconds = ["--seconds", "1" if ending == "in time" else "60"]
        process = subprocess.Popen([sys.executable, "-m", "edge", *command, *seconds], cwd=ROOT)
        try:
            began = valid("status", status.next("posekernel/hall/status")[0])
            assert (began["state"], began["recording"]) == ("online", True)
            if ending == "killed":
                process.kill()
            elif ending == "sensing off":
                assert until(lambda: (tmp_path / "out").exists())
                status.client.publish("posekernel/hall/cmd/sensing", b'{"on": false}', qos=1)
            ended = valid("status", status.next("posekernel/hall/status")[0])
            assert (ended["state"], ended["recording"]) == ("offline", False)
            assert process.wait(LIMIT_S) == (-signal.SIGKILL if ending == "killed" else 0)
        finally:
            process.kill()
            process.wait()
        if ending == "sensing off":
            assert main(command) == 2
            assert "nothing was recorded: sensing off" in capsys.readouterr().err
