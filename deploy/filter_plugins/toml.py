"""`text | from_toml`: profiles are TOML, which Ansible does not read by itself."""

import tomllib
from typing import Any


def from_toml(text: str) -> dict[str, Any]:
    """The table of a TOML text."""
    return tomllib.loads(text)


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Any]:
        """Filters by name."""
        return {"from_toml": from_toml}
