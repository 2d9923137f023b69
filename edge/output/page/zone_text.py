"""Zones in the text of a configuration file: one is added, changed or removed, the rest stays.

TOML libraries that keep comments count those above `[[next]]` to the table before it, so that
removing a zone would take the next one's comment along. Here a comment on a line of its own always
stays. Whether the text still says the same of everything else is checked by reading both.
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import tomli_w

from edge.core.config import ZoneConfig
from edge.core.errors import ConfigError
from edge.core.typed import convert, parse_toml

_LONGEST_LINE = 90


def with_zone(text: str, zone: ZoneConfig, k: int | None = None) -> str:
    """The text of a valid configuration with this zone in place of the k-th, or behind the last.
    Raises ConfigError where the text does not show where to write it.
    """
    zones = _zones(text)
    whole = _Text(_as_tables(text, zones))
    new = whole.added(zone) if k is None else whole.changed(k, zone)
    return _checked(new, text, [*zones, zone] if k is None else _put(zones, k, [zone]))


def without_zone(text: str, k: int) -> str:
    """The text without the k-th zone; its comments on lines of their own stay. Raises as above."""
    zones = _zones(text)
    whole = _Text(_as_tables(text, zones))
    return _checked(whole.removed(k), text, _put(zones, k, []))


@dataclass(frozen=True, slots=True)
class _Statement:
    """A blank line, comment, header or key with its value: text[start:end], with the line's end.

    name: of the table that a header begins, or the key; () otherwise. value: from where to where
    the value is. comments: those in the value and behind it.
    """

    start: int
    end: int
    kind: str
    name: tuple[str, ...] = ()
    value: tuple[int, int] = (0, 0)
    comments: tuple[str, ...] = ()


class _Text:
    """A text whose zones are tables `[[zones]]`."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._newline = "\r\n" if text.partition("\n")[0].endswith("\r") else "\n"
        self._statements = _statements(text)
        self._tables: list[list[_Statement]] = []  # of each zone: the header and its keys
        table: list[_Statement] | None = None
        for s in self._statements:
            if s.kind == "table":
                table = [] if s.name == ("zones",) else None
                if table is not None:
                    self._tables.append(table)
            if table is not None and s.kind in ("table", "key"):
                table.append(s)

    def added(self, zone: ZoneConfig) -> str:
        end = self._tables[-1][-1].end if self._tables else len(self._text)
        before = self._text[:end]
        if before and not before.endswith("\n"):
            before += self._newline
        lines = ["[[zones]]", f"name = {_name(zone)}", f"polygon = {_polygon(zone)}"]
        table = "".join(f"{line}\n" for line in ([""] if before else []) + lines)
        return before + table.replace("\n", self._newline) + self._text[end:]

    def changed(self, k: int, zone: ZoneConfig) -> str:
        text = self._text
        values: dict[tuple[str, ...], str] = {("name",): _name(zone), ("polygon",): _polygon(zone)}
        for s in reversed(self._table(k)):
            new = values.get(s.name) if s.kind == "key" else None
            if new is None or _value(new) == _value(text[slice(*s.value)]):
                continue
            # Comments between the corners would be lost with them.
            within = [c for c in s.comments if c in text[slice(*s.value)]]
            above = "".join(f"{c}{self._newline}" for c in within)
            line = text[s.start : s.value[0]] + new.replace("\n", self._newline)
            text = text[: s.start] + above + line + text[s.value[1] :]
        return text

    def removed(self, k: int) -> str:
        gone = {s.start for s in self._table(k)}
        kept: list[_Statement] = []
        after_gap = False
        for s in self._statements:
            if s.start in gone:
                after_gap = True
                continue
            # Of the blank lines before and after it one is enough.
            if after_gap and s.kind == "blank" and (not kept or kept[-1].kind == "blank"):
                continue
            kept.append(s)
            after_gap = False
        if after_gap and kept and kept[-1].kind == "blank":
            kept.pop()
        return "".join(self._text[s.start : s.end] for s in kept)

    def _table(self, k: int) -> list[_Statement]:
        if k >= len(self._tables):
            raise ConfigError(_BY_HAND)
        return self._tables[k]


_BY_HAND = "its zones are written in a way that cannot be changed here; change them in the file"


def _as_tables(text: str, zones: Sequence[ZoneConfig]) -> str:
    """The text with a list `zones = [...]` written as tables at its end."""
    for s in _statements(text):
        if s.kind == "table":
            return text
        if s.kind == "key" and s.name == ("zones",):
            comments = "".join(f"{comment}\n" for comment in s.comments)
            text = text[: s.start] + comments + text[s.end :]
            for zone in zones:
                text = _Text(text).added(zone)
            return text
    return text


def _zones(text: str) -> list[ZoneConfig]:
    return convert(parse_toml(text).get("zones", []), list[ZoneConfig], "zones")


def _put(zones: list[ZoneConfig], k: int, new: list[ZoneConfig]) -> list[ZoneConfig]:
    return zones[:k] + new + zones[k + 1 :]


def _checked(new: str, old: str, zones: list[ZoneConfig]) -> str:
    """The new text, if it differs from the old one in its zones only, which are these."""
    try:
        found = _zones(new)
        same = _rest(new) == _rest(old) and found == zones
    except ConfigError:
        same = False
    if not same:
        raise ConfigError(_BY_HAND)
    return new


def _rest(text: str) -> dict[str, Any]:
    return {key: value for key, value in parse_toml(text).items() if key != "zones"}


def _name(zone: ZoneConfig) -> str:
    return tomli_w.dumps({"name": zone.name}).partition(" = ")[2].rstrip("\n")


def _polygon(zone: ZoneConfig) -> str:
    corners = [f"[{x!r}, {y!r}]" for x, y in zone.polygon]
    line = f"[{', '.join(corners)}]"
    if len(line) <= _LONGEST_LINE:
        return line
    rows = [corners[k : k + 4] for k in range(0, len(corners), 4)]
    return "[\n" + "".join(f"    {', '.join(row)},\n" for row in rows) + "]"


def _value(text: str) -> Any:
    return tomllib.loads(f"value = {text}")["value"]


def _statements(text: str) -> list[_Statement]:
    """Of a valid TOML text, in order; together they are the text."""
    found = []
    start = 0
    while start < len(text):
        at = _past(text, start, " \t")
        if at == len(text) or text[at] in "\r\n":
            s = _Statement(start, _line_end(text, at), "blank")
        elif text[at] == "#":
            s = _Statement(start, _line_end(text, at), "comment")
        else:
            s = _table(text, start, at) if text[at] == "[" else _key(text, start, at)
        found.append(s)
        start = s.end
    return found


def _table(text: str, start: int, at: int) -> _Statement:
    """A header such as `[[zones]] # where people sit`."""
    end, depth = at, 0
    while end == at or depth:
        if text[end] in "\"'":
            end = _past_string(text, end)
            continue
        depth += {"[": 1, "]": -1}.get(text[end], 0)
        end += 1
    table: Any = tomllib.loads(text[at:end])
    name = []
    while table:
        key, table = next(iter(table.items()))
        name.append(key)
        table = table[0] if isinstance(table, list) else table
    return _Statement(start, _line_end(text, end), "table", tuple(name))


def _key(text: str, start: int, at: int) -> _Statement:
    """A key and its value, which may go over several lines."""
    equals = at
    while text[equals] != "=":
        equals = _past_string(text, equals) if text[equals] in "\"'" else equals + 1
    first = _past(text, equals + 1, " \t")
    end, last, depth = first, first, 0  # last: where the value ends
    comments = []
    while end < len(text) and (depth or text[end] != "\n"):
        c = text[end]
        if c == "#":
            stop = text.find("\n", end)
            stop = len(text) if stop < 0 else stop
            comments.append(text[end:stop].rstrip())
            end = stop
        elif c in "\"'":
            end = last = _past_string(text, end)
        else:
            depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(c, 0)
            end += 1
            last = last if c.isspace() else end
    name: Any = tomllib.loads(f"{text[at:equals]} = 0")
    return _Statement(
        start, _line_end(text, end), "key", tuple(name), (first, last), tuple(comments)
    )


def _past_string(text: str, at: int) -> int:
    """Behind the string that begins at `at`."""
    quote = text[at]
    long = text.startswith(quote * 3, at)
    end = at + (3 if long else 1)
    while not text.startswith(quote * 3 if long else quote, end):
        end += 2 if quote == '"' and text[end] == "\\" else 1
    end += 3 if long else 1
    while long and text.startswith(quote, end):  # up to two more may belong to it
        end += 1
    return end


def _past(text: str, at: int, what: str) -> int:
    while at < len(text) and text[at] in what:
        at += 1
    return at


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end + 1
