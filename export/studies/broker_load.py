"""Many simulated sensors on one broker: rate, load and losses. Each publishes as a real sensor
does.
"""

import multiprocessing
import os
import queue
import re
import threading
import time
from dataclasses import dataclass
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import numpy as np
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from edge.core.config import MqttConfig
from edge.core.errors import BrokerError
from edge.core.pose import JOINTS
from edge.output.mqtt.publisher import MqttPublisher
from export.studies.event_delivery import KillableBroker

_PER_PROCESS = 50
_EVENT_EVERY = 100  # poses
_PATIENCE_S = 120.0
_SENT = re.compile(rb'"sent_ns":(\d+)')


@dataclass(frozen=True, slots=True)
class Load:
    """offered: poses that the sensors made. sent: handed to their connections. received: by the
    subscriber. Events likewise.

    broker_cpu, sensors_cpu: per cent of one core. Latencies are from publishing to the subscriber.
    """

    devices: int
    seconds: float
    payload_bytes: int
    offered: int
    sent: int
    received: int
    events: int
    events_received: int
    broker_cpu: float
    broker_memory_mb: float
    sensors_cpu: float
    latency_median_ms: float
    latency_p95_ms: float


def measure_load(folder: Path, *, devices: int, rate_hz: float, seconds: float) -> Load:
    """`devices` sensors, each `rate_hz` poses a second and one event in a hundred poses, for
    `seconds`. Raises BrokerError.
    """
    context = multiprocessing.get_context("spawn")
    with KillableBroker(folder, durable=False) as broker:
        results: Any = context.Queue()
        connected, go, stop = context.Semaphore(0), context.Event(), context.Event()
        watching, done = context.Event(), context.Event()
        watcher = context.Process(
            target=_watch, args=(broker.port, watching, done, results), daemon=True
        )
        watcher.start()
        sizes = [min(_PER_PROCESS, devices - k) for k in range(0, devices, _PER_PROCESS)]
        sensors = [
            context.Process(
                target=_sense,
                args=(broker.port, k * _PER_PROCESS, n, rate_hz, connected, go, stop, results),
                daemon=True,
            )
            for k, n in enumerate(sizes)
        ]
        for process in sensors:
            process.start()
        if not watching.wait(_PATIENCE_S) or not all(
            connected.acquire(timeout=_PATIENCE_S) for _ in sizes
        ):
            raise BrokerError(
                f"not all of {devices} sensors were connected within {_PATIENCE_S:g} s; the "
                "machine is overloaded"
            )
        cpu, began_s = _cpu_s(broker.pid), time.monotonic()
        go.set()
        time.sleep(seconds)
        stop.set()
        elapsed_s, broker_cpu_s, memory_mb = (
            time.monotonic() - began_s,
            _cpu_s(broker.pid) - cpu,
            _memory_mb(broker.pid),
        )
        try:
            reports = [results.get(timeout=_PATIENCE_S) for _ in sizes]
            done.set()
            received, events_received, latencies_ms = results.get(timeout=_PATIENCE_S)
        except queue.Empty:
            raise BrokerError("a process of the measurement ended early; see its message") from None
        for process in (*sensors, watcher):
            process.join(10.0)
    offered, sent, events, cpu_s = (sum(column) for column in list(zip(*reports, strict=True))[:4])
    payload = reports[0][4]
    return Load(
        devices=devices,
        seconds=elapsed_s,
        payload_bytes=payload,
        offered=offered,
        sent=sent,
        received=received,
        events=events,
        events_received=events_received,
        broker_cpu=100.0 * broker_cpu_s / elapsed_s,
        broker_memory_mb=memory_mb,
        sensors_cpu=100.0 * cpu_s / elapsed_s,
        latency_median_ms=float(np.median(latencies_ms)),
        latency_p95_ms=float(np.quantile(latencies_ms, 0.95)),
    )


def _sense(
    port: int,
    first: int,
    count: int,
    rate_hz: float,
    connected: Any,
    go: Event,
    stop: Event,
    results: Any,
) -> None:
    """One process with `count` sensors; puts (offered, sent, events, CPU seconds, payload bytes)
    into `results`.
    """
    config = MqttConfig(host="127.0.0.1", port=port, discovery=False)
    publishers = [
        MqttPublisher(config, f"load{first + k}", source="simulated") for k in range(count)
    ]
    if not all(p.wait_connected(_PATIENCE_S) for p in publishers):
        return
    connected.release()
    go.wait()
    message, cpu_s = _pose(), time.process_time()
    offered = events = 0
    due_s, gap_s = time.monotonic(), 1.0 / (rate_hz * count)
    while not stop.is_set():
        publisher = publishers[offered % count]
        message["sent_ns"] = time.monotonic_ns()
        publisher.publish_pose(message)
        offered += 1
        if offered % _EVENT_EVERY == 0:
            publisher.publish_event({"schema": "posekernel.event/1", "kind": "person_entered"})
            events += 1
        due_s += gap_s
        time.sleep(max(0.0, due_s - time.monotonic()))
    cpu_s = time.process_time() - cpu_s
    deadline = time.monotonic() + _PATIENCE_S
    while any(p.outbox.depth for p in publishers) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1.0)
    sent = sum(p.counters.published for p in publishers)
    results.put((offered, sent, events, cpu_s, len(str(message))))
    closers = [threading.Thread(target=p.close) for p in publishers]
    for t in closers:
        t.start()
    for t in closers:
        t.join(5.0)


def _watch(port: int, watching: Event, done: Event, results: Any) -> None:
    """The subscriber to everything; puts (poses, events, latencies in ms) into `results`."""
    latencies: list[float] = []
    events: set[tuple[str, bytes]] = set()

    def receive(_client: Any, _data: Any, m: paho.MQTTMessage) -> None:
        if m.topic.endswith("/pose"):
            sent = _SENT.search(m.payload)
            assert sent is not None
            latencies.append((time.monotonic_ns() - int(sent[1])) / 1e6)
        else:
            events.add((m.topic, bytes(m.payload)))

    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.on_subscribe = lambda *_: watching.set()
    client.on_message = receive
    client.connect("127.0.0.1", port)
    client.subscribe([("posekernel/+/pose", 0), ("posekernel/+/event", 1)])
    client.loop_start()
    done.wait()
    before = -1
    while len(latencies) > before:
        before = len(latencies)
        time.sleep(1.0)
    client.loop_stop()
    results.put((len(latencies), len(events), latencies or [float("nan")]))


def _pose() -> dict[str, Any]:
    """A message of a real pose's size."""
    joint = {
        "camera": [0.123, -0.456, 3.210],
        "room": [0.123, 3.210, 1.234],
        "sigma_m": 0.123,
        "confidence": 0.98,
    }
    head = {
        "schema": "posekernel.pose/1",
        "id": "load",
        "sequence": 1234,
        "timestamp": "2026-01-01T00:00:00.000Z",
    }
    return {"sent_ns": 0, **head, "joints": [{"name": name, **joint} for name in JOINTS]}


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / float(os.sysconf("SC_CLK_TCK"))


def _memory_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
