"""From a configuration to a running sensor; `run` is the whole program."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from edge.behaviour.mounting.kept_height import KeptHeight
from edge.core.config import Config, ZoneConfig, state_folder
from edge.core.errors import ConfigError
from edge.core.files import set_aside
from edge.core.jit import compiled_here
from edge.lifting.lifter import MODELS
from edge.output.homeassistant.machine import this_machine
from edge.output.message_file import MessageFile
from edge.output.messages.fields import Message
from edge.output.messages.kept_falls import KeptFalls
from edge.output.messages.payloads import pose_message
from edge.output.mqtt.publisher import MqttPublisher
from edge.output.mqtt.stream import MqttCounters
from edge.output.outlets import Outlets
from edge.output.page.server import WebServer
from edge.output.page.zone_edits import ZoneFile
from edge.sensor.apply_calibration import VOLUMES_REMEDY, volumes_changed
from edge.sensor.control import Control
from edge.sensor.kept_permissions import control_file
from edge.sensor.permissions import Sensing
from edge.sensor.pipeline import Pipeline
from edge.sensor.plan import SensorPlan, height_file, outbox_path, prepare
from edge.sensor.process.console import Console
from edge.sensor.process.ending import Ending
from edge.sensor.process.lifetime import stop_on_signals
from edge.sensor.process.running_sensor import RunningSensor
from edge.sensor.process.systemd import Heartbeat
from edge.sensor.process.warm_up import warm_up
from edge.sensor.reports.condition import Condition
from edge.sensor.reports.telemetry import Telemetry, as_sentence
from edge.sources.session.truth import truth_error_m

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run did. published, dropped: messages handed to the broker or not; 0 without one.

    reloaded: the configuration to start over with, where the command `reload` ended the run.
    restarts: the command `restart` did.
    """

    poses: int
    from_sound: int
    frames_dropped: int
    published: int
    dropped: int
    reloaded: Config | None = None
    restarts: bool = False


def run(
    config: Config,
    console: Console,
    seconds: float | None = None,
    file: Path | None = None,
    messages: MessageFile | None = None,
    compiled: Callable[[], None] | None = None,
    restartable: bool = False,
) -> Summary:
    """Run until a signal, the source's end, `seconds` or a reload. However it ends, the devices are
    closed and the broker gets the offline status.

    A broker that is away is logged; poses are computed all the same. file: the configuration's, for
    `reload` and for zones that are drawn on the page. messages: gets what a broker would get where
    there is none (mqtt.enabled false). compiled: called before any device is opened if kernels were
    compiled. restartable: the caller starts again where `restarts` is set. Raises PosekernelError.
    """
    with ExitStack() as closing:
        # No signal handler yet: until a device is open a signal may end the process at once.
        plan, pipeline = prepare(config)
        if changed := volumes_changed(config):
            log.warning("sound: %s: %s", changed, VOLUMES_REMEDY)
        _warm_up(pipeline, compiled)
        stop = closing.enter_context(stop_on_signals())
        if plan.session is None:  # a recording tells the same each time it is replayed
            pipeline.pose.recall(KeptHeight(height_file(config), plan.rig))
        sensing = Sensing(config, control_file(config))
        telemetry = Telemetry(config, plan.kind, pipeline, MODELS)
        sensor = closing.enter_context(
            RunningSensor(plan, pipeline, sensing, telemetry, console, stop)
        )
        condition = Condition(config.device.id, pipeline, sensing, lambda: sensor.blind)
        publisher, kept = None, None
        if config.mqtt.enabled:
            kept = KeptFalls(state_folder(config) / f"{config.device.id}.falls.json")
            publisher = closing.enter_context(_publisher(plan, sensing, condition, kept))
            sensing.announce(partial(publisher.publish_retained, "control"))
            condition.announce(partial(publisher.publish_retained, "health"))
        outlets = _outlets(plan, pipeline, publisher or messages, kept)
        closing.callback(outlets.close)
        pipeline.camera_checks.drop_stale()
        if config.web.enabled:
            zones = None
            if file is not None:
                zones = ZoneFile(file, partial(_take_over, pipeline, outlets, publisher))
            page = closing.enter_context(
                WebServer(
                    config,
                    plan.rig,
                    zone_file=zones,
                    password=plan.page_password,
                    print_code=lambda code: console.say(f"code for the page: {code}"),
                )
            )
            console.say(f"page: {page.url}")
        heartbeat = closing.enter_context(Heartbeat(sound=30.0, image=30.0))
        started = time.monotonic()
        if seconds:
            closing.enter_context(_set_after(seconds, stop))
        ending = Ending(file, stop, restartable)
        closing.enter_context(
            Control(config, sensing, pipeline, telemetry, condition, publisher, ending)
        )

        def beat(stage: str) -> None:
            heartbeat.beat(stage)
            if stage == "image":
                outlets.tick(sensor.blind, pipeline.gone)

        for estimate in sensor.poses(beat):
            message = pose_message(estimate, config.device.id)
            if estimate.latency_ms is not None:
                telemetry.pose(estimate.latency_ms)
            outlets.pose(estimate, message)
            console.pose(estimate, message, truth_error_m(plan.session, estimate))
            dropped = telemetry.totals.images_dropped
            console.progress(time.monotonic() - started, seconds, pipeline.counters, dropped)
        _save_room(pipeline)
        log.info("%s", as_sentence(telemetry.totals, pipeline))
        c, sent = pipeline.counters, publisher.counters if publisher else MqttCounters()
        return Summary(
            *(c.poses, c.poses_from_sound, c.frames_dropped, sent.published, sent.dropped),
            reloaded=ending.new,
            restarts=ending.restarts,
        )


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


def _publisher(
    plan: SensorPlan, sensing: Sensing, condition: Condition, falls: KeptFalls
) -> MqttPublisher:
    config = plan.config
    control: list[Message] = []
    health: list[Message] = []
    sensing.announce(control.append)
    condition.announce(health.append)
    return MqttPublisher(
        config.mqtt,
        config.device.id,
        source=plan.kind,
        zones=config.zones,
        loudness=config.sound.name,
        outbox_path=outbox_path(config),
        first={"control": control[0], "health": health[0]},
        fallen_since=falls.newest,
        machine=this_machine(config.mqtt, config.web),
    )


def _outlets(
    plan: SensorPlan,
    pipeline: Pipeline,
    publisher: MqttPublisher | MessageFile | None,
    kept: KeptFalls | None,
) -> Outlets:
    return Outlets(
        plan.config,
        plan.kind,
        publisher,
        pipeline.room.newest_kernels,
        plan.rig.speed_of_sound_m_s,
        time.monotonic if plan.live else pipeline.image_s,
        kept,
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
