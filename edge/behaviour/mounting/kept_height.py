"""What people showed of the camera's height, over a restart of the sensor."""

import hashlib
import logging
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from edge.core.errors import ConfigError
from edge.core.files import read_file, write_whole
from edge.core.rig import Rig
from edge.core.typed import convert, parse_json

_LEAST_M, _MOST_M = 0.1, 6.0  # what is noticed at all; no camera hangs higher

log = logging.getLogger(__name__)


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """JSON. rig: which one it is about. off_m: how high people stand above the floor that follows
    from the configured height [m].
    """

    rig: str
    off_m: Annotated[float, Meta(ge=-_MOST_M, le=_MOST_M)]


def read_height(path: Path, rig: Rig) -> float | None:
    """How high people stood above the floor [m] below this very camera; None where nothing is kept
    of it. Raises OSError or ConfigError for a file that cannot be used.
    """
    try:
        kept = convert(parse_json(read_file(path)), _File)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if abs(kept.off_m) < _LEAST_M:
        raise ConfigError(f"off_m: found {kept.off_m:g}, but at least {_LEAST_M:g} is noticed")
    return kept.off_m if kept.rig == _which(rig) else None


class KeptHeight:
    """A small file, there while people stand off the floor. It says nothing of who stood there."""

    def __init__(self, path: Path, rig: Rig) -> None:
        self._path, self._rig = path, rig

    def load(self) -> float | None:
        """See `read_height`; a damaged file is logged, and counts as none."""
        try:
            return read_height(self._path, self._rig)
        except (OSError, ConfigError) as e:
            log.warning(
                "%s: cannot be used (%s); whether people stand on the floor is found out anew",
                self._path,
                e,
            )
            return None

    def keep(self, off_m: float | None) -> None:
        """off_m: None while people stand on the floor. A disk that cannot be written is logged."""
        try:
            if off_m is None:
                with suppress(FileNotFoundError, NotADirectoryError):
                    self._path.unlink()
                return
            self._path.parent.mkdir(parents=True, exist_ok=True)
            content = _File(_which(self._rig), round(off_m, 3))
            write_whole(self._path, msgspec.json.encode(content) + b"\n")
        except OSError as e:
            log.error(
                "%s: cannot be written (%s); a restart goes on from what was there before",
                self._path,
                e.strerror,
            )


def _which(rig: Rig) -> str:
    """The same for the same camera and devices in the same places, and else another."""
    devices = (rig.speakers.tolist(), rig.mics.tolist(), rig.pairs.tolist())
    described = repr((rig.camera, *devices, rig.speed_of_sound_m_s))
    return hashlib.sha256(described.encode()).hexdigest()[:16]
