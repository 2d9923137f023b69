"""`python -m tests.deploy.site FOLDER`: a bare device and its broker, until SIGTERM.
FOLDER/hosts.json, once both answer, tells where they are. Molecule's create and destroy are this
(deploy/molecule/default).
"""

import signal
import sys
import tempfile
from pathlib import Path

from tests.deploy.machine import Machine, inventory
from tests.deploy.parts.packages import make_package
from tests.deploy.playbooks import SETTINGS, VARIABLES
from tests.support.broker.mosquitto import Mosquitto


def main(folder: Path) -> None:
    """Make both, and end them at SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    make_package()
    with (
        tempfile.TemporaryDirectory(prefix="posekernel-site-") as work,
        Mosquitto(Path(work) / "broker") as broker,
        Machine(Path(work), "hall") as hall,
    ):
        settings = {**SETTINGS, "mqtt.port": broker.port}
        inventory(
            folder,
            [hall],
            {**VARIABLES, "runtime_settings": settings, "verify_broker_port": broker.port},
        )
        signal.pause()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
