"""A new configuration with the zones of the one that it replaces: they are drawn on the page of the
sensor, so only its file has them.
"""

from pathlib import Path

from edge.core.config import ZoneConfig, parse_config
from edge.core.errors import ConfigError
from edge.core.files import read_file
from edge.core.typed import convert, parse_toml
from edge.output.page.zone_text import with_zone, without_zone


def keep_zones(text: str, of: Path) -> tuple[str, int]:
    """(The text of a valid configuration with the zones of the file `of`, how many of its own are
    left out for them.) Without such a file, or zones in it, the text stays. Where the file says
    the same already, its own text comes back, comments and all.

    Raises ConfigError where the zones of the file cannot be read.
    """
    try:
        before = read_file(of).decode()
        kept = convert(parse_toml(before).get("zones", []), list[ZoneConfig], "zones")
    except FileNotFoundError:
        return text, 0
    except (OSError, UnicodeDecodeError, ConfigError) as e:
        why = e.strerror if isinstance(e, OSError) else e
        raise ConfigError(
            f"{of}: its zones cannot be read ({why}), so they would be lost; mend it, or do "
            "without --zones-of"
        ) from e
    if not kept:
        return text, 0
    own = parse_config(text.encode(), Path("configuration")).zones
    if list(own) != kept:
        for k in reversed(range(len(own))):
            text = without_zone(text, k)
        for zone in kept:
            text = with_zone(text, zone)
    same = parse_toml(before) == parse_toml(text)
    return before if same else text, sum(zone not in kept for zone in own)
