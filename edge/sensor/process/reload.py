"""The command `reload`."""

import threading
from dataclasses import dataclass, field
from pathlib import Path

from edge.core.config import Config, load_config
from edge.core.errors import ConfigError
from edge.sensor.plan import prepare


@dataclass(slots=True)
class Reload:
    """Checks the configuration in `file` and ends the run. new: to start with."""

    file: Path | None
    stop: threading.Event
    new: Config | None = field(default=None, init=False)

    def __call__(self) -> None:
        """Raises PosekernelError for a configuration that could not start."""
        if self.file is None:
            raise ConfigError(
                "there is no configuration file to read again; "
                "start with `posekernel run --config F`"
            )
        new = load_config(self.file)
        prepare(new)
        self.new = new
        self.stop.set()
