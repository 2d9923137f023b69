"""TOML tables to frozen dataclasses. Every wrong key, type or value is a ConfigError that names the
key, what was found, what is allowed. Limits stand in each field's metadata (`limited`, `choice`),
so that the dataclass is the only description of the file.
"""

import dataclasses
import difflib
import json
import math
import types
import typing
from collections.abc import Sequence
from typing import Any, TypeVar

from edge.core.errors import ConfigError

T = TypeVar("T")


def limited(default: Any, low: float, high: float) -> Any:
    """A numeric field with a default and an allowed closed range."""
    return dataclasses.field(default=default, metadata={"low": low, "high": high})


def required(low: float | None = None, high: float | None = None) -> Any:
    """A field without a default, optionally with an allowed closed range."""
    return dataclasses.field(metadata={} if low is None else {"low": low, "high": high})


def choice(default: str, options: Sequence[str]) -> Any:
    """A text field that takes one of `options`."""
    return dataclasses.field(default=default, metadata={"options": tuple(options)})


def from_table(cls: type[T], table: Any, path: str = "") -> T:
    """Build dataclass `cls` from a TOML table. `path`: dotted name of the table, for errors."""
    if not isinstance(table, dict):
        raise ConfigError(
            f"{path or 'the file'}: found {_describe(table)}, but a table is needed ([{path}])"
        )
    fields = {f.name: f for f in dataclasses.fields(typing.cast(Any, cls))}
    hints = typing.get_type_hints(cls)
    for key in table:
        if key not in fields:
            near = difflib.get_close_matches(key, fields, n=1)
            hint = f"; did you mean {near[0]}?" if near else "."
            raise ConfigError(
                f"{_join(path, key)}: no such key{hint} Allowed here: {', '.join(fields)}"
            )
    values: dict[str, Any] = {}
    for name, f in fields.items():
        if name in table:
            values[name] = _convert(hints[name], table[name], _join(path, name), f.metadata)
        elif f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING:
            raise ConfigError(
                f"{_join(path, name)}: missing, but needed ({_type_name(hints[name])})"
            )
    return cls(**values)


def _convert(hint: Any, value: Any, path: str, meta: Any) -> Any:
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        inner = [a for a in typing.get_args(hint) if a is not type(None)]
        words = [
            w
            for a in inner[1:]
            if typing.get_origin(a) is typing.Literal
            for w in typing.get_args(a)
        ]
        if not words:
            return _convert(inner[0], value, path, meta)
        if isinstance(value, str) and value in words:
            return value
        try:
            return _convert(inner[0], value, path, meta)
        except ConfigError as e:
            raise ConfigError(f"{e}, or {' or '.join(json.dumps(w) for w in words)}") from None
    if dataclasses.is_dataclass(hint):
        return from_table(typing.cast(type[Any], hint), value, path)
    if origin is tuple:
        return _convert_tuple(typing.get_args(hint), value, path, meta)
    if origin is typing.Literal:
        hint = str
    ok = {
        bool: isinstance(value, bool),
        int: isinstance(value, int) and not isinstance(value, bool),
        float: isinstance(value, int | float) and not isinstance(value, bool),
        str: isinstance(value, str),
    }[hint]
    if not ok:
        raise ConfigError(f"{path}: found {_describe(value)}, but {_type_name(hint)} is needed")
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{path}: found {value}, but a finite number is needed")
    if "options" in meta and value not in meta["options"]:
        near = difflib.get_close_matches(str(value), meta["options"], n=1)
        hint_text = f" (did you mean {near[0]!r}?)" if near else ""
        raise ConfigError(
            f"{path}: found {value!r}{hint_text}, allowed: {', '.join(map(repr, meta['options']))}"
        )
    if "low" in meta and not meta["low"] <= value <= meta["high"]:
        raise ConfigError(f"{path}: found {value}, allowed: {meta['low']} to {meta['high']}")
    return float(value) if hint is float else value


def _convert_tuple(args: tuple[Any, ...], value: Any, path: str, meta: Any) -> Any:
    if not isinstance(value, list):
        raise ConfigError(f"{path}: found {_describe(value)}, but a list is needed")
    if len(args) == 2 and args[1] is Ellipsis:
        return tuple(_convert(args[0], v, f"{path}[{i}]", meta) for i, v in enumerate(value))
    if len(value) != len(args):
        raise ConfigError(f"{path}: found {len(value)} values, but {len(args)} are needed")
    return tuple(
        _convert(a, v, f"{path}[{i}]", meta)
        for i, (a, v) in enumerate(zip(args, value, strict=True))
    )


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _type_name(hint: Any) -> str:
    names = {
        bool: "true or false",
        int: "a whole number",
        float: "a number",
        str: "a text in quotes",
    }
    if hint in names:
        return names[hint]
    if typing.get_origin(hint) is tuple:
        return "a list"
    return "a table" if dataclasses.is_dataclass(hint) else str(hint)


def _describe(value: Any) -> str:
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    kind = {bool: "truth value", int: "number", float: "number", str: "text"}.get(
        type(value), type(value).__name__
    )
    return f"the {kind} {value!r}"
