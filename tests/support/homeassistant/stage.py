"""A sensor whose people are acted: outlets, publisher, outbox and kept falls are the real ones.

As a program: `python -m tests.support.homeassistant.stage PORT FOLDER`; each line of its input is
an act.
"""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import chain, count, repeat
from pathlib import Path
from typing import Self

import numpy as np

from edge.behaviour.activity import ActivityTracker
from edge.core.arrays import Array
from edge.core.config import Config, DeviceConfig, MqttConfig, ZoneConfig
from edge.core.pose import LiftedPose, PersonEstimate
from edge.output.messages.kept_falls import KeptFalls
from edge.output.messages.payloads import pose_message
from edge.output.mqtt.publisher import MqttPublisher
from edge.output.outlets import Outlets
from tests.support import ROOT
from tests.support.bodies import CAMERA, figure, lying
from tests.support.messages import an_estimate
from tests.support.waiting import end

NAME = "stage"
STEP_S = 0.1
WALK_M_S = (1.0, -0.8)  # not in step with each other, nor with what is told how often
ZONES = (
    ZoneConfig("Sofa", ((-1.5, 2.0), (0.0, 2.0), (0.0, 4.0), (-1.5, 4.0))),
    ZoneConfig("Occupancy", ((0.5, 2.0), (2.0, 2.0), (2.0, 4.0), (0.5, 4.0))),
)
Bodies = dict[int, Array]


class Stage:
    """`with Stage(folder) as stage: stage.start(broker.port); stage.act("stand")`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, port: int, act: str = "empty") -> None:
        """port: of a broker, which need not be there."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(port), self.folder],
            cwd=ROOT,
            stdin=subprocess.PIPE,
        )
        self.act(act)

    def act(self, name: str) -> None:
        """empty, stand, lie, fall (to be played after stand), walk (two people)."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(f"{name}\n".encode())
        self._process.stdin.flush()

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        process, self._process = self._process, None
        if process is not None:
            end(process, how)


def acts(name: str) -> Iterator[Bodies]:
    """The people in each image, for ever."""
    down = [figure() + (lying() - figure()) * (k / 8) ** 2 for k in range(9)]
    match name:
        case "stand":
            return repeat({1: figure()})
        case "lie":
            return repeat({1: lying()})
        case "fall":
            return ({1: joints} for joints in chain(down, repeat(lying())))
        case "walk":
            return map(_walkers, count())
    return repeat({})


def _walkers(k: int) -> Bodies:
    """Two people on circles that lead them through both zones, away from the camera and back."""
    angles = (
        k * STEP_S * speed / 1.2 + start for speed, start in zip(WALK_M_S, (0.0, 2.0), strict=True)
    )
    return {
        number: figure(place=(1.2 * np.cos(a), 3.2 + 1.2 * np.sin(a)))
        for number, a in enumerate(angles, 1)
    }


def main() -> None:
    """Until SIGTERM."""
    port, folder = int(sys.argv[1]), Path(sys.argv[2])
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    asked: list[str] = []
    threading.Thread(target=_read, args=(asked,), daemon=True).start()
    mqtt = MqttConfig(host="127.0.0.1", port=port)
    config = Config(device=DeviceConfig(NAME), zones=ZONES, mqtt=mqtt)
    kept = KeptFalls(folder / "falls.json")
    with MqttPublisher(
        mqtt,
        NAME,
        source="simulated",
        zones=ZONES,
        outbox_path=folder / "outbox",
        fallen_since=kept.newest,
    ) as publisher:
        outlets = Outlets(config, "simulated", publisher, lambda: None, 343.0, time.monotonic, kept)
        _play(outlets, asked, stop)


def _read(asked: list[str]) -> None:
    for line in sys.stdin:
        asked.append(line.strip())


def _play(outlets: Outlets, asked: list[str], stop: threading.Event) -> None:
    recognise: dict[int, ActivityTracker] = {}
    images: Iterator[Bodies] | None = None
    while not stop.wait(STEP_S):
        if asked:
            images = acts(asked.pop(0))
        if images is None:
            continue
        bodies, t_ns = next(images), time.monotonic_ns()
        people = []
        for number, joints in bodies.items():
            pose = LiftedPose(
                CAMERA.from_room(joints), np.full(15, 0.05), np.full(15, 0.8), "sound", 10.0
            )
            tracker = recognise.setdefault(number, ActivityTracker(ZONES))
            doing = tracker(pose, joints, t_ns)
            people.append(PersonEstimate(number, pose, joints, "present", doing))
        outlets.tick(None)
        if people:
            estimate = an_estimate(
                *people, t_ns=t_ns, utc_ns=time.time_ns(), more=0, source="simulated"
            )
            outlets.pose(estimate, pose_message(estimate, NAME))


if __name__ == "__main__":
    main()
