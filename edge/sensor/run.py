"""From a configuration to a running sensor: opens the source, runs the pipeline, sends every pose
to its consumers.
"""

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge.core.config import Config, make_rig, state_folder
from edge.core.contracts import ChannelMap, Source, SourceKind
from edge.core.errors import ConfigError, PosekernelError
from edge.core.jit import compiled_here
from edge.core.pose import PoseEstimate
from edge.core.rig import Rig
from edge.lifting.registry import MODELS
from edge.output.message_file import MessageFile
from edge.output.messages.echo_profile import EnvelopeKeeper
from edge.output.messages.events import EventKeeper
from edge.output.messages.payloads import Message, pose_message
from edge.output.messages.summary import SummaryKeeper
from edge.output.mqtt.publisher import MqttCounters, MqttPublisher
from edge.output.page.server import WebServer
from edge.sensor.apply_calibration import apply_calibration
from edge.sensor.console import Console
from edge.sensor.control import Control
from edge.sensor.memory import return_free
from edge.sensor.pipeline import Pipeline
from edge.sensor.sensing import Sensing, control_file
from edge.sensor.systemd import Heartbeat
from edge.sensor.telemetry import Telemetry, as_sentence
from edge.sound.deconvolution import Correction
from edge.sound.excitation import Excitation, make_excitation
from edge.sources.alsa.stream import AlsaAudio
from edge.sources.camera.grabber import open_camera
from edge.sources.session.reader import Session, load_session
from edge.sources.session.replay import open_replay

_IDLE_S = 0.2
_OPEN_AGAIN_S = 5.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SensorPlan:
    """What a source will be, known before it is opened. session: None for real devices. correction:
    from the calibration.
    """

    config: Config
    rig: Rig
    excitation: Excitation
    session: Session | None = None
    correction: Correction | None = None

    @property
    def kind(self) -> SourceKind:
        """Where the data will come from."""
        return "device" if self.session is None else self.session.source

    def open(self, *, muted: bool = False) -> Source:
        """Open exactly the source that `source.kind` names; never another; its clock starts now.
        Raises PosekernelError.

        muted: a loudspeaker stays silent until it is unmuted.
        """
        config = self.config
        if self.session is not None:
            return open_replay(
                self.session, realtime=config.source.realtime, loop=config.source.loop
            )
        frames = open_camera(config.camera)
        try:
            audio = AlsaAudio(config.audio, self.excitation, self.rig, muted=muted)
        except BaseException:
            frames.close()
            raise
        return Source("device", audio, frames, f"{config.audio.capture} + {config.camera.backend}")


def make_plan(config: Config) -> SensorPlan:
    """Geometry and excitation of the configured source, the session's own for replay, as
    calibrated.

    Raises SessionError or ConfigError, also for a calibration that does not fit.
    """
    if config.source.kind == "replay":
        session = load_session(Path(config.source.path))
        map = ChannelMap(session.channels, session.mic_channels, session.reference_channel)
        rig, correction = apply_calibration(
            config, session.rig, session.excitation, map, session.source
        )
        return SensorPlan(config, rig, session.excitation, session, correction)
    x, audio = config.excitation, config.audio
    excitation = make_excitation(x.sample_rate_hz, x.band_hz, x.period_s, x.level_dbfs)
    map = ChannelMap(
        audio.channels,
        audio.mic_channels,
        audio.reference_channel if audio.reference_channel >= 0 else None,
    )
    rig, correction = apply_calibration(config, make_rig(config), excitation, map, "device")
    return SensorPlan(config, rig, excitation, correction=correction)


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
    """Mean distance [m] of the joints to the session's truth at this frame, over the joints known
    in it; None without truth.
    """
    true = true_joints(session, estimate)
    if true is None:
        return None
    error = np.linalg.norm(true[:15] - estimate.pose.joints, axis=1)
    return float(np.nanmean(error)) if np.isfinite(error).any() else None


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run did. published, dropped: messages handed to the broker or not; both 0 without one.

    reloaded: the configuration to start over with, where the command `reload` ended the run.
    """

    poses: int
    from_sound: int
    frames_dropped: int
    published: int
    dropped: int
    reloaded: Config | None = None


class _Outlets:
    """Everything that a pose goes to besides the console. clock: seconds, of the images' time."""

    def __init__(
        self,
        config: Config,
        plan: SensorPlan,
        pipeline: Pipeline,
        publisher: MqttPublisher | MessageFile | None,
        clock: Callable[[], float],
    ) -> None:
        self._publisher = publisher
        if publisher is not None:
            who = config.device.id, plan.kind
            self._summary = SummaryKeeper(
                *who, partial(publisher.publish_retained, "summary"), clock
            )
            self._events = EventKeeper(*who, publisher.publish_event, clock)
            self._envelope = EnvelopeKeeper(
                config, plan.kind, pipeline, partial(publisher.publish_stream, "envelope"), clock
            )

    def pose(self, estimate: PoseEstimate, message: Message) -> None:
        if self._publisher is not None:
            self._publisher.publish_pose(message)
            self._summary.pose(estimate)
            self._events.pose(estimate)

    def tick(self, looking: bool) -> None:
        """Time passes: somebody may have left. looking: whether the camera is open."""
        if self._publisher is not None:
            self._summary.tick(looking)
            self._events.tick(looking)
            self._envelope.tick()


class _Either:
    """Stops for the whole run or for this source only."""

    def __init__(self, *events: threading.Event) -> None:
        self._events = events

    def is_set(self) -> bool:
        return any(e.is_set() for e in self._events)


def run(
    config: Config,
    console: Console,
    seconds: float | None = None,
    read_again: Callable[[], Config] | None = None,
    messages: MessageFile | None = None,
    compiled: Callable[[], None] | None = None,
) -> Summary:
    """Run until a signal, the source's end, `seconds` or a reload. Devices are closed and the
    broker told in any case.

    A broker that is away is logged; poses are computed all the same. read_again: reads the
    configuration for `reload`. messages: takes what a broker would get where there is none
    (mqtt.enabled false). compiled: called before any device is opened where kernels had to be
    compiled.
    """
    reloaded: list[Config] = []
    with ExitStack() as closing:
        # Until the source is open a signal may interrupt at once: nothing sounds yet and nothing is
        # lost.
        plan = make_plan(config)
        pipeline = Pipeline(config, plan.rig, plan.excitation, plan.correction)
        log.info("preparing; the very first start compiles for up to a minute")
        log.info("networks: %s", pipeline.execution.as_sentence())
        pipeline.warm_up()
        if compiled is not None and compiled_here():
            compiled()
        stop = closing.enter_context(stop_on_signals())
        folder = state_folder(config)
        sensing = Sensing(config, control_file(config))
        telemetry = Telemetry(config, plan.kind, pipeline, MODELS)
        source = (
            plan.open(muted=sensing.silent_because is not None)
            if sensing.settings.sensing
            else None
        )

        def close_source() -> None:
            if source is not None:
                source.close()

        closing.callback(close_source)
        publisher = None
        if config.mqtt.enabled:
            outbox = (
                Path(config.mqtt.outbox)
                if config.mqtt.outbox
                else folder / f"{config.device.id}.outbox"
            )
            publisher = closing.enter_context(
                MqttPublisher(
                    config.mqtt,
                    config.device.id,
                    source=plan.kind,
                    zones=config.zones,
                    outbox_path=outbox,
                )
            )
            sensing.announce(partial(publisher.publish_retained, "control"))
        live = config.source.kind == "device" or config.source.realtime
        outlets = _Outlets(
            config,
            plan,
            pipeline,
            publisher or messages,
            time.monotonic if live else pipeline.image_s,
        )
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

        def reload() -> None:
            if read_again is None:
                raise ConfigError(
                    "there is no configuration file to read again; start with `posekernel run --config F`"
                )
            new = read_again()
            made = make_plan(new)
            Pipeline(
                new, made.rig, made.excitation, made.correction
            )  # reads the models and the saved room, too
            reloaded.append(new)
            stop.set()

        def beat(stage: str) -> None:
            heartbeat.beat(stage)
            if stage == "image":
                outlets.tick(looking=source is not None)

        closing.enter_context(Control(config, sensing, pipeline, telemetry, publisher, reload))
        while not stop.is_set():
            if source is None:
                heartbeat.beat("sound")
                beat("image")
                if (
                    not sensing.wait_until_on(_IDLE_S)
                    or (source := _open_again(plan, sensing, stop)) is None
                ):
                    continue
            console.say(f"source: {source.kind} ({source.description})")
            for note in source.notes:
                console.say(f"note: {note}")
            telemetry.opened(source)
            off = sensing.attach(source, pipeline)
            for estimate in (pipeline.live if live else pipeline.offline)(
                source, _Either(stop, off), beat
            ):
                message = pose_message(estimate, config.device.id)
                telemetry.pose(estimate.latency_ms)
                outlets.pose(estimate, message)
                console.pose(estimate, message, truth_error_m(plan.session, estimate))
                console.progress(time.monotonic() - started, seconds, pipeline.counters)
            sensing.detach()
            source.close()
            telemetry.closed()
            pipeline.resume()
            if not off.is_set():
                break
            source = None
            return_free()
        if config.background.snapshot and pipeline.room_learned:
            try:
                pipeline.background.save(Path(config.background.snapshot))
            except ConfigError as e:
                log.error("%s", e)  # the run was good; the next one learns the room anew
        log.info("%s", as_sentence(telemetry.totals, pipeline))
        c, sent = pipeline.counters, publisher.counters if publisher else MqttCounters()
        next_config = reloaded[0] if reloaded else None
        return Summary(
            c.poses, c.poses_from_sound, c.frames_dropped, sent.published, sent.dropped, next_config
        )


def _open_again(plan: SensorPlan, sensing: Sensing, stop: threading.Event) -> Source | None:
    """The source after sensing was off; None, after a pause, while a device is not there."""
    try:
        return plan.open(muted=sensing.silent_because is not None)
    except PosekernelError as e:
        log.error("sensing is on, but %s; trying again", e)
        stop.wait(_OPEN_AGAIN_S)
        return None
