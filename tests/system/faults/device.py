"""A whole sensor under test: `posekernel run`, and all that reached the broker."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import paho.mqtt.client as paho

from edge.behaviour.zones import LEAVE_M
from edge.sources.session.reader import DEMO_SESSION, load_session
from tests.support import ROOT
from tests.support.alsa_device import AlsaTestDevice, make_alsa_device
from tests.support.broker.mosquitto import Mosquitto
from tests.support.broker.relay import Relay
from tests.support.broker.subscriber import Subscriber
from tests.support.config_files import device_settings
from tests.support.waiting import LIMIT_S

SOUND, SILENT = "sound", "without sound"
# The demo: 5 s with a person, at 10 frames/s, then 2 s without.
IMAGES, ROUND_S = 70, 7.0
POSES_PER_S = 50 / ROUND_S
NOBODY_S = 2.0


@dataclass
class Device:
    """process: the sensor. arrived: (monotonic s, topic below posekernel/hall/, message), in order
    of arrival.

    relay: between the sensor and its broker. client: somebody else at the broker.
    """

    folder: Path
    card: AlsaTestDevice
    broker: Mosquitto
    relay: Relay
    client: paho.Client
    config: Path
    env: dict[str, str]
    process: subprocess.Popen[bytes] = field(init=False)
    arrived: list[tuple[float, str, dict[str, Any]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Start the sensor, as a supervisor does after its end."""
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "edge", "run", "--config", str(self.config)],
                cwd=ROOT,
                env=os.environ | self.card.env | self.env,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )

    def command(self, name: str, payload: str, timeout_s: float = LIMIT_S) -> dict[str, Any]:
        """Have the sensor carry out a command; its answer."""
        began = time.monotonic()
        self.client.publish(f"posekernel/hall/cmd/{name}", payload, qos=1)
        answered = self.wait_for("cmd/result", began, lambda m: m["command"] == name, timeout_s)
        return next(m for t, m in self.messages("cmd/result", began) if t == answered)

    @property
    def log(self) -> str:
        """What the sensor wrote to its log so far."""
        return (self.folder / "log").read_text()

    def messages(self, topic: str, since_s: float = 0.0) -> list[tuple[float, dict[str, Any]]]:
        """(arrival [monotonic s], message) of one topic."""
        return [(t, m) for t, name, m in list(self.arrived) if name == topic and t >= since_s]

    def wait_for(
        self,
        topic: str,
        since_s: float,
        wanted: Callable[[dict[str, Any]], bool],
        timeout_s: float = LIMIT_S,
    ) -> float:
        """Arrival [monotonic s] of the first such message after since_s, or AssertionError."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            for t, message in self.messages(topic, since_s):
                if wanted(message):
                    return t
            assert self.process.poll() is None, (
                f"the sensor ended with {self.process.returncode}:\n{self.log}"
            )
            time.sleep(0.05)
        raise AssertionError(f"no such {topic} within {timeout_s:g} s:\n{self.log}")

    def wait_pose(self, since_s: float, scale_source: str | None = None) -> float:
        """Arrival [monotonic s] of the first pose after since_s."""
        return self.wait_for(
            "pose", since_s, lambda m: scale_source is None or scale_of(m) == scale_source
        )

    def send(self, how: signal.Signals) -> None:
        """A signal to the sensor."""
        self.process.send_signal(how)


def scale_of(message: dict[str, Any]) -> str:
    """SOUND where the scale of anybody in a pose message is from sound, else SILENT."""
    sources = {person["scale_source"] for person in message["people"]}
    return SOUND if SOUND in sources else SILENT


@cache
def walked_through() -> list[list[float]]:
    """Corners [m] of a zone that the demo's person walks out of in every round, so that events keep
    coming: everything before three tenths of the way from where the shipped models first place
    who walks farthest to where they last do.
    """
    replay = subprocess.run(
        [sys.executable, "-m", "edge", "replay", str(DEMO_SESSION), "--json"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    places: dict[int, list[list[float]]] = {}
    for line in replay.stdout.splitlines():
        for person in json.loads(line)["people"]:
            places.setdefault(person["id"], []).append(person["floor_m"])
    walks = [np.array([p[0], p[-1]]) for p in places.values()]
    first, last = max(walks, key=lambda ends: float(np.linalg.norm(np.diff(ends, axis=0))))
    length = float(np.linalg.norm(last - first))
    ahead = (last - first) / length
    aside = np.array([ahead[1], -ahead[0]])
    border = first + 0.3 * length * ahead
    # It has left once it is LEAVE_M outside for LEAVE_S, and needs some way for that.
    assert 0.7 * length > LEAVE_M + 0.1, f"the demo's people walk {length:.2f} m at most"
    corners = [border + aside, border - aside, border - aside - ahead, border + aside - ahead]
    return [[round(float(x), 3) for x in corner] for corner in corners]


@contextmanager
def device(
    folder: Path,
    *,
    start: bool = True,
    env: dict[str, str] | None = None,
    state: Path | None = None,
    xrun_at_s: float = 0.0,
    relayed: bool = False,
) -> Iterator[Device]:
    """A sensor named hall on the demo's sound and frames, over and over, in phase. start: wait for
    its first pose by sound.

    env: further environment of the process. state: its state directory. xrun_at_s: time of one
    xrun, 0 = none. relayed: it reaches its broker through the relay.
    """
    folder.mkdir(parents=True, exist_ok=True)
    session = load_session(DEMO_SESSION)
    rate = session.excitation.sample_rate_hz
    card = make_alsa_device(
        folder / "card",
        np.asarray(session.audio),
        rate,
        one_clock=True,
        xrun_at=round(xrun_at_s * rate),
    )
    with (
        Mosquitto(folder / "broker") as broker,
        Relay(broker.port) as relay,
        Subscriber(broker, "posekernel/hall/#") as seen,
    ):
        kept = state or folder / "state"
        config = folder / "config.toml"
        config.write_text(f"""
[device]
id = "hall"
{device_settings(session, card, looped=True)}
[mqtt]
host = "127.0.0.1"
port = {relay.port if relayed else broker.port}
discovery = false
[sensing]
ping = "always"
[telemetry]
interval_s = 1
[runtime]
state_dir = "{kept}"
[[zones]]
name = "Right"
polygon = {walked_through()}
""")
        made = Device(folder, card, broker, relay, seen.client, config, env or {})
        done = threading.Event()

        def record() -> None:
            while not done.is_set():
                for topic, payload, _ in seen.drain(0.02):
                    made.arrived.append(
                        (
                            time.monotonic(),
                            topic.removeprefix("posekernel/hall/"),
                            json.loads(payload),
                        )
                    )

        recorder = threading.Thread(target=record, daemon=True)
        recorder.start()
        try:
            if start:
                made.wait_pose(0.0, SOUND)
            yield made
        finally:
            made.process.send_signal(signal.SIGCONT)
            made.process.kill()
            made.process.wait()
            done.set()
            recorder.join()
