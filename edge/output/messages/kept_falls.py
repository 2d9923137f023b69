"""Who fell and is not up again, over a restart of the sensor."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from edge.core.errors import ConfigError
from edge.core.files import read_file, write_whole
from edge.core.typed import convert, parse_json
from edge.output.messages.fields import UtcTime

_MOST = 100

log = logging.getLogger(__name__)

_Metres = Annotated[float, Meta(ge=-1000.0, le=1000.0)]


class KeptFall(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """since: when it was noticed, UTC as in the messages. floor_m: where, None: not known."""

    since: UtcTime
    floor_m: tuple[_Metres, _Metres] | None


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    falls: Annotated[tuple[KeptFall, ...], Meta(max_length=_MOST)]


class KeptFalls:
    """A small file, written before a fall is told and after its end is, so that a sudden end of the
    program never loses one that was told. path None: in memory only.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self.falls = () if path is None else _load(path)

    @property
    def newest(self) -> str | None:
        """When the newest was noticed; None where there is none."""
        return max((fall.since for fall in self.falls), default=None)

    def keep(self, falls: Sequence[KeptFall]) -> None:
        """These and no others; a disk that cannot be written is logged."""
        self.falls = tuple(falls[-_MOST:])
        if self._path is None:
            return
        try:
            if not self.falls:
                self._path.unlink(missing_ok=True)
                return
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self._path, msgspec.json.encode(_File(self.falls)) + b"\n", 0o600)
        except OSError as e:
            log.error("%s: cannot be written (%s); a restart may forget", self._path, e.strerror)


def _load(path: Path) -> tuple[KeptFall, ...]:
    try:
        return convert(parse_json(read_file(path)), _File).falls
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except (OSError, ConfigError) as e:
        log.error("%s: cannot be used (%s); whether somebody lay there is not known", path, e)
        return ()
