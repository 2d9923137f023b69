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


def with_section(page: Path, title: str, text: str) -> str:
    """The page with `text` as the section of this title (one of ORDER), and the other sections that
    it has, if it exists.
    """
    sections = {}
    if page.exists():
        for part in page.read_text(encoding="utf-8").split("\n## ")[1:]:
            name, _, body = part.partition("\n")
            sections[name] = body.strip()
    sections[title] = text.strip()
    written = [f"## {name}\n\n{sections[name]}\n" for name in ORDER if name in sections]
    return "\n".join([TITLE, *written])
