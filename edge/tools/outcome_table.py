"""Outcomes of checks as text, as doctor and calibrate print them."""

from collections.abc import Sequence

from edge.core.logs.shown import printable


def outcome_table(rows: Sequence[tuple[str, str, str, str]]) -> str:
    """Aligned lines of outcome, name and what was found; a remedy on a line of its own.

    rows: (outcome, name, found, remedy); an empty remedy has no line.
    """
    width = max(len(name) for _, name, _, _ in rows)
    lines = []
    for outcome, name, found, remedy in rows:
        lines.append(f"{outcome.upper():<8} {name:<{width}}  {printable(found)}")
        if remedy:
            lines.append(f"{'':<8} {'':<{width}}  -> {printable(remedy)}")
    return "\n".join(lines)
