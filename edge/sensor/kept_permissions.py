"""What commands may change of what the sensor is allowed to do, and how a restart keeps it."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from edge.core.config import Config, LoudnessName, QuietHours, state_folder
from edge.core.config.sound import MAX_BUDGET_DBA
from edge.core.files import read_file, write_whole
from edge.core.typed import convert, parse_json
from edge.output.messages.commands import MIN_LEVEL_DBFS
from edge.output.messages.device_messages import HoursOfDay

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Permissions:
    """What commands may change and a restart keeps. level_dbfs: at most the configured one.
    quiet_hours: local time in which the loudspeaker is silent. loudness: how much sound is
    accepted, "custom": the numbers of the configuration. budget_dba: instead of the loudness's.
    """

    sensing: bool
    mute: bool
    level_dbfs: float
    quiet_hours: QuietHours | None
    loudness: LoudnessName = "continuous"
    budget_dba: float | None = None


def control_file(config: Config) -> Path:
    """Where permissions are kept over a restart."""
    return state_folder(config) / f"{config.device.id}.control.json"


def configured(config: Config) -> Permissions:
    """The permissions before any command."""
    level_dbfs, hours = config.excitation.level_dbfs, config.sensing.quiet_hours
    return Permissions(True, False, level_dbfs, hours, config.sound.name)


def hours_of_day(hours: QuietHours | None) -> HoursOfDay | None:
    """As the messages tell them."""
    return None if hours is None else HoursOfDay(f"{hours.start:%H:%M}", f"{hours.end:%H:%M}")


class _Kept(msgspec.Struct, forbid_unknown_fields=True):
    """The file: JSON. Unset: as configured."""

    sensing: bool = True
    mute: bool = False
    level_dbfs: float | UnsetType = UNSET
    quiet_hours: HoursOfDay | UnsetType | None = UNSET
    loudness: LoudnessName | UnsetType = UNSET
    budget_dba: Annotated[float, Meta(ge=0.0, le=MAX_BUDGET_DBA)] | UnsetType = UNSET


def load_permissions(path: Path, default: Permissions) -> Permissions:
    """The permissions with what the file changes; sensing stays off if it is unusable."""
    try:
        kept = convert(parse_json(read_file(path)), _Kept)
        level = default.level_dbfs
        if kept.level_dbfs is not UNSET:
            level = min(kept.level_dbfs, level)
        if level < MIN_LEVEL_DBFS:
            raise ValueError(f"level_dbfs is {level}")
        quiet = default.quiet_hours
        if kept.quiet_hours is None:
            quiet = None
        elif kept.quiet_hours is not UNSET:
            quiet = QuietHours.parse(kept.quiet_hours.start, kept.quiet_hours.end)
    except (FileNotFoundError, NotADirectoryError):
        return default
    except (OSError, ValueError) as e:
        log.error(
            "%s: cannot be used (%s); sensing stays off, as it may have been, until the command "
            "`sensing` or until the file is removed",
            path,
            e,
        )
        return replace(default, sensing=False)
    loudness = default.loudness if kept.loudness is UNSET else kept.loudness
    if loudness in ("continuous", "custom"):  # that the configuration may no longer know
        loudness = default.loudness
    budget_dba = None if kept.budget_dba is UNSET else kept.budget_dba
    return Permissions(kept.sensing, kept.mute, level, quiet, loudness, budget_dba)


def save_permissions(path: Path, now: Permissions, default: Permissions) -> str | None:
    """Write what differs from the configuration, whole or not at all; returns why that failed."""
    kept = _Kept(now.sensing, now.mute)
    if now.level_dbfs != default.level_dbfs:
        kept.level_dbfs = now.level_dbfs
    if now.loudness != default.loudness:
        kept.loudness = now.loudness
    if now.budget_dba is not None:
        kept.budget_dba = now.budget_dba
    if now.quiet_hours != default.quiet_hours:
        kept.quiet_hours = hours_of_day(now.quiet_hours)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Not for others to read: it tells when a home is quiet.
        write_whole(path, msgspec.json.encode(kept) + b"\n", 0o600)
    except OSError as e:
        log.error("%s: cannot be written (%s); a restart will forget this", path, e.strerror)
        return f"{path} cannot be written ({e.strerror})"
    return None
