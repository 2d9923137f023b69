"""Who may be seen and heard, and when: sensing on or off, mute, quiet hours, level, and sound only
while somebody is there.
"""

import json
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, time
from pathlib import Path
from time import monotonic, monotonic_ns, time_ns
from typing import Any, Literal

from edge.core.config import Config, QuietHours, state_folder
from edge.core.contracts import Source
from edge.core.files import write_whole
from edge.output.messages.commands import MIN_LEVEL_DBFS
from edge.output.messages.payloads import Message, timestamp
from edge.sensor.pipeline import Pipeline

CONTROL_SCHEMA = "posekernel.control/1"
SEEN_S = 5.0  # a person counts as there for so long after the camera's last sight
KEEP_ALIVE_PING_S = 2.0

log = logging.getLogger(__name__)

Speaker = Literal["on", "standby", "off"]


@dataclass(frozen=True, slots=True)
class Settings:
    """What commands may change and a restart keeps. level_dbfs: at most the configured one."""

    sensing: bool
    mute: bool
    level_dbfs: float
    quiet_hours: QuietHours | None


def control_file(config: Config) -> Path:
    """Where the settings are kept."""
    return state_folder(config) / f"{config.device.id}.control.json"


def configured(config: Config) -> Settings:
    """The settings before any command."""
    return Settings(True, False, config.excitation.level_dbfs, config.sensing.quiet_hours)


class Sensing:
    """Applies the settings to the source that runs, at once, and says so on a retained topic.
    Thread-safe.

    Call `tick` several times a second: it follows the clock and the camera. path: file that keeps
    what commands changed.
    """

    def __init__(
        self,
        config: Config,
        path: Path,
        *,
        clock: Callable[[], float] = monotonic,
        local_time: Callable[[], time] = lambda: datetime.now().time(),
    ) -> None:
        self._config = config
        self._path = path
        self._publish: Callable[[Message], None] | None = None
        self._off = threading.Event()
        self._clock, self._local_time = clock, local_time
        self._changed = threading.Condition()
        self._source: Source | None = None
        self._pipeline: Pipeline | None = None
        self._began_s = clock()
        self._told: dict[str, Any] = {}
        self._settings = _load(path, configured(config))

    @property
    def settings(self) -> Settings:
        """As they are now."""
        return self._settings

    @property
    def silent_because(self) -> str | None:
        """Why a source that opens now must not sound; None where it may."""
        return self._speaker()[1]

    def announce(self, publish: Callable[[Message], None]) -> None:
        """Say the state through `publish`, now and whenever it changes."""
        with self._changed:
            self._publish, self._told = publish, {}
            self._apply()

    def wait_until_on(self, timeout_s: float) -> bool:
        """Whether sensing is on, after waiting for it for a while."""
        with self._changed:
            return self._changed.wait_for(lambda: self._settings.sensing, timeout_s)

    def attach(self, source: Source, pipeline: Pipeline) -> threading.Event:
        """A source was opened: it follows the settings from now on. The event is set, for good,
        when sensing goes off.
        """
        with self._changed:
            self._source, self._pipeline, self._off = source, pipeline, threading.Event()
            self._began_s = self._clock()
            self._apply()
            return self._off

    def detach(self) -> None:
        """The source is being closed."""
        with self._changed:
            self._source = None

    def change(self, **settings: Any) -> str | None:
        """Take new values of some fields of Settings, at once; returns why they cannot be kept over
        a restart, or None.
        """
        with self._changed:
            self._settings = replace(self._settings, **settings)
            self._apply()
            self._changed.notify_all()
            return _save(self._path, self._settings, configured(self._config))

    def tick(self) -> None:
        """Follow the time of day and what the camera sees."""
        with self._changed:
            self._apply()

    def _apply(self) -> None:
        speaker, because = self._speaker()
        source = self._source
        if source is not None and not self._settings.sensing:
            self._off.set()
            source.audio.set_muted(True)
            source.frames.close()
            self._source = None  # whoever opened it closes the rest
        elif source is not None:
            muted = speaker == "off" or (speaker == "standby" and not self._keep_alive())
            if self._pipeline is not None:
                self._pipeline.silent = muted
            source.audio.set_gain(
                10.0 ** ((self._settings.level_dbfs - self._config.excitation.level_dbfs) / 20.0)
            )
            source.audio.set_muted(muted)
        self._tell(speaker, because)

    def _speaker(self) -> tuple[Speaker, str | None]:
        settings = self._settings
        if not settings.sensing:
            return "off", "sensing off"
        if settings.mute:
            return "off", "mute"
        if settings.quiet_hours is not None and settings.quiet_hours.covers(self._local_time()):
            return "off", "quiet hours"
        return ("on" if self._wanted() else "standby"), None

    def _wanted(self) -> bool:
        """Somebody is seen, or the empty room is still to be learned."""
        pipeline = self._pipeline
        if (
            self._config.sensing.ping == "always"
            or pipeline is None
            or not pipeline.background.ready
        ):
            return True
        seen_ns = pipeline.seen_ns
        return seen_ns is not None and monotonic_ns() - seen_ns < SEEN_S * 1e9

    def _keep_alive(self) -> bool:
        return (
            self._clock() - self._began_s
        ) % self._config.sensing.keep_alive_s < KEEP_ALIVE_PING_S

    def _tell(self, speaker: Speaker, because: str | None) -> None:
        settings = self._settings
        state = {
            "sensing": settings.sensing,
            "mute": settings.mute,
            "level_dbfs": settings.level_dbfs,
            "quiet_hours": None if settings.quiet_hours is None else settings.quiet_hours.as_dict(),
            "speaker": speaker,
            "silent_because": because,
        }
        if self._publish is None or state == self._told:
            return
        self._told = state
        now = timestamp(time_ns())
        self._publish(
            {"schema": CONTROL_SCHEMA, "id": self._config.device.id, "timestamp": now, **state}
        )


def _load(path: Path, default: Settings) -> Settings:
    """The settings with what the file changes. A file that cannot be used is reported, and sensing
    then stays off.
    """
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        if set(kept) - {"sensing", "mute", "level_dbfs", "quiet_hours"}:
            raise ValueError(f"it holds {', '.join(kept)}")
        sensing, mute = kept.get("sensing", default.sensing), kept.get("mute", default.mute)
        if not (isinstance(sensing, bool) and isinstance(mute, bool)):
            raise ValueError("sensing and mute must be true or false")
        level = min(float(kept.get("level_dbfs", default.level_dbfs)), default.level_dbfs)
        if not level >= MIN_LEVEL_DBFS:
            raise ValueError(f"level_dbfs is {level}")
        quiet = default.quiet_hours
        if "quiet_hours" in kept:
            quiet = (
                QuietHours.parse(kept["quiet_hours"]["from"], kept["quiet_hours"]["to"])
                if kept["quiet_hours"]
                else None
            )
    except FileNotFoundError:
        return default
    except (
        OSError,
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        OverflowError,
        RecursionError,
    ) as e:
        log.error(
            "%s: cannot be used (%s); sensing stays off, as it may have been, until the command `sensing` or until the file is "
            "removed",
            path,
            e,
        )
        return replace(default, sensing=False)
    return Settings(sensing, mute, level, quiet)


def _save(path: Path, settings: Settings, default: Settings) -> str | None:
    """Write what differs from the configuration, whole or not at all; returns the trouble."""
    kept: dict[str, Any] = {"sensing": settings.sensing, "mute": settings.mute}
    if settings.level_dbfs != default.level_dbfs:
        kept["level_dbfs"] = settings.level_dbfs
    if settings.quiet_hours != default.quiet_hours:
        kept["quiet_hours"] = (
            None if settings.quiet_hours is None else settings.quiet_hours.as_dict()
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(
            path, f"{json.dumps(kept)}\n".encode(), 0o600
        )  # nobody else's business when a home is quiet
    except OSError as e:
        log.error("%s: cannot be written (%s); a restart will forget this", path, e.strerror)
        return f"{path} cannot be written ({e.strerror})"
    return None
