"""How old a pose is when a subscriber of the broker has it: the whole sensor in real time, from
image and echo to MQTT.
"""

import json
import queue
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from edge.core.errors import BrokerError
from edge.output.mqtt.embedded_broker import EmbeddedBroker
from edge.sources.session.reader import DEMO_SESSION
from edge.tools.bench.measure import AboveZero
from edge.tools.bench.sensor_config import (
    DEVICE,
    Tables,
    bench_config,
    network_tables,
    write_config,
)

_START_S = 180.0  # the very first start compiles
_WARM_UP = 20  # poses


@dataclass(frozen=True)
class LatencyRow:
    """One delay [ms]. share: percent of the poses for which it is known."""

    name: str
    median_ms: AboveZero
    p95_ms: float
    longest_ms: float
    share: float


@dataclass(frozen=True)
class LatencyResult:
    """What `posekernel bench --stage latency` measured.

    rate_hz: poses that arrived per second. broker: which program it was.
    """

    poses: int
    rate_hz: float
    broker: str
    rows: tuple[LatencyRow, ...]


def bench_latency(seconds: float = 30.0, networks: Tables | None = None) -> LatencyResult:
    """Replay the shipped session in real time through a sensor process and a broker, and take the
    age of each pose as it arrives.

    Its age counts from the middle of the exposure, and from the middle of the sound period, on
    CLOCK_MONOTONIC, which the processes of one machine share. The delay inside a real camera or
    sound card is not part of it. networks: see `network_tables`. Raises BrokerError.
    """
    arrived: queue.Queue[tuple[int, dict[str, Any]]] = queue.Queue()
    with (
        EmbeddedBroker() as broker,
        tempfile.TemporaryDirectory(prefix="posekernel-bench-") as folder,
    ):
        client = _subscribe(broker, arrived)
        mqtt = {
            "host": broker.host,
            "port": broker.port,
            "protocol": broker.protocol,
            "discovery": False,
        }
        source = {"path": str(DEMO_SESSION), "loop": True}
        config = write_config(
            Path(folder), source, mqtt, networks or network_tables(bench_config(None))
        )
        sensor = subprocess.Popen(
            [sys.executable, "-m", "edge", "run", "--config", str(config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            for _ in range(_WARM_UP):
                arrived.get(timeout=_START_S)
            end_s = time.monotonic() + seconds
            poses = []
            while (left_s := end_s - time.monotonic()) > 0:
                try:
                    poses.append(arrived.get(timeout=left_s))
                except queue.Empty:
                    break
        except queue.Empty:
            raise BrokerError(
                f"no pose came within {_START_S:g} s; see `posekernel demo`"
            ) from None
        finally:
            sensor.terminate()
            sensor.wait()
            client.loop_stop()
    return LatencyResult(len(poses), len(poses) / seconds, broker.kind, _rows(poses))


def _subscribe(
    broker: EmbeddedBroker, arrived: "queue.Queue[tuple[int, dict[str, Any]]]"
) -> paho.Client:
    subscribed = threading.Event()
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.on_subscribe = lambda *_: subscribed.set()
    client.on_message = lambda _c, _d, m: arrived.put((time.monotonic_ns(), json.loads(m.payload)))
    client.connect(broker.host, broker.port)
    client.subscribe(f"posekernel/{DEVICE}/pose")
    client.loop_start()
    if not subscribed.wait(10.0):
        raise BrokerError("the embedded broker does not answer; the machine is overloaded")
    return client


def _rows(poses: list[tuple[int, dict[str, Any]]]) -> tuple[LatencyRow, ...]:
    """poses: when each arrived (CLOCK_MONOTONIC, ns), and its message."""
    image_ms = [(at - m["monotonic_ns"]) / 1e6 for at, m in poses]
    messages = [m for _, m in poses]
    # The skew is the middle of the sound period less that of the exposure.
    sound_ms = [
        age - m["skew_ms"]
        for age, m in zip(image_ms, messages, strict=True)
        if m["skew_ms"] is not None
    ]
    sent_ms = [age - m["latency_ms"] for age, m in zip(image_ms, messages, strict=True)]
    ages = {
        "from the middle of the exposure": image_ms,
        "from the middle of the echo's period": sound_ms,
        "from the finished pose (encoding and broker)": sent_ms,
    }
    return tuple(_row(name, values, len(poses)) for name, values in ages.items() if values)


def _row(name: str, values: list[float], poses: int) -> LatencyRow:
    return LatencyRow(
        name,
        median_ms=float(np.median(values)),
        p95_ms=float(np.quantile(values, 0.95)),
        longest_ms=max(values),
        share=100.0 * len(values) / poses,
    )
