"""Reads the configuration file."""

from pathlib import Path

from edge.core.config.checks import check_config
from edge.core.config.sections import Config
from edge.core.errors import ConfigError
from edge.core.typed import convert, parse_toml


def load_config(path: Path) -> Config:
    """Read and check a configuration file. Raises ConfigError that names the file and the key."""
    try:
        config = convert(parse_toml(path.read_text()), Config)
        check_config(config)
    except FileNotFoundError as e:
        raise ConfigError(
            f"{path}: no such file; `posekernel run --config F` needs a configuration (see README)"
        ) from e
    except (OSError, UnicodeDecodeError) as e:
        raise ConfigError(f"{path}: cannot be read ({e})") from e
    except ConfigError as e:
        raise ConfigError(f"{path}: {e}") from e
    return config
