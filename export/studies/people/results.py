"""The page of results: each study renews its own section."""

from pathlib import Path

TITLE = "# Several people, and nobody who is not there\n"
ORDER = (
    "Simulator",
    "Sequences",
    "Real frames",
    "Nobody",
    "Entrances",
    "Falls beside somebody else",
)


def renew_section(page: Path, title: str, text: str) -> None:
    """Write `text` as the section of this title (one of ORDER) and keep the others."""
    sections = {}
    if page.exists():
        for part in page.read_text(encoding="utf-8").split("\n## ")[1:]:
            name, _, body = part.partition("\n")
            sections[name] = body.strip()
    sections[title] = text.strip()
    written = [f"## {name}\n\n{sections[name]}\n" for name in ORDER if name in sections]
    page.write_text("\n".join([TITLE, *written]), encoding="utf-8")
