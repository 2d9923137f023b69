"""A table as TOML text that people read: scalars first, then tables, then lists of tables."""

import json
from typing import Any


def as_toml(table: dict[str, Any], heading: list[str]) -> str:
    """heading: lines of comment at the top. Values: bool, int, finite float, str, lists and dicts
    of them.
    """
    lines = [f"# {line}".rstrip() for line in heading]

    def section(name: str, values: dict[str, Any]) -> None:
        if name and not (values and all(isinstance(v, dict) for v in values.values())):
            lines.extend(["", f"[{name}]"])
        lines.extend(
            f"{k} = {_as_value(v)}"
            for k, v in values.items()
            if not isinstance(v, dict) and not _is_tables(v)
        )
        for k, v in values.items():
            if isinstance(v, dict):
                section(f"{name}.{k}" if name else k, v)
        for k, v in values.items():
            if _is_tables(v):
                for each in v:
                    lines.extend(["", f"[[{name}.{k}]]" if name else f"[[{k}]]"])
                    lines.extend(f"{key} = {_as_value(value)}" for key, value in each.items())

    section("", table)
    return "\n".join([*lines, ""])


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, dict) for v in value)


def _as_value(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_as_value(v) for v in value)}]"
    if isinstance(value, dict):  # inside a table of a list
        return "{ " + ", ".join(f"{k} = {_as_value(v)}" for k, v in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)
