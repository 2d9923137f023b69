"""The option --out of the studies, and the file it names."""

import argparse
from pathlib import Path

from edge.core.errors import ConfigError
from edge.core.files import can_write, write_whole


def add_out(
    parser: argparse.ArgumentParser, what: str = "also write the report to this Markdown file"
) -> None:
    """Declare --out. what: its help."""
    parser.add_argument("--out", type=Path, metavar="FILE", help=what)


def check_out(path: Path | None, option: str = "--out") -> None:
    """Raises ConfigError where no report can be written there: said before the work, which may take
    hours.
    """
    if path is None:
        return
    if path.is_dir():
        raise ConfigError(f"{option}: {path} is a folder; name a file in it")
    if not path.parent.is_dir():
        raise ConfigError(f"{option}: there is no folder {path.parent}; make it or name another")
    if not can_write(path.parent):
        raise ConfigError(f"{option}: {path.parent} cannot be written to; name another folder")


def write_out(path: Path | None, text: str) -> None:
    """Write the report, whole or not at all. Raises OSError."""
    if path is not None:
        write_whole(path, text.encode())
