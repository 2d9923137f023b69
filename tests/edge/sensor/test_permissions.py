"""Control over what is seen and heard: on a real sound device and a real broker, and the decisions
one by one.
"""

import json
import os
import queue
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import datetime, time, timedelta
from pathlib import Path
from time import monotonic_ns
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from edge.__main__ import main
from edge.core.config import Config, DeviceConfig, SensingConfig
from edge.output.messages.schemas import schema
from edge.sensor.loops import offline_poses
from edge.sensor.permissions import KEEP_ALIVE_PING_S, SEEN_S, Sensing
from edge.sensor.pipeline import Pipeline
from edge.sensor.telemetry import soc_temperature_c
from edge.sources.session.reader import DEMO_SESSION, load_session
from tests.support import ROOT
from tests.support.alsa_device import AlsaTestDevice
from tests.support.broker.mosquitto import Mosquitto, needs_mosquitto
from tests.support.broker.subscriber import Subscriber
from tests.support.config_files import GOOD, write_config
from tests.support.waiting import LIMIT_S, until

jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")


def valid(name: str, message: dict[str, Any]) -> dict[str, Any]:
    jsonschema.validate(message, schema(name))
    return message


# ---- the whole program


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
        """What was said before does not count any more."""
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

    def pose_from(self, scale_source: str) -> bool:
        return any(self.pose()["scale_source"] == scale_source for _ in range(60))


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
    assert run.pose_from("height")
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


# ---- the decisions


class Bench:
    """A Sensing with a clock, a time of day and a camera that the test sets, over devices that
    record what they are told.
    """

    def __init__(self, folder: Path, **sensing: Any) -> None:
        self.now, self.day = 1000.0, time(12, 0)
        self.muted: bool | None = None
        self.gain, self.camera_open = 1.0, True
        self.told: list[dict[str, Any]] = []
        audio = SimpleNamespace(
            set_muted=lambda m: setattr(self, "muted", m),
            set_gain=lambda g: setattr(self, "gain", g),
        )
        frames = SimpleNamespace(close=lambda: setattr(self, "camera_open", False))
        self.source: Any = SimpleNamespace(audio=audio, frames=frames)
        self.pipeline: Any = SimpleNamespace(
            background=SimpleNamespace(ready=True), seen_ns=None, silent=False
        )
        self.config = Config(device=DeviceConfig("hall"), sensing=SensingConfig(**sensing))
        self.path = folder / "control.json"
        self.sensing = Sensing(
            self.config, self.path, clock=lambda: self.now, local_time=lambda: self.day
        )
        self.sensing.announce(self.told.append)
        self.off = self.sensing.attach(self.source, self.pipeline)

    def at(self, seconds: float, *, seen: bool = False) -> bool | None:
        """Whether it is muted so long after the start."""
        self.now = 1000.0 + seconds
        self.pipeline.seen_ns = monotonic_ns() if seen else None
        self.sensing.tick()
        return self.muted


def test_it_sounds_while_somebody_is_seen_and_now_and_then(tmp_path: Path) -> None:
    bench = Bench(tmp_path, keep_alive_s=60.0)
    assert [bench.at(s) for s in (0.5, KEEP_ALIVE_PING_S + 0.1, 30.0, 59.9)] == [
        False,
        True,
        True,
        True,
    ]
    assert bench.pipeline.silent, "not hearing the sound is no fault now"
    assert [bench.at(s) for s in (60.1, 60.1 + KEEP_ALIVE_PING_S, 121.0)] == [False, True, False]
    assert [bench.at(s, seen=True) for s in (30.0, 150.0)] == [False, False]
    assert not bench.pipeline.silent
    assert {m["speaker"] for m in bench.told} == {"standby", "on"}
    for m in bench.told:
        valid("control", m)
    assert SEEN_S > 1.0


def test_it_sounds_until_the_empty_room_is_known_and_always_if_asked(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.pipeline.background.ready = False
    assert bench.at(30.0) is False
    bench.pipeline.background.ready = True
    assert bench.at(30.0) is True
    assert Bench(tmp_path, ping="always").at(30.0) is False


def test_quiet_hours_come_and_go_by_the_clock(tmp_path: Path) -> None:
    bench = Bench(tmp_path, ping="always", quiet_from="22:00", quiet_to="07:00")
    assert bench.at(0.0, seen=True) is False
    bench.day = time(22, 0)
    assert bench.at(1.0, seen=True) is True
    assert bench.camera_open
    assert not bench.off.is_set()
    bench.day = time(7, 0)
    assert bench.at(2.0, seen=True) is False


def test_settings_survive_a_restart_and_the_configured_level_stays_the_cap(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    assert bench.sensing.change(mute=True, level_dbfs=-33.0) is None
    assert bench.gain == pytest.approx(10 ** (-13 / 20))
    assert [(p.name, p.stat().st_mode & 0o777) for p in tmp_path.iterdir()] == [
        ("control.json", 0o600)
    ]
    again = Bench(tmp_path)
    assert again.sensing.permissions == bench.sensing.permissions
    again.sensing.change(sensing=False)
    assert not again.camera_open
    assert again.off.is_set()
    again.path.write_text(json.dumps({"sensing": True, "mute": False, "level_dbfs": 0.0}))
    assert Bench(tmp_path).sensing.permissions.level_dbfs == -20.0


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"sensing": 1}', '{"quiet_hours": {"from": "x"}}', '{"other": 1}', "null"],
)
def test_a_damaged_file_leaves_sensing_off_and_says_so(
    tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "control.json").write_text(text)
    bench = Bench(tmp_path)
    assert not bench.sensing.permissions.sensing
    assert not bench.camera_open
    assert "sensing stays off" in caplog.text
    assert bench.sensing.change(sensing=True) is None
    assert Bench(tmp_path).sensing.permissions.sensing


def test_settings_that_cannot_be_kept_hold_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    bench = Bench(tmp_path / "file")
    trouble = bench.sensing.change(mute=True)
    assert trouble is not None
    assert "cannot be written" in trouble
    assert bench.muted is True


def test_doctor_leaves_a_sensor_alone_that_is_switched_off(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(GOOD + f'[mqtt]\nenabled = false\n[runtime]\nstate_dir = "{tmp_path}"\n')
    (tmp_path / "kitchen.control.json").write_text('{"sensing": false}')
    main(["doctor", "--config", str(config), "--json"])
    found = {f["check"]: f for f in json.loads(capsys.readouterr().out)}
    assert found["sound card, camera"]["found"] == "not tried: sensing off"
    assert not {"sound card", "camera"} & set(found)


def test_recalibration_forgets_the_empty_room() -> None:
    from edge.core.config import SourceConfig
    from edge.sensor.plan import make_plan

    config = Config(
        device=DeviceConfig("a"), source=SourceConfig("replay", str(DEMO_SESSION), realtime=False)
    )
    plan = make_plan(config)
    pipeline = Pipeline(config, plan.rig, plan.excitation)
    stop = SimpleNamespace(is_set=lambda: False)
    poses = offline_poses(pipeline, plan.open(), stop, lambda _: None)
    next(poses)
    assert pipeline.background.ready, "the session begins with an empty room"
    pipeline.relearn()
    assert {next(poses).pose.scale_source for _ in range(3)} == {"height"}
    assert not pipeline.background.ready, "somebody is in view"
    pipeline.resume()
    next(offline_poses(pipeline, plan.open(), stop, lambda _: None))
    assert pipeline.background.ready, "the session begins with an empty room"


def test_temperature_is_the_processors(tmp_path: Path) -> None:
    assert soc_temperature_c(tmp_path) is None
    for k, (kind, value) in enumerate(
        [("acpitz", "27800"), ("cpu-thermal", "51540"), ("gpu-thermal", "60000"), ("odd", "x")]
    ):
        zone = tmp_path / f"thermal_zone{k}"
        zone.mkdir()
        (zone / "type").write_text(kind + "\n")
        (zone / "temp").write_text(value + "\n")
    assert soc_temperature_c(tmp_path) == 51.5
    (tmp_path / "thermal_zone1" / "type").write_text("other")
    assert soc_temperature_c(tmp_path) == 60.0


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
