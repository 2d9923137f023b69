"""The program as a service: libasound, looped video, broker, systemd's listener."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Self

import numpy as np

from edge.sources.session.reader import DEMO_SESSION, load_session
from tests.support.alsa_device import make_alsa_device
from tests.support.broker.mosquitto import Mosquitto, free_port
from tests.support.camera.furnished_film import thinned
from tests.support.config_files import device_settings

NAME = "endurance"
WATCHDOG_S = 15.0
START_S = 180.0  # the very first start compiles


class WatchdogListener:
    """What systemd would hear. `take_longest_s`: the longest time between two pings."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.ready = threading.Event()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._lock = threading.Lock()
        self._last_s: float | None = None
        self._longest_s = 0.0
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def take_longest_s(self) -> float:
        """The longest time without a ping since the last call, the present one included."""
        with self._lock:
            waiting = 0.0 if self._last_s is None else time.monotonic() - self._last_s
            longest, self._longest_s = max(self._longest_s, waiting), 0.0
            return longest

    def _listen(self) -> None:
        while True:
            lines = self._socket.recv(4096).decode().splitlines()
            now_s = time.monotonic()
            with self._lock:
                if "READY=1" in lines:
                    self.ready.set()
                if "WATCHDOG=1" in lines:
                    self._longest_s = max(
                        self._longest_s,
                        now_s - (self._last_s if self._last_s is not None else now_s),
                    )
                    self._last_s = now_s


class Sensor:
    """`posekernel run` with the shipped session looped: through the test sound card and a video
    file ("card"), or replayed as fast as it goes ("accelerated"). `restart_broker` kills the broker
    and starts it again. every: of the card's images only each so-many-th.
    """

    def __init__(self, folder: Path, source: str, every: int = 1) -> None:
        self.folder = folder
        self.broker = Mosquitto(folder / "broker", websockets=True)
        self.web_port = free_port()
        self._source, self._every = source, every
        self._session = load_session(DEMO_SESSION)
        self._process: subprocess.Popen[bytes] | None = None
        self._log = (folder / "sensor.log").open("wb")  # the process writes it to its end

    def __enter__(self) -> Self:
        self.broker.start()
        self.watchdog = WatchdogListener(self.folder / "notify")
        environment = os.environ | {
            "NOTIFY_SOCKET": str(self.watchdog.path),
            "WATCHDOG_USEC": str(int(1e6 * WATCHDOG_S)),
            "PYTHONFAULTHANDLER": "1",
        }
        text = _common(self.folder, self.broker, self.web_port)
        if self._source == "card":
            audio = np.asarray(self._session.audio)
            card = make_alsa_device(
                self.folder / "card", audio, self._session.excitation.sample_rate_hz
            )
            environment |= card.env
            film = thinned(DEMO_SESSION / "frames.mp4", self.folder / "film.mp4", self._every)
            text += device_settings(self._session, card, looped=True, film=film, every=self._every)
        else:
            path = json.dumps(str(DEMO_SESSION))
            text += f'[source]\nkind = "replay"\npath = {path}\nrealtime = false\nloop = true\n'
        config = self.folder / "config.toml"
        config.write_text(text)
        command = [sys.executable, "-m", "edge", "run", "--config", str(config)]
        self._process = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=self._log
        )
        deadline_s = time.monotonic() + START_S
        while not self.watchdog.ready.wait(0.5):
            if not self.alive or time.monotonic() > deadline_s:
                raise RuntimeError(f"the sensor did not start:\n{self.log}")
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self.broker.stop()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> str:
        """What the sensor has said so far."""
        return (self.folder / "sensor.log").read_text(errors="replace")

    def stop(self) -> float:
        """Seconds from SIGTERM to the end of the process."""
        assert self._process is not None
        began_s = time.monotonic()
        self._process.terminate()
        self._process.wait(30.0)
        return time.monotonic() - began_s

    def restart_broker(self) -> None:
        """Kill it and start it again a second later."""
        self.broker.kill()
        time.sleep(1.0)
        self.broker.start()


def process_state(pid: int) -> dict[str, Any]:
    """Resident memory [MB], open descriptors, threads."""
    status = dict(
        line.split(":", 1)
        for line in Path(f"/proc/{pid}/status").read_text().splitlines()
        if ":" in line
    )
    return {
        "memory_mb": int(status["VmRSS"].split()[0]) / 1024.0,
        "threads": int(status["Threads"]),
        "descriptors": len(list(Path(f"/proc/{pid}/fd").iterdir())),
    }


def _common(folder: Path, broker: Mosquitto, web_port: int) -> str:
    return f"""
[device]
id = "{NAME}"
[mqtt]
host = "127.0.0.1"
port = {broker.port}
[web]
enabled = true
port = {web_port}
websocket_url = "ws://127.0.0.1:{broker.websocket_port}/"
[telemetry]
interval_s = 5
[runtime]
state_dir = {json.dumps(str(folder / "state"))}
[[zones]]
name = "Room"
polygon = [[-3, 0.5], [3, 0.5], [3, 6], [-3, 6]]
"""
