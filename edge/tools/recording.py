"""Records raw sound and images of a real rig into a session folder."""

import logging
import time
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from msgspec.structs import replace

from edge.core.config import Config
from edge.core.contracts import AudioPeriod, Source
from edge.core.errors import ConfigError, EndOfStreamError
from edge.output.messages.commands import CommandError, parse_command, result_message
from edge.output.mqtt.publisher import MqttPublisher
from edge.sensor.kept_permissions import control_file
from edge.sensor.permissions import Sensing
from edge.sensor.plan import SensorPlan, make_plan
from edge.sensor.process.lifetime import stop_on_signals
from edge.sources.session.writer import FULL_SCALE, SessionWriter

_CONNECT_S = 3.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was written."""

    periods: int
    frames: int


def record_session(path: Path, config: Config, seconds: float) -> Recorded:
    """Record `seconds` (or until SIGINT, SIGTERM) from the configured devices into a new folder.

    Channels: the microphones in the rig's order, then the reference where there is one. Faulty
    periods are kept and named. During the recording the device's retained status on the broker has
    `recording` set. Sensing off, mute and quiet hours apply; the command that switches sensing off
    ends the recording. Raises PosekernelError.
    """
    if config.source.kind != "device":
        raise ConfigError(
            f"source.kind: found {config.source.kind!r}, "
            "but only the sound and images of a device can be recorded"
        )
    sensing = Sensing(config, control_file(config))
    if sensing.silent_because is not None:
        raise ConfigError(
            f"nothing was recorded: {sensing.silent_because}; change that with a command or wait"
        )
    config = replace(
        config, excitation=replace(config.excitation, level_dbfs=sensing.permissions.level_dbfs)
    )
    with stop_on_signals() as stop, ExitStack() as stack:
        plan = make_plan(config)
        publisher = None
        if config.mqtt.enabled:
            publisher = stack.enter_context(
                MqttPublisher(
                    config.mqtt,
                    config.device.id,
                    source=plan.kind,
                    loudness=config.sound.name,
                    recording=True,
                )
            )
            if not publisher.wait_connected(_CONNECT_S):
                why = publisher.last_error or "the broker does not answer"
                log.warning("MQTT cannot announce that this device records: %s", why)
        source = stack.enter_context(closing(plan.open()))
        writer = stack.enter_context(_writer(path, plan))
        end = time.monotonic() + seconds

        def ended() -> bool:
            return (
                stop.is_set()
                or time.monotonic() >= end
                or (publisher is not None and _switched_off(config, publisher, sensing))
            )

        return _copy(source, writer, ended)


def _copy(source: Source, writer: SessionWriter, ended: Callable[[], bool]) -> Recorded:
    """Write what the source gives until it ends or `ended` says so."""
    periods = frames = 0
    with suppress(EndOfStreamError):
        while not ended():
            # Sound and images come at their own rates: short waits keep both from queueing up.
            p = source.audio.read(0.02)
            if p is not None:
                writer.add_period(_raw(p), p.t_ns, p.fault, p.sounding, p.burst, p.gain)
                periods += 1
            frame = source.frames.read(0.02)
            if frame is not None:
                writer.add_frame(frame.image, frame.t_ns)
                frames += 1
    return Recorded(periods, frames)


def _writer(path: Path, plan: SensorPlan) -> SessionWriter:
    config, mics = plan.config, len(plan.config.audio.mic_channels)
    reference = config.audio.reference_channel >= 0
    return SessionWriter(
        path,
        source="recorded",
        rig=plan.rig,
        excitation=config.excitation,
        channels=mics + reference,
        mic_channels=tuple(range(mics)),
        reference_channel=mics if reference else None,
        description=f"{config.device.id}, {config.audio.capture}",
        licence="private",
        empty_until_s=0.0,
        fps=max(config.camera.fps, 1.0),
        start_ns=time.monotonic_ns(),
    )


def _switched_off(config: Config, publisher: MqttPublisher, sensing: Sensing) -> bool:
    """Answer the commands that came; whether one of them switched sensing off. The others have to
    wait for the sensor itself.
    """
    while not publisher.commands.empty():
        received = publisher.commands.get()
        name, request = received.topic.rpartition("/")[2], None
        ok, text = False, "this device records at present and takes no command but sensing off"
        try:
            command = parse_command(
                name,
                received.payload,
                retained=received.retained,
                max_level_dbfs=config.excitation.level_dbfs,
            )
            request = command.request
            if name == "sensing" and not command.arguments["on"]:
                sensing.change(sensing=False)
                ok, text = True, "the recording is ended and sensing is off"
        except CommandError as e:
            request, text = e.request, str(e)
        publisher.publish_answer(
            result_message(config.device.id, name, request, ok, text, utc_ns=time.time_ns())
        )
        if ok:
            return True
    return False


def _raw(period: AudioPeriod) -> npt.NDArray[np.int16]:
    """Samples (N, C) as recorded, the reference last."""
    if period.reference is None:
        rows = period.samples * (1.0 if period.sounding == "silence" else period.gain)
    else:
        rows = np.vstack([period.samples, period.reference])
    return np.asarray(np.clip(np.round(rows.T * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1), np.int16)
