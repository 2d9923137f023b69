"""What the sensor is allowed to do, and when: see and hear at all, sound, and how loud."""

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, time
from pathlib import Path
from time import monotonic, monotonic_ns, time_ns
from typing import Any

import msgspec

from edge.core.config import Config
from edge.core.contracts import Source
from edge.output.messages.device_messages import ControlMessage, Silence, Speaker
from edge.output.messages.fields import Message, timestamp
from edge.sensor.kept_permissions import (
    Permissions,
    configured,
    hours_of_day,
    load_permissions,
    save_permissions,
)
from edge.sensor.pipeline import Pipeline
from edge.sensor.probing import Prober
from edge.sensor.system_clock import clock_is_synchronised

SEEN_S = 5.0  # a person counts as present for this long after the camera last saw them
KEEP_ALIVE_PING_S = 2.0

log = logging.getLogger(__name__)


class Sensing:
    """Applies the permissions to the running source at once, and publishes them as the retained
    topic `control`. Thread-safe.

    Call `tick` several times a second: it follows the time of day and what the camera sees. path:
    file that keeps what commands changed. clock_is_right: whether local_time can be trusted; while
    it never could, quiet hours are taken to last.
    """

    def __init__(
        self,
        config: Config,
        path: Path,
        *,
        clock: Callable[[], float] = monotonic,
        local_time: Callable[[], time] = lambda: datetime.now().time(),
        clock_is_right: Callable[[], bool] = clock_is_synchronised,
    ) -> None:
        self._config = config
        self._path = path
        self._publish: Callable[[Message], None] | None = None
        self._off = threading.Event()
        self._clock, self._local_time = clock, local_time
        # Without a loudspeaker there is nothing to keep silent.
        self._clock_known = config.source.kind != "device"
        self._clock_is_right, self._clock_doubted = clock_is_right, False
        self._changed = threading.Condition()
        self._source: Source | None = None
        self._pipeline: Pipeline | None = None
        self._prober: Prober | None = None
        self._began_s = clock()
        self._published: ControlMessage | None = None
        self._permissions = load_permissions(path, configured(config))

    @property
    def permissions(self) -> Permissions:
        """As they are now."""
        return self._permissions

    @property
    def silent_because(self) -> Silence | None:
        """Why a source that opens now must not sound; None where it may."""
        return self._speaker()[1]

    @property
    def opens_muted(self) -> bool:
        """A source that opens now must not sound by itself: not at all, or only in bursts."""
        return self.silent_because is not None or self._limits_dba is not None

    def announce(self, publish: Callable[[Message], None]) -> None:
        """Publish the state through `publish`, now and whenever it changes."""
        with self._changed:
            self._publish, self._published = publish, None
            self._apply()

    def wait_until_on(self, timeout_s: float) -> bool:
        """Whether sensing is on, after waiting for it for a while."""
        with self._changed:
            return self._changed.wait_for(lambda: self._permissions.sensing, timeout_s)

    def attach(self, source: Source, pipeline: Pipeline) -> threading.Event:
        """Apply the permissions to this source. The event is set when sensing goes off."""
        with self._changed:
            self._source, self._pipeline, self._off = source, pipeline, threading.Event()
            self._prober = Prober(pipeline, source.audio, self._config.sensing.keep_alive_s)
            self._began_s = self._clock()
            self._apply()
            return self._off

    def detach(self) -> None:
        """The source is being closed."""
        with self._changed:
            self._source = self._prober = None

    def change(self, **changes: Any) -> str | None:
        """Change some Permissions at once. Returns why they cannot outlast a restart, or None."""
        with self._changed:
            self._permissions = replace(self._permissions, **changes)
            self._apply()
            self._changed.notify_all()
            return save_permissions(self._path, self._permissions, configured(self._config))

    def tick(self) -> None:
        """Follow the time of day and what the camera sees."""
        with self._changed:
            self._apply()

    def _apply(self) -> None:
        speaker, because = self._speaker()
        source = self._source
        if source is not None and not self._permissions.sensing:
            self._off.set()
            source.audio.set_muted(True)
            source.frames.close()
            self._source = None  # whoever opened it closes the rest
        elif source is not None:
            in_bursts = source.audio.adjustable and self._limits_dba is not None
            muted = speaker == "off" or (
                speaker == "standby" and not in_bursts and not self._keep_alive()
            )
            if self._pipeline is not None:
                self._pipeline.silent = muted
                self._pipeline.sound_use.limit(self._limits_dba)
            lower_db = self._permissions.level_dbfs - self._config.excitation.level_dbfs
            source.audio.set_gain(10.0 ** (lower_db / 20.0))
            source.audio.set_continuous(not in_bursts)
            source.audio.set_muted(muted)
            if in_bursts and not muted and self._prober is not None:
                self._prober.tick(monotonic_ns())
        self._announce(speaker, because)

    def _speaker(self) -> tuple[Speaker, Silence | None]:
        """The loudspeaker's state, and why it must be silent where it must."""
        now = self._permissions
        if not now.sensing:
            return "off", "sensing off"
        if now.mute:
            return "off", "mute"
        if self._limits_dba == (0.0, 0.0):
            return "off", "silent mode"
        if now.quiet_hours is not None and (
            not self._knows_the_time() or now.quiet_hours.covers(self._local_time())
        ):
            return "off", "quiet hours"
        return ("on" if self._wanted() else "standby"), None

    @property
    def _limits_dba(self) -> tuple[float, float] | None:
        now = self._permissions
        return self._config.sound.limits_of(now.loudness, now.budget_dba)

    def _knows_the_time(self) -> bool:
        """Whether the clock was ever known to be right: it may begin at any time of day."""
        if not self._clock_known and self._clock_is_right():
            self._clock_known = True
            if self._clock_doubted:
                log.info("the clock is right now: quiet hours are as set")
        if not self._clock_known and not self._clock_doubted:
            self._clock_doubted = True
            log.warning(
                "quiet hours are set, but this machine's clock is not synchronised: the "
                "loudspeaker stays silent until it is; see `timedatectl`"
            )
        return self._clock_known

    def _wanted(self) -> bool:
        """Somebody is seen, or the empty room is still to be learned."""
        pipeline = self._pipeline
        if self._config.sensing.ping == "always" or pipeline is None:
            return True
        seen_ns = pipeline.seen_ns
        if not pipeline.room.background.ready:
            return True
        return seen_ns is not None and monotonic_ns() - seen_ns < SEEN_S * 1e9

    def _keep_alive(self) -> bool:
        """Whether a short sound is due that follows the empty room while nobody is there."""
        elapsed_s = self._clock() - self._began_s
        return elapsed_s % self._config.sensing.keep_alive_s < KEEP_ALIVE_PING_S

    def _announce(self, speaker: Speaker, because: Silence | None) -> None:
        now, limits = self._permissions, self._limits_dba
        message = ControlMessage(
            id=self._config.device.id,
            timestamp="",
            sensing=now.sensing,
            mute=now.mute,
            level_dbfs=now.level_dbfs,
            loudness=now.loudness if now.budget_dba is None else "custom",
            budget_dba=limits and limits[0],
            peak_dba=limits and limits[1],
            quiet_hours=hours_of_day(now.quiet_hours),
            speaker=speaker,
            silent_because=because,
        )
        if self._publish is None or message == self._published:
            return
        self._published = message
        sent = msgspec.structs.replace(message, timestamp=timestamp(time_ns()))
        self._publish(sent.as_message())
