"""Reads the configuration file."""

import tomllib
from pathlib import Path

from edge.core.config.checks import check_config
from edge.core.config.configuration import Config
from edge.core.errors import ConfigError
from edge.core.toml_fields import from_table


def load_config(path: Path) -> Config:
    """Read and check a configuration file. Raises ConfigError with one sentence that names the key."""
    try:
        table = tomllib.loads(path.read_text())
    except FileNotFoundError as e:
        raise ConfigError(
            f"{path}: no such file; `posekernel run --config F` needs a configuration (see README)"
        ) from e
    except (OSError, UnicodeDecodeError) as e:
        raise ConfigError(f"{path}: cannot be read ({e})") from e
    except (tomllib.TOMLDecodeError, RecursionError) as e:
        raise ConfigError(f"{path}: not valid TOML: {e}") from e
    try:
        config = from_table(Config, table)
        check_config(config)
    except ConfigError as e:
        raise ConfigError(f"{path}: {e}") from e
    return config
