"""From a configuration to a running sensor; `run` is the whole program."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from edge.core.config import Config, ZoneConfig, state_folder
from edge.core.contracts import Source
from edge.core.errors import ConfigError, PosekernelError, StuckDeviceError
from edge.core.files import set_aside
from edge.core.jit import compiled_here
from edge.core.pose import FrameEstimate
from edge.lifting.lifter import MODELS
from edge.output.message_file import MessageFile
from edge.output.messages.fields import Message
from edge.output.messages.payloads import pose_message
from edge.output.mqtt.publisher import MqttPublisher
from edge.output.mqtt.stream import MqttCounters
from edge.output.outlets import Outlets
from edge.output.page.server import WebServer
from edge.output.page.zone_edits import ZoneFile
from edge.sensor.control import Control
from edge.sensor.loops import live_poses, offline_poses
from edge.sensor.permissions import Sensing, control_file
from edge.sensor.pipeline import Pipeline
from edge.sensor.plan import SensorPlan, prepare
from edge.sensor.process.console import Console
from edge.sensor.process.lifetime import return_free, stop_on_signals
from edge.sensor.process.reload import Reload
from edge.sensor.process.systemd import Heartbeat
from edge.sensor.process.warm_up import warm_up
from edge.sensor.telemetry import Telemetry, as_sentence
from edge.sources.session.truth import truth_error_m

_IDLE_S = 0.2
_OPEN_AGAIN_S = 5.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run did. published, dropped: messages handed to the broker or not; 0 without one.

    reloaded: the configuration to start over with, where the command `reload` ended the run.
    """

    poses: int
    from_sound: int
    frames_dropped: int
    published: int
    dropped: int
    reloaded: Config | None = None


def run(
    config: Config,
    console: Console,
    seconds: float | None = None,
    file: Path | None = None,
    messages: MessageFile | None = None,
    compiled: Callable[[], None] | None = None,
) -> Summary:
    """Run until a signal, the source's end, `seconds` or a reload. However it ends, the devices are
    closed and the broker gets the offline status.

    A broker that is away is logged; poses are computed all the same. file: the configuration's, for
    `reload` and for zones that are drawn on the page. messages: gets what a broker would get where
    there is none (mqtt.enabled false). compiled: called before any device is opened if kernels were
    compiled. Raises PosekernelError.
    """
    with ExitStack() as closing:
        # No signal handler yet: until a device is open a signal may end the process at once.
        plan, pipeline = prepare(config)
        _warm_up(pipeline, compiled)
        stop = closing.enter_context(stop_on_signals())
        sensing = Sensing(config, control_file(config))
        telemetry = Telemetry(config, plan.kind, pipeline, MODELS)
        sensor = closing.enter_context(
            RunningSensor(plan, pipeline, sensing, telemetry, console, stop)
        )
        publisher = None
        if config.mqtt.enabled:
            publisher = closing.enter_context(_publisher(plan, sensing))
            sensing.announce(partial(publisher.publish_retained, "control"))
        outlets = _outlets(plan, pipeline, publisher or messages)
        closing.callback(outlets.close)
        if config.web.enabled:
            zones = None
            if file is not None:
                zones = ZoneFile(file, partial(_take_over, pipeline, outlets, publisher))
            page = closing.enter_context(
                WebServer(
                    config,
                    plan.rig,
                    zone_file=zones,
                    print_code=lambda code: console.say(f"code for the page: {code}"),
                )
            )
            console.say(f"page: {page.url}")
        heartbeat = closing.enter_context(Heartbeat(sound=30.0, image=30.0))
        started = time.monotonic()
        if seconds:
            closing.enter_context(_set_after(seconds, stop))
        reload = Reload(file, stop)
        closing.enter_context(Control(config, sensing, pipeline, telemetry, publisher, reload))

        def beat(stage: str) -> None:
            heartbeat.beat(stage)
            if stage == "image":
                outlets.tick(sensor.blind)

        for estimate in sensor.poses(beat):
            message = pose_message(estimate, config.device.id)
            if estimate.latency_ms is not None:
                telemetry.pose(estimate.latency_ms)
            outlets.pose(estimate, message)
            console.pose(estimate, message, truth_error_m(plan.session, estimate))
            console.progress(time.monotonic() - started, seconds, pipeline.counters)
        _save_room(pipeline)
        log.info("%s", as_sentence(telemetry.totals, pipeline))
        c, sent = pipeline.counters, publisher.counters if publisher else MqttCounters()
        return Summary(
            c.poses, c.poses_from_sound, c.frames_dropped, sent.published, sent.dropped, reload.new
        )


@dataclass(slots=True)
class RunningSensor:
    """The source, open while sensing is on, and its poses. `with` opens and closes it."""

    plan: SensorPlan
    pipeline: Pipeline
    sensing: Sensing
    telemetry: Telemetry
    console: Console
    stop: threading.Event
    source: Source | None = None
    trouble: str = ""  # why the source cannot be opened again

    def __enter__(self) -> "RunningSensor":
        if self.sensing.permissions.sensing:
            self.source = self._open()
        return self

    def __exit__(self, *_: object) -> None:
        if self.source is not None:
            self.source.close()

    @property
    def blind(self) -> str | None:
        """Why nobody can be seen now; None while the sensor looks."""
        if self.source is not None:
            return self.pipeline.blind
        return self.trouble or "sensing is off"

    def poses(self, beat: Callable[[str], None]) -> Iterator[FrameEstimate]:
        """Poses until `stop` is set or the source ends; while sensing is off the source is closed.
        beat: called with "sound" or "image" when that device was read, or need not be.
        """
        while not self.stop.is_set():
            if self.source is None:
                beat("sound")
                beat("image")
                if self.sensing.wait_until_on(_IDLE_S):
                    self.source = self._open_again()
                continue
            off = self._begin(self.source)
            loop = live_poses if self.plan.live else offline_poses
            yield from loop(self.pipeline, self.source, AnyOf(self.stop, off), beat)
            self._end(self.source)
            if not off.is_set():
                return
            self.source = None
            return_free()

    def _begin(self, source: Source) -> threading.Event:
        """Say what runs now; the event is set when sensing goes off."""
        self.console.say(f"source: {source.kind} ({source.description})")
        for note in source.notes:
            self.console.say(f"note: {note}")
        self.telemetry.opened(source)
        return self.sensing.attach(source, self.pipeline)

    def _end(self, source: Source) -> None:
        self.sensing.detach()
        source.close()
        self.telemetry.closed()
        self.pipeline.resume()

    def _open(self) -> Source:
        return self.plan.open(muted=self.sensing.opens_muted)

    def _open_again(self) -> Source | None:
        """None, after a pause, while a device is not there."""
        try:
            source = self._open()
        except StuckDeviceError:
            raise  # no later try of this process can help
        except PosekernelError as e:
            if str(e) != self.trouble:  # once, and not every few seconds for weeks
                self.trouble = str(e)
                log.error("sensing is on, but %s; trying again", e)
            self.stop.wait(_OPEN_AGAIN_S)
            return None
        self.trouble = ""
        return source


class AnyOf:
    """Set as soon as one of the events is."""

    def __init__(self, *events: threading.Event) -> None:
        self._events = events

    def is_set(self) -> bool:
        """Whether one is."""
        return any(e.is_set() for e in self._events)


def _warm_up(pipeline: Pipeline, compiled: Callable[[], None] | None) -> None:
    if pipeline.room.damaged:
        path = Path(pipeline.config.background.snapshot)
        try:
            log.error("%s; it is now %s", pipeline.room.damaged, set_aside(path).name)
        except OSError as e:
            log.error("%s; it cannot be moved away (%s)", pipeline.room.damaged, e.strerror)
    log.info("preparing; the very first start compiles for up to a minute")
    log.info("networks: %s", pipeline.execution.as_sentence())
    warm_up(pipeline)
    if compiled is not None and compiled_here():
        compiled()


def _publisher(plan: SensorPlan, sensing: Sensing) -> MqttPublisher:
    config = plan.config
    control: list[Message] = []
    sensing.announce(control.append)
    kept = state_folder(config) / f"{config.device.id}.outbox"
    return MqttPublisher(
        config.mqtt,
        config.device.id,
        source=plan.kind,
        zones=config.zones,
        loudness=config.sound.name,
        outbox_path=Path(config.mqtt.outbox) if config.mqtt.outbox else kept,
        first={"control": control[0]},
    )


def _outlets(
    plan: SensorPlan, pipeline: Pipeline, publisher: MqttPublisher | MessageFile | None
) -> Outlets:
    return Outlets(
        plan.config,
        plan.kind,
        publisher,
        pipeline.room.newest_kernels,
        plan.rig.speed_of_sound_m_s,
        time.monotonic if plan.live else pipeline.image_s,
    )


def _take_over(
    pipeline: Pipeline,
    outlets: Outlets,
    publisher: MqttPublisher | None,
    zones: tuple[ZoneConfig, ...],
) -> None:
    """Go on with other zones. Any thread may call it."""
    pipeline.people.zones = zones
    outlets.set_zones(zones)
    if publisher is not None:
        publisher.set_zones(zones)


@contextmanager
def _set_after(seconds: float, event: threading.Event) -> Iterator[None]:
    timer = threading.Timer(seconds, event.set)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _save_room(pipeline: Pipeline) -> None:
    snapshot = pipeline.config.background.snapshot
    if snapshot and pipeline.room.learned:
        try:
            pipeline.room.background.save(Path(snapshot))
        except ConfigError as e:
            log.error("%s", e)  # the run itself was good; the next one learns the room anew
