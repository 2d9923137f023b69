"""The page of results: each study renews its own section."""

from pathlib import Path

TITLE = "# Several people, and nobody who is not there\n"
TITLES = {
    "sequences": "Sequences",
    "real-frames": "Real frames",
    "nobody": "Nobody",
    "entrances": "Entrances",
    "falls": "Falls beside somebody else",
    "over-time": "Single images and the track",
    "sides": "Left and right, front and back",
}


def with_section(page: Path, title: str, text: str) -> str:
    """The page with `text` as the section of this title, in place of the one that it has, else at
    its end; all other sections stay as they are.
    """
    sections: dict[str, str] = {}
    if page.exists():
        for part in page.read_text(encoding="utf-8").split("\n## ")[1:]:
            name, _, body = part.partition("\n")
            sections[name] = body.strip()
    sections[title] = text.strip()
    written = [f"## {name}\n\n{body}\n" for name, body in sections.items()]
    return "\n".join([TITLE, *written])
