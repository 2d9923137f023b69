"""Typed data from outside: TOML and JSON into frozen structs, each mistake as one sentence.

A struct is the only description of what it reads: its types, defaults and, in `Meta`, its limits.
"""

import difflib
import json
import math
import re
import tomllib
from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec
import tomli_w
from msgspec import inspect

from edge.core.errors import ConfigError
from edge.core.logs.shown import masked, quoted

T = TypeVar("T")
_TABLE = "a table of keys"  # in JSON an object


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A struct that refuses a key it does not know, and shows no secret."""

    def __repr__(self) -> str:
        return masked(super().__repr__())


def convert(raw: Any, kind: type[T], path: str = "") -> T:
    """Data as TOML or JSON gives it -> `kind`, a struct. path: dotted name of the data, for errors.

    Raises ConfigError that names the key, what was found and what is allowed.
    """
    try:
        for key, value in _not_finite(raw, path):
            raise ConfigError(f"{key}: found {value}, but a finite number is needed")
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as e:
        raise ConfigError(_explain(e, raw, kind, path)) from None
    except RecursionError as e:
        raise ConfigError(f"{path or 'the file'}: nested too deeply") from e


def parse_toml(text: str) -> dict[str, Any]:
    """The table of a TOML text. Raises ConfigError."""
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as e:  # a ValueError also for a number of 5000 digits
        raise ConfigError(f"not valid TOML: {str(e).partition(';')[0]:.200}") from e


def parse_json(data: bytes) -> Any:
    """The value of a JSON text in UTF-8; 640.0 is the whole number 640. Raises ConfigError."""
    try:
        return _JSON.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        constant = re.search(rb"\b(NaN|-?Infinity)\b", data)
        found = f"{constant[0].decode()} in it" if constant else str(e)
        raise ConfigError(f"not JSON ({found.removeprefix('JSON is malformed: ')})") from e


def _number(text: str) -> float:
    value = float(text)
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


_JSON = msgspec.json.Decoder(float_hook=_number)


def as_toml(data: dict[str, Any] | msgspec.Struct, heading: list[str]) -> str:
    """Data as a TOML text for people. heading: lines of comment at the top. None is left out."""
    text = tomli_w.dumps(_without_none(msgspec.to_builtins(data)))
    # A position in one line, not in five. No text holds a line break of its own.
    text = re.sub(
        r"\[\n\s*((?:[-+.\w]+,\s+)+)\]", lambda m: f"[{' '.join(m[1].split())[:-1]}]", text
    )
    return "".join(f"# {line}".rstrip() + "\n" for line in heading) + "\n" * bool(heading) + text


def _without_none(data: Any) -> Any:
    if isinstance(data, dict):
        return {k: _without_none(v) for k, v in data.items() if v is not None}
    return [_without_none(v) for v in data] if isinstance(data, list | tuple) else data


def _not_finite(raw: Any, path: str) -> Iterator[tuple[str, float]]:
    if isinstance(raw, float) and not math.isfinite(raw):
        yield path, raw
    elif isinstance(raw, dict):
        for key, value in raw.items():
            yield from _not_finite(value, _join(path, key))
    elif isinstance(raw, list):
        for k, value in enumerate(raw):
            yield from _not_finite(value, f"{path}[{k}]")


def _explain(error: msgspec.ValidationError, raw: Any, kind: Any, path: str) -> str:
    """msgspec says where and what is wrong; this adds what was found there and what is allowed."""
    if isinstance(error.__cause__, ConfigError):  # of a __post_init__, a sentence already
        return str(error.__cause__)
    place = str(error).rpartition(" - at `$")[2] if " - at `$" in str(error) else ""
    node, value = inspect.type_info(kind), raw
    try:
        for key, index in re.findall(r"\.(\w+)|\[(\d+)\]", place):
            node = _part(node, key or index)
            path = _join(path, key) if key else f"{path}[{index}]"
            value = value[key or int(index)]
        if str(error).startswith("Object "):
            return _wrong_key(_struct(node), value, path)
        return f"{path or 'the file'}: {_sentence(node, value)}"
    except (LookupError, StopIteration, TypeError):  # in a dict, or a key that looks like a place
        return f"{path or 'the file'}: {masked(' '.join(str(error).split())):.120}"


def _wrong_key(node: inspect.StructType | inspect.DataclassType, value: Any, path: str) -> str:
    fields = {f.encode_name: f for f in node.fields}
    for key in value:
        if key not in fields and getattr(node, "forbid_unknown_fields", False):
            near = difflib.get_close_matches(key, fields, n=1)
            hint = f"; did you mean {near[0]}?" if near else "."
            return f"{_join(path, key)}: no such key{hint} Allowed here: {', '.join(fields)}"
    missing = next(f for name, f in fields.items() if f.required and name not in value)
    at = _join(path, missing.encode_name)
    return f"{at}: missing, but needed ({_needed(missing.type)})"


def _part(node: inspect.Type, key: str) -> inspect.Type:
    for each in _members(node):
        if isinstance(each, inspect.StructType | inspect.DataclassType):
            return next(f.type for f in each.fields if f.encode_name == key)
        if isinstance(each, inspect.TupleType):
            return each.item_types[int(key)]
        if isinstance(each, inspect.VarTupleType | inspect.ListType):
            return each.item_type
        if isinstance(each, inspect.DictType):
            return each.value_type
    return inspect.AnyType()


def _members(node: inspect.Type) -> list[inspect.Type]:
    """The types of a union, else the type itself, null last; descriptions are taken off."""
    while isinstance(node, inspect.Metadata):
        node = node.type
    types = node.types if isinstance(node, inspect.UnionType) else (node,)
    return sorted(types, key=lambda t: isinstance(t, inspect.NoneType))


def _struct(node: inspect.Type) -> inspect.StructType | inspect.DataclassType:
    tables = (inspect.StructType, inspect.DataclassType)
    return next(t for t in _members(node) if isinstance(t, tables))


def _sentence(node: inspect.Type, value: Any) -> str:
    members = _members(node)
    words = [w for t in members[1:] if isinstance(t, inspect.LiteralType) for w in t.values]
    if isinstance(members[-1], inspect.NoneType) and _needed(members[0]) != _TABLE:
        words.append(None)
    # Of int | float the wider one.
    first = next((t for t in members if isinstance(t, inspect.FloatType)), members[0])
    return _found(first, value) + "".join(f", or {json.dumps(w)}" for w in words)


def _found(node: inspect.Type, value: Any) -> str:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(node, inspect.LiteralType) and type(value) is type(node.values[0]):
        near = difflib.get_close_matches(str(value), [str(v) for v in node.values], n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        return f"found {quoted(value, 40)}{hint}, allowed: {', '.join(map(repr, node.values))}"
    if (isinstance(node, inspect.IntType) and type(value) is int) or (
        isinstance(node, inspect.FloatType) and number
    ):
        return f"found {quoted(value, 40)}, allowed: {_range(node)}"
    if isinstance(node, inspect.TupleType) and isinstance(value, list):
        return f"found {len(value)} values, but {len(node.item_types)} are needed"
    if isinstance(node, inspect.VarTupleType | inspect.ListType) and isinstance(value, list):
        return f"found {len(value)} values, allowed: {node.min_length} to {node.max_length}"
    if isinstance(node, inspect.StrType) and isinstance(value, str):
        form = f"{node.min_length or 0} to {node.max_length} characters"
        form = "another form" if node.max_length is None else form
        return f"found {quoted(value, 40)}, but a text of {form} is needed"
    return f"found {_describe(value)}, but {_needed(node)} is needed"


def _range(node: inspect.IntType | inspect.FloatType) -> str:
    low, high = node.ge, node.le
    return f"{'-1e308' if low is None else low} to {'1e308' if high is None else high}"


def _needed(node: inspect.Type) -> str:
    node = _members(node)[0]
    if isinstance(node, inspect.LiteralType):
        return "a text in quotes" if isinstance(node.values[0], str) else "a whole number"
    names = {
        inspect.BoolType: "true or false",
        inspect.IntType: "a whole number",
        inspect.FloatType: "a number",
        inspect.StrType: "a text in quotes",
        inspect.StructType: _TABLE,
        inspect.DataclassType: _TABLE,
        inspect.DictType: _TABLE,
    }
    return names.get(type(node), "a list")


def _describe(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, dict):
        return _TABLE
    if isinstance(value, list):
        return f"a list of {len(value)}"
    kinds = {bool: "truth value", int: "number", float: "number", str: "text"}
    return f"the {kinds.get(type(value), type(value).__name__)} {quoted(value, 60)}"


def _join(path: str, key: str) -> str:
    key = key if key.isprintable() and len(key) <= 40 else f"{json.dumps(key):.40}..."
    return f"{path}.{key}" if path else key
