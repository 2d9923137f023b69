"""The table of entities in edge/output/README.md, whose test compares the two."""

from collections.abc import Sequence

from edge.core.config import ZoneConfig
from edge.output.homeassistant.discovery import entities
from edge.output.homeassistant.room import triggers

_ZONE = ZoneConfig("ZONE", ())
_CATEGORIES = {"config": "setting", "diagnostic": "diagnostic"}


def entity_table() -> str:
    """Markdown: of every entity its name, what it tells, kind, category, and whether it is on."""
    rows = [("entity", "what it tells or does", "kind", "category", "on by default")]
    for _, _, entity in entities([_ZONE]):
        component = entity.component
        rows.append(
            (
                component["name"],
                entity.what,
                component["platform"],
                _CATEGORIES.get(component.get("entity_category", ""), ""),
                "yes" if component.get("enabled_by_default", True) else "no",
            )
        )
    return "\n".join([_line(rows[0]), "|---" * len(rows[0]) + "|", *map(_line, rows[1:])])


def trigger_names() -> str:
    """The kinds of the device triggers, for a sentence."""
    kinds = dict.fromkeys(str(c["type"]) for c in triggers([_ZONE]).values())
    return ", ".join(f"`{kind}`" for kind in kinds)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
