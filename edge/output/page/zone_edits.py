"""The requests by which the page shows and changes the zones of a running sensor."""

import hashlib
import json
import logging
import os
import stat
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import msgspec

from edge.core.config import Config, ZoneConfig, parse_config
from edge.core.errors import ConfigError, PosekernelError
from edge.core.files import read_file, write_whole
from edge.core.typed import Strict, convert
from edge.output.messages.fields import Message
from edge.output.page.requests import PageAnswer, PageRequest, refusal
from edge.output.page.zone_text import with_zone, without_zone

Zones = tuple[ZoneConfig, ...]

log = logging.getLogger(__name__)


class _Edit(Strict, frozen=True):
    """version: of the zones that the page showed. old: the zone's name, None for a new one. new:
    None removes it.
    """

    version: str
    old: str | None
    new: ZoneConfig | None


@dataclass(frozen=True, slots=True)
class ZoneFile:
    """Where zones are kept. take_over: has the running sensor go on with these zones."""

    path: Path
    take_over: Callable[[Zones], None]


class _MovedOnError(PosekernelError):
    """The zones are not any more what the page showed. zones: those of the file."""

    def __init__(self, text: str, zones: Zones) -> None:
        super().__init__(text)
        self.zones = zones


class ZoneEdits:
    """Responders for the zones that a sensor runs with. One change at a time; each is read from the
    file, checked as `run` checks it, and written whole, so that nothing else of the file is lost.
    """

    def __init__(self, zones: Sequence[ZoneConfig], file: ZoneFile) -> None:
        self.zones: Zones = tuple(zones)
        self._file = file
        self._lock = threading.Lock()

    def show(self, request: PageRequest) -> PageAnswer:
        """The zones, and which version of them this is."""
        return PageAnswer(self._state())

    def change(self, request: PageRequest) -> PageAnswer:
        """Add, change or remove one zone; an error is a sentence for the page."""
        with self._lock:
            try:
                edit = convert(request.content, _Edit)
                self._go_on_with(self._written(edit))
            except _MovedOnError as e:
                self._go_on_with(e.zones)
                return refusal(HTTPStatus.CONFLICT, str(e), **self._state())
            except (ConfigError, OSError) as e:
                return refusal(HTTPStatus.UNPROCESSABLE_ENTITY, _sentence(e), **self._state())
            except Exception as e:  # no request may end without an answer
                log.exception("zones: changing them failed unexpectedly")
                text = f"unexpected {type(e).__name__}; see the sensor's log"
                return refusal(HTTPStatus.INTERNAL_SERVER_ERROR, text, **self._state())
            return PageAnswer(self._state())

    def _state(self) -> Message:
        return {"version": _version(self.zones), "zones": zones_shown(self.zones)}

    def _go_on_with(self, zones: Zones) -> None:
        if zones != self.zones:
            self.zones = zones
            self._file.take_over(zones)
            log.info("zones: %s", ", ".join(zone.name for zone in zones) or "none")

    def _written(self, edit: _Edit) -> Zones:
        """The zones after the change, which is in the file by then. Raises ConfigError, OSError or
        _MovedOnError.
        """
        path = self._file.path
        before = read_file(path)
        config = parse_config(before, Path(path.name))
        k = _which(config, edit, path)
        text = before.decode()
        if edit.new is not None:
            new_text = with_zone(text, _in_centimetres(edit.new), k)
        else:
            new_text = without_zone(text, k) if k is not None else text
        after = new_text.encode()
        new = parse_config(after, Path(path.name))
        if after != before:
            _check_writable(path)
            if read_file(path) != before:
                raise _MovedOnError(
                    f"{path.name} was changed at this moment; try again", config.zones
                )
            write_whole(path, after)
        return new.zones


def zones_shown(zones: Sequence[ZoneConfig]) -> list[Message]:
    """As the page reads them."""
    return [{"name": zone.name, "polygon": [list(c) for c in zone.polygon]} for zone in zones]


def _which(config: Config, edit: _Edit, path: Path) -> int | None:
    """The place of the zone in the file, None for a new one."""
    names = [zone.name for zone in config.zones]
    if edit.version != _version(config.zones) or (edit.old is not None and edit.old not in names):
        raise _MovedOnError(
            f"the zones in {path.name} were changed meanwhile, on another page or in the file; "
            "nothing was saved, and these are the zones now",
            config.zones,
        )
    return None if edit.old is None else names.index(edit.old)


def _check_writable(path: Path) -> None:
    """A file that is marked as read-only could still be replaced in its folder."""
    if not os.stat(path).st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH):
        raise PermissionError(13, "it is read-only", str(path))


def _in_centimetres(zone: ZoneConfig) -> ZoneConfig:
    polygon = tuple((round(x, 2) + 0.0, round(y, 2) + 0.0) for x, y in zone.polygon)
    return msgspec.structs.replace(zone, polygon=polygon)


def _version(zones: Sequence[ZoneConfig]) -> str:
    return hashlib.sha256(json.dumps(zones_shown(zones)).encode()).hexdigest()[:16]


def _sentence(error: ConfigError | OSError) -> str:
    if isinstance(error, ConfigError):
        return str(error)
    return (
        f"{error.filename}: cannot be read or written ({error.strerror}); zones are only changed "
        "by whoever may"
    )
