"""How a command ends a run: to begin again with the configuration as it is now, or as a new
process.
"""

import logging
import threading
from dataclasses import dataclass, field
from pathlib import Path

from edge.core.config import Config, load_config
from edge.core.errors import ConfigError
from edge.sensor.plan import prepare

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Ending:
    """file: of the configuration, None where there is none. restartable: this process can be
    replaced. new, restarts: what was asked for.
    """

    file: Path | None
    stop: threading.Event
    restartable: bool
    new: Config | None = field(default=None, init=False)
    restarts: bool = field(default=False, init=False)

    def reload(self) -> None:
        """Raises PosekernelError for a configuration that could not start."""
        if self.file is None:
            raise ConfigError(
                "there is no configuration file to read again; "
                "start with `posekernel run --config F`"
            )
        self.new = self._checked(self.file)
        self.stop.set()

    def restart(self) -> None:
        """Raises ConfigError where nothing would start it again, or it could not start."""
        if not self.restartable:
            raise ConfigError(
                "nothing would start this program again; start it with `posekernel run --config F`"
            )
        if self.file is not None:
            self._checked(self.file)
        self.restarts = True
        self.stop.set()

    def _checked(self, file: Path) -> Config:
        config = load_config(file)
        prepare(config)
        return config
