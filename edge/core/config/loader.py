"""Reads the configuration file."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edge.core.config.checks import check_config
from edge.core.config.sections import Config
from edge.core.errors import ConfigError
from edge.core.files import read_file
from edge.core.typed import convert, parse_toml

_LONGEST = 4096  # as the longest path of a file
# Keys of earlier releases: section, key, why it is no longer there.
_REMOVED = (
    ("keypoints", "model", "there is one detector, MoveNet"),
    ("keypoints", "min_confidence", "who counts as seen is fixed"),
)

log = logging.getLogger(__name__)


def load_config(path: Path) -> Config:
    """Read and check a configuration file. Raises ConfigError that names the file and the key."""
    try:
        return parse_config(read_file(path), path)
    except FileNotFoundError as e:
        raise ConfigError(
            f"{path}: no such file; `posekernel setup` makes a configuration (see README)"
        ) from e
    except OSError as e:
        raise ConfigError(f"{path}: cannot be read ({e.strerror or e})") from e


def parse_config(content: bytes, path: Path) -> Config:
    """Check what a configuration file holds. path: the file, for errors. Raises ConfigError."""
    try:
        raw = parse_toml(content.decode())
        for problem in _impossible_texts(raw, ""):
            raise ConfigError(problem)
        for told in _without_removed(raw):
            log.warning("%s: %s", path, told)
        config = convert(raw, Config)
        check_config(config, path)
    except UnicodeDecodeError as e:
        raise ConfigError(f"{path}: cannot be read ({e})") from e
    except ConfigError as e:
        raise ConfigError(f"{path}: {e}") from e
    return config


def _without_removed(raw: dict[str, Any]) -> Iterator[str]:
    """Takes removed keys out of the table, and says each."""
    for section, key, why in _REMOVED:
        table = raw.get(section)
        if isinstance(table, dict) and key in table:
            del table[key]
            yield f"{section}.{key} is not used any more ({why}): remove it"


def _impossible_texts(raw: Any, at: str) -> Iterator[str]:
    """Texts that no path, name or topic can be."""
    if isinstance(raw, str) and (len(raw) > _LONGEST or "\0" in raw):
        what = "the character NUL" if "\0" in raw else f"{len(raw)} characters"
        yield f"{at}: found {what}, allowed: at most {_LONGEST} characters, none of them NUL"
    elif isinstance(raw, dict):
        for key, value in raw.items():
            yield from _impossible_texts(value, f"{at}.{key:.40}".removeprefix("."))
    elif isinstance(raw, list):
        for k, value in enumerate(raw):
            yield from _impossible_texts(value, f"{at}[{k}]")
