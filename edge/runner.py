"""From a configuration to a running sensor: opens the source, runs the pipeline, sends every pose to its consumers."""

import logging
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge.alsa import AlsaAudio
from edge.camera import open_camera
from edge.config import Config, make_rig, state_folder
from edge.console import Console
from edge.devices import Source
from edge.events import EventKeeper
from edge.excitation import Excitation, make_excitation
from edge.mqtt import MqttCounters, MqttPublisher
from edge.pipeline import Pipeline
from edge.pose import PoseEstimate
from edge.publish import pose_message
from edge.replay import open_replay
from edge.rig import Rig
from edge.sdnotify import Heartbeat
from edge.session import Session, load_session
from edge.summary import SummaryKeeper
from edge.web_server import WebServer

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a source will be, known before it is opened. session: None for real devices."""

    config: Config
    rig: Rig
    excitation: Excitation
    session: Session | None = None

    def open(self) -> Source:
        """Open exactly the source that `source.kind` names; never another; its clock starts now. Raises PosekernelError."""
        config = self.config
        if self.session is not None:
            return open_replay(self.session, realtime=config.source.realtime, loop=config.source.loop)
        frames = open_camera(config.camera)
        try:
            audio = AlsaAudio(config.audio, self.excitation, self.rig)
        except BaseException:
            frames.close()
            raise
        return Source("device", audio, frames, f"{config.audio.capture} + {config.camera.backend}")


def make_plan(config: Config) -> Plan:
    """Geometry and excitation of the configured source: the session's own for replay. Raises SessionError or ConfigError."""
    if config.source.kind == "replay":
        session = load_session(Path(config.source.path))
        return Plan(config, session.rig, session.excitation, session)
    x = config.excitation
    return Plan(config, make_rig(config), make_excitation(x.sample_rate_hz, x.band_hz, x.period_s, x.level_dbfs))


@contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """An event that SIGTERM and SIGINT set; the old handlers come back afterwards."""
    stop = threading.Event()
    old = {s: signal.signal(s, lambda *_: stop.set()) for s in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for s, handler in old.items():
            signal.signal(s, handler)


def true_joints(session: Session | None, estimate: PoseEstimate) -> npt.NDArray[np.float64] | None:
    """The session's truth (25, 3) [m], camera frame, at this frame; None without truth."""
    if session is None or session.truth is None:
        return None
    t_ns = session.frame_times_ns[estimate.frame % len(session.frame_times_ns)]
    return np.asarray(session.truth.joints[int(np.argmin(np.abs(session.truth.t_ns - t_ns)))])


def truth_error_m(session: Session | None, estimate: PoseEstimate) -> float | None:
    """Mean distance [m] of the joints to the session's truth at this frame, over the joints known in it; None without truth."""
    true = true_joints(session, estimate)
    if true is None:
        return None
    error = np.linalg.norm(true[:15] - estimate.pose.joints, axis=1)
    return float(np.nanmean(error)) if np.isfinite(error).any() else None


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run did. published, dropped: messages handed to the broker or not; both 0 without one."""

    poses: int
    from_sound: int
    frames_dropped: int
    published: int
    dropped: int


def run(config: Config, console: Console, seconds: float | None = None) -> Summary:
    """Run until a signal, the source's end or `seconds`. Devices are closed and the broker told in any case.

    A broker that is away is logged; poses are computed all the same.
    """
    with ExitStack() as closing:
        # Until the source is open a signal may interrupt at once: nothing sounds yet and nothing is lost.
        plan = make_plan(config)
        pipeline = Pipeline(config, plan.rig, plan.excitation)
        log.info("preparing; the very first start compiles for up to a minute")
        pipeline.warm_up()
        stop = closing.enter_context(stop_on_signals())
        source = plan.open()
        closing.callback(source.close)
        for note in source.notes:
            console.say(f"note: {note}")
        console.say(f"source: {source.kind} ({source.description})")
        publisher = summary = events = None
        if config.mqtt.enabled:
            outbox = Path(config.mqtt.outbox) if config.mqtt.outbox else state_folder(config) / f"{config.device.id}.outbox"
            publisher = closing.enter_context(
                MqttPublisher(config.mqtt, config.device.id, source=source.kind, outbox_path=outbox)
            )
            summary = SummaryKeeper(config.device.id, source.kind, partial(publisher.publish_retained, "summary"))
            events = EventKeeper(config.device.id, source.kind, publisher.publish_event)
        if config.web.enabled:
            page = closing.enter_context(WebServer(config, plan.rig))
            console.say(f"page: {page.url}")
        heartbeat = closing.enter_context(Heartbeat(sound=30.0, image=30.0))
        started = time.monotonic()
        if seconds:
            timer = threading.Timer(seconds, stop.set)
            timer.daemon = True
            timer.start()
            closing.callback(timer.cancel)

        def beat(stage: str) -> None:
            heartbeat.beat(stage)
            if summary is not None and events is not None and stage == "image":
                summary.tick()
                events.tick()

        live = config.source.kind == "device" or config.source.realtime
        for estimate in (pipeline.live if live else pipeline.offline)(source, stop, beat):
            message = pose_message(estimate, config.device.id)
            if publisher is not None and summary is not None and events is not None:
                publisher.publish_pose(message)
                summary.pose(estimate)
                events.pose(estimate)
            console.pose(estimate, message, truth_error_m(plan.session, estimate))
            console.progress(time.monotonic() - started, seconds, pipeline.counters)
        if config.background.snapshot and pipeline.background.ready:
            pipeline.background.save(Path(config.background.snapshot))
        c, sound = pipeline.counters, source.audio.counters
        log.info(
            "%d frames (%d dropped), %d sound periods (%d faulty, %d lost), %d xruns, %d gaps, reopened: sound %d, camera %d",
            *(c.frames, c.frames_dropped, c.periods, c.periods_faulty, sound.dropped, sound.xruns, sound.gaps, sound.reopened),
            source.frames.counters.reopened,
        )
        sent = publisher.counters if publisher else MqttCounters()
        return Summary(c.poses, c.poses_from_sound, c.frames_dropped, sent.published, sent.dropped)
