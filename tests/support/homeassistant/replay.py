"""A sensor that replays the shipped session, for a running Home Assistant."""

import subprocess
import sys
from pathlib import Path
from typing import Self

from edge.sources.session.reader import DEMO_SESSION
from tests.support import ROOT
from tests.support.broker.mosquitto import free_port
from tests.support.waiting import end, finished

DEVICE, PREFIX = "Pose sensor hall", "pose_sensor_hall"
PASSWORD = "apples and pears"  # of its page
_CONFIG = """
[device]
id = "hall"
[source]
kind = "replay"
path = "{session}"
loop = true
[mqtt]
host = "127.0.0.1"
port = {port}
[web]
enabled = true
host = "0.0.0.0"
port = {page}
websocket_url = "ws://127.0.0.1:9/"
password_file = "{folder}/page-password"
[runtime]
state_dir = "{folder}/state"
[telemetry]
interval_s = 1
[[zones]]
name = "Beam"
polygon = [[-0.7, 2.3], [0.6, 2.3], [0.6, 3.8], [-0.7, 3.8]]
[[zones]]
name = "Beside it"
polygon = [[0.6, 3.4], [1.6, 3.4], [1.6, 4.8], [0.6, 4.8]]
"""
ZONES = ("Beam", "Beside it")


class Replay:
    """`posekernel run` on the shipped session, over and over."""

    def __init__(self, folder: Path, port: int) -> None:
        self.config = folder / "config.toml"
        self.page = free_port()
        text = _CONFIG.format(session=DEMO_SESSION, port=port, page=self.page, folder=folder)
        self.config.write_text(text)
        (folder / "page-password").write_text(f"{PASSWORD}\n")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        command = [sys.executable, "-m", "edge", "run", "--config", str(self.config)]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)

    def stop(self) -> None:
        if self.process.poll() is None:
            end(self.process)

    def forget(self) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "edge", "forget", "--config", str(self.config)]
        return finished(command, cwd=ROOT)
