"""The thread that carries out commands, applies the permissions over time, and sends telemetry."""

import logging
import queue
import threading
import time
from pathlib import Path
from typing import Self

from edge.core.config import Config, LoudnessName, QuietHours
from edge.core.config.sound import MODES
from edge.core.errors import PosekernelError
from edge.output.messages.commands import Command, CommandError, parse_command, result_message
from edge.output.mqtt.publisher import MqttPublisher
from edge.output.mqtt.wire.messages import ReceivedMessage
from edge.sensor.permissions import Sensing
from edge.sensor.pipeline import Pipeline
from edge.sensor.process.ending import Ending
from edge.sensor.reports.condition import Condition
from edge.sensor.reports.telemetry import Telemetry

_TICK_S = 0.1

log = logging.getLogger(__name__)


class Control:
    """`with Control(...):` runs the thread until closed. publisher None: there are no commands and
    no telemetry.

    leave: ends the run for the commands `reload` and `restart`.
    """

    def __init__(
        self,
        config: Config,
        sensing: Sensing,
        pipeline: Pipeline,
        telemetry: Telemetry,
        condition: Condition,
        publisher: MqttPublisher | None,
        leave: Ending,
    ) -> None:
        self._config, self._sensing, self._pipeline = config, sensing, pipeline
        self._telemetry, self._condition = telemetry, condition
        self._publisher, self._leave = publisher, leave
        self._stop = threading.Event()
        self._next_report_s = time.monotonic() + config.telemetry.interval_s
        self._thread = threading.Thread(target=self._run, name="control", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(2.0)

    def answer(self, received: ReceivedMessage) -> tuple[str, str | None, bool, str]:
        """Carry out one command; its name, sender's id, whether done, and a sentence."""
        name = received.topic.rpartition("/")[2]
        request = None
        try:
            command = parse_command(
                name,
                received.payload,
                retained=received.retained,
                max_level_dbfs=self._config.excitation.level_dbfs,
            )
            request = command.request
            return name, request, True, self._carry_out(command)
        except CommandError as e:
            return name, e.request, False, str(e)
        except PosekernelError as e:
            return name, request, False, str(e)
        except Exception as e:  # no command may end the sensor
            log.exception("command %s failed unexpectedly", name)
            return name, request, False, f"unexpected {type(e).__name__}; see the device's log"

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._next_command()
                self._sensing.tick()
                self._condition.tick()
                self._report()
            except Exception:
                # The command that switches sensing off must still work after any fault.
                log.exception("control failed unexpectedly")
                self._stop.wait(_TICK_S)

    def _next_command(self) -> None:
        if self._publisher is None:
            self._stop.wait(_TICK_S)
            return
        try:
            received = self._publisher.commands.get(timeout=_TICK_S)
        except queue.Empty:
            return
        if received.retained and not received.payload:
            return  # a retained command was cleared
        name, request, ok, text = self.answer(received)
        log.info("command %s: %s", name, text)
        self._publisher.publish_answer(
            result_message(self._config.device.id, name, request, ok, text, utc_ns=time.time_ns())
        )

    def _report(self) -> None:
        if self._publisher is not None and time.monotonic() >= self._next_report_s:
            self._next_report_s = time.monotonic() + self._config.telemetry.interval_s
            self._publisher.publish_stream("telemetry", self._telemetry.message(self._publisher))

    def _carry_out(self, command: Command) -> str:
        arguments = command.arguments
        match command.name:
            case "sensing":
                on = arguments["on"]
                off = "the loudspeaker is silent, camera and microphones are closed"
                done = "sensing is on" if on else f"sensing is off: {off}"
                return self._change(done, sensing=on)
            case "mute":
                done = (
                    "the loudspeaker is mute, the scale comes from the assumed height"
                    if arguments["on"]
                    else "mute is off"
                )
                return self._change(done, mute=arguments["on"])
            case "level":
                level = arguments["level_dbfs"]
                level = self._config.excitation.level_dbfs if level is None else level
                return self._change(f"the level is {level:g} dBFS", level_dbfs=level)
            case "loudness":
                return self._loudness(arguments["mode"])
            case "quiet_hours":
                hours: QuietHours | None = arguments["hours"]
                done = (
                    "there are no quiet hours"
                    if hours is None
                    else f"quiet from {hours.start:%H:%M} to {hours.end:%H:%M}"
                )
                return self._change(done, quiet_hours=hours)
            case "budget":
                return self._budget(arguments["budget_dba"])
            case "recalibrate":
                return self._recalibrate()
            case "restart":
                self._leave.restart()
                return "the program ends and starts again"
            case _:
                self._leave.reload()
                return "the configuration is right; starting over with it"

    def _change(self, done: str, **settings: object) -> str:
        trouble = self._sensing.change(**settings)
        return done if trouble is None else f"{done}, but only until a restart: {trouble}"

    def _loudness(self, mode: LoudnessName | None) -> str:
        own = self._config.sound.name
        if mode in ("continuous", "custom") and mode != own:
            raise CommandError(
                f'mode: found "{mode}", which is not configured; allowed: {", ".join(MODES)}, '
                "null for the configured one, or a number of one's own with `budget`"
            )
        wanted = mode or own
        does = _as_words(self._config.sound.limits_of(wanted))
        return self._change(f"the loudness is {wanted}: {does}", loudness=wanted, budget_dba=None)

    def _budget(self, budget_dba: float | None) -> str:
        sound = self._config.sound
        if budget_dba is not None and budget_dba > sound.most_dba:
            raise CommandError(
                f"budget_dba: found {budget_dba:g}, allowed: 0 to {sound.most_dba:g}, or null for "
                "what the loudness says"
            )
        does = _as_words(sound.limits_of(self._sensing.permissions.loudness, budget_dba))
        return self._change(f"the budget is set: {does}", budget_dba=budget_dba)

    def _recalibrate(self) -> str:
        snapshot = self._config.background.snapshot
        self._pipeline.room.relearn()
        done = "the empty room is forgotten and learned anew as soon as nobody is in view"
        try:
            if snapshot:
                Path(snapshot).unlink(missing_ok=True)
        except OSError as e:
            why = f"{snapshot} cannot be removed ({e.strerror})"
            return f"{done}, but a restart may bring the old one back: {why}"
        return done


def _as_words(limits_dba: tuple[float, float] | None) -> str:
    if limits_dba is None:
        return "sound without a budget"
    budget, peak = limits_dba
    return f"at most {budget:g} dB(A) on average, {peak:g} at once" if budget else "no sound at all"
