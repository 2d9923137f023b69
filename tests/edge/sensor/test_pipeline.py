"""Threads, queues, pairing in time, faulty periods, and the way a run ends."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path
from typing import Self

import numpy as np
import pytest
from msgspec.structs import replace

from edge.core.config import (
    BackgroundConfig,
    Config,
    DeviceConfig,
    MqttConfig,
    SourceConfig,
)
from edge.core.contracts import AudioPeriod
from edge.core.pose import PoseEstimate
from edge.output.mqtt.connection import ReceivedMessage
from edge.sensor.console import Console
from edge.sensor.control import Control
from edge.sensor.loops import live_poses, nearest, offline_poses
from edge.sensor.pipeline import PeriodResponses, Pipeline
from edge.sensor.plan import SensorPlan, make_plan
from edge.sensor.run import run
from edge.sensor.warm_up import warm_up
from edge.sound.room.background import FIRST_PERIODS, Background
from edge.sources.session.reader import DEMO_SESSION
from edge.sources.session.truth import truth_error_m
from tests.support.waiting import LIMIT_S

PERIOD_NS = 100_000_000


def make(path: Path = DEMO_SESSION, realtime: bool = False) -> tuple[Pipeline, SensorPlan]:
    config = Config(
        device=DeviceConfig("test"), source=SourceConfig("replay", str(path), realtime=realtime)
    )
    plan = make_plan(config)
    pipeline = Pipeline(config, plan.rig, plan.excitation)
    warm_up(pipeline)
    return pipeline, plan


def offline(pipeline: Pipeline, plan: SensorPlan) -> list[PoseEstimate]:
    return list(offline_poses(pipeline, plan.open(), threading.Event(), lambda _: None))


def test_the_nearest_period_within_the_skew_is_paired() -> None:
    heard = deque(
        PeriodResponses(i, i * PERIOD_NS, np.zeros((1, 1), np.complex64)) for i in range(5)
    )
    assert nearest(heard, 230_000_000, 150e6).index == 2  # type: ignore[union-attr]
    assert nearest(heard, 260_000_000, 150e6).index == 3  # type: ignore[union-attr]
    assert nearest(heard, 600_000_000, 150e6) is None
    assert nearest(deque(), 0, 150e6) is None


def test_replay_is_the_same_every_time_and_close_to_the_truth() -> None:
    pipeline, plan = make()
    a, b = offline(pipeline, plan), offline(*make())
    assert len(a) == 50
    assert [e.frame for e in a] == list(range(20, 70))
    for x, y in zip(a, b, strict=True):
        np.testing.assert_array_equal(x.pose.joints, y.pose.joints)
    errors = [truth_error_m(plan.session, e) for e in a]
    assert np.median(errors) < 0.15
    assert all(e.pose.scale_source == "sound" for e in a[5:])
    assert max(abs(e.skew_ms) for e in a) < 100.0


def test_the_room_frame_puts_feet_near_the_floor() -> None:
    e = offline(*make())[25]
    ankles = e.joints_room[[11, 14], 2]
    assert ((ankles > -0.1) & (ankles < 1.2)).all()  # on a beam and a treadmill, one leg up
    assert e.joints_room[0, 2] - ankles.min() > 1.0


def test_faulty_periods_are_counted_and_never_used(tmp_path: Path) -> None:
    copy = tmp_path / "session"
    shutil.copytree(DEMO_SESSION, copy)
    audio = np.load(copy / "audio.npy")
    bad = range(40, 44)
    for k in bad:
        audio[1600 * k : 1600 * (k + 1)] = 30000  # would wreck a pose if it were used
    np.save(copy / "audio.npy", audio)
    (copy / "audio_faults.json").write_text(json.dumps({str(k): "xrun" for k in bad}))
    pipeline, plan = make(copy)
    by_frame = {e.frame: e for e in offline(pipeline, plan)}
    clean = {e.frame: e for e in offline(*make())}
    assert pipeline.counters.periods_faulty == 4
    assert by_frame[42].pose.scale_source == "height"
    for frame in range(20, 40):
        np.testing.assert_array_equal(by_frame[frame].pose.joints, clean[frame].pose.joints)
    shift = [
        by_frame[f].pose.mid_hip_distance_m - clean[f].pose.mid_hip_distance_m
        for f in range(50, 70)
    ]
    assert np.abs(shift).max() < 0.1


def test_the_loudspeakers_pauses_are_no_faults_but_what_follows_them_is(
    caplog: pytest.LogCaptureFixture,
) -> None:
    config = Config(
        device=DeviceConfig("test"),
        source=SourceConfig("replay", str(DEMO_SESSION), realtime=False),
    )
    plan = make_plan(config)
    pipeline = Pipeline(config, plan.rig, plan.excitation)

    def hear(t_s: float, fault: str) -> None:
        samples = np.zeros((len(plan.rig.mics), plan.excitation.period_samples), np.float32)
        assert pipeline.hear(AudioPeriod(0, round(t_s * 1e9), samples, None, 0.0, fault)) is None

    for start in (100.0, 160.0):
        pipeline.silent = True
        hear(start, "unsteady")
        hear(start + 0.1, "no reference")
        pipeline.silent = False
        hear(start + 0.2, "no reference")
        hear(start + 0.3, "unsteady")
    assert pipeline.counters.periods_faulty == 0
    assert not caplog.records
    hear(162.0, "no reference")
    assert pipeline.counters.periods_faulty == 1
    assert "sound: no reference" in caplog.text


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


def test_a_saved_room_of_another_sampling_is_learned_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline, plan = make(realtime=False)
    deconvolve = pipeline.deconvolve
    samples = 3 * deconvolve.window_samples
    other = Background(plan.rig, 3 * deconvolve.sample_rate_hz, deconvolve.band_hz, samples)
    rng = np.random.default_rng(0)
    room = rng.normal(size=(len(plan.rig.pairs), samples)).astype(np.complex64)
    for k in range(FIRST_PERIODS):
        other.step(room, k * 10**8, False)
    saved = tmp_path / "room.npz"
    other.save(saved)
    again = Pipeline(
        replace(pipeline.config, background=BackgroundConfig(snapshot=str(saved))),
        plan.rig,
        plan.excitation,
    )
    assert not again.room_learned
    assert f"{saved}: the saved empty room has sample_rate_hz" in caplog.text
    assert "remove the file" in caplog.text


def test_a_slow_consumer_drops_old_frames_and_counts_them() -> None:
    pipeline, plan = make(realtime=True)
    stop = threading.Event()
    frames = []
    for e in live_poses(pipeline, plan.open(), stop, lambda _: None):
        frames.append(e.frame)
        time.sleep(0.5)
        if len(frames) == 6:
            stop.set()
    assert frames == sorted(set(frames))
    assert np.diff(frames).max() >= 4
    assert pipeline.counters.frames_dropped >= 10


def test_an_error_in_a_thread_reaches_the_caller() -> None:
    pipeline, plan = make(realtime=True)
    source = plan.open()

    def broken(_: float) -> None:
        raise RuntimeError("the sound thread broke")

    source.audio.read = broken  # type: ignore[method-assign,assignment]
    with pytest.raises(RuntimeError, match="the sound thread broke"):
        list(live_poses(pipeline, source, threading.Event(), lambda _: None))


def test_both_threads_tell_that_they_are_alive() -> None:
    pipeline, plan = make(realtime=True)
    beats: set[str] = set()
    stop = threading.Event()

    def beat(stage: str) -> None:
        beats.add(stage)
        if len(beats) == 2:
            stop.set()

    list(live_poses(pipeline, plan.open(), stop, beat))
    assert beats == {"sound", "image"}


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
