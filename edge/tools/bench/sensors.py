"""A whole sensor in a process of its own, with the shipped session and the networks of a
configuration: a replay as fast as it goes, and the age of poses at a subscriber in real time.
"""

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from edge.core.config import Config, DeviceConfig, SourceConfig, load_config
from edge.core.errors import BenchError, BrokerError
from edge.core.inference.execution import execution
from edge.core.typed import as_toml
from edge.output.mqtt.embedded_broker import EmbeddedBroker
from edge.output.mqtt.wire.network_thread import stop_network_thread
from edge.sensor.process.leaving import tidied
from edge.sensor.process.lifetime import temporary_folder
from edge.sources.session.reader import DEMO_SESSION
from edge.tools.bench.measure import AboveZero, Timing, timing

Tables = dict[str, Any]
DEVICE = "bench"
_START_S = 180.0  # the very first start compiles
_WARM_UP = 20  # poses


@dataclass(frozen=True)
class ReplayResult:
    """One process that replays the shipped session as fast as it goes.

    first_pose_s: from the start of the process to its first pose. rate_hz: poses per second between
    the first and the last. cpu_ms: processor time per pose of the whole process, its start
    included. peak_rss_mb: its largest resident memory [MiB].
    """

    poses: int
    first_pose_s: AboveZero
    rate_hz: AboveZero
    cpu_ms: float
    peak_rss_mb: AboveZero


@dataclass(frozen=True)
class LatencyResult:
    """Age of the poses that arrived. rate_hz: poses per second. broker: which program it was."""

    rate_hz: float
    broker: str
    rows: tuple[Timing, ...]


def bench_config(path: Path | None) -> Config:
    """The configuration in a file, else the defaults. Raises ConfigError."""
    if path is not None:
        return load_config(path)
    return Config(
        device=DeviceConfig(DEVICE),
        source=SourceConfig("replay", str(DEMO_SESSION), realtime=False),
    )


def network_tables(config: Config) -> Tables:
    """Tables that make another process run this configuration's networks as they run here."""
    how, kind = execution(config), config.lifter.kind
    return {
        "keypoints": msgspec.to_builtins(config.keypoints) | {"threads": how.keypoints_threads},
        "lifter": {"kind": kind, "threads": how.lifter_threads, "variant": how.variant},
        "runtime": {"tflite": how.runtime or "auto"},
    }


def write_config(folder: Path, source: Tables, mqtt: Tables, networks: Tables) -> Path:
    """A configuration file in `folder`, which becomes the sensor's state folder, too."""
    table = {
        "device": {"id": DEVICE},
        "source": {"kind": "replay"} | source,
        "mqtt": mqtt,
        **networks,
        "runtime": networks["runtime"] | {"state_dir": str(folder)},
    }
    path = folder / "config.toml"
    path.write_text(as_toml(table, []), encoding="utf-8")
    return path


def bench_replay(networks: Tables, session: Path = DEMO_SESSION) -> ReplayResult:
    """Replay a session in a fresh process, as fast as it goes.

    networks: see `network_tables`. Raises BenchError where fewer than two poses come.
    """
    with temporary_folder("posekernel-bench-") as folder:
        source = {"path": str(session), "realtime": False}
        path = write_config(folder, source, {"enabled": False}, networks)
        start_s = time.perf_counter()
        with _running(path, "--json", stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            arrived_s, peak_mb = [], 0.0
            with process.stdout as lines:
                for _ in lines:
                    arrived_s.append(time.perf_counter() - start_s)
                    peak_mb = _peak_mb(process.pid) or peak_mb
            # wait4 reports this child alone; RUSAGE_CHILDREN would mix in every earlier one.
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
    poses = len(arrived_s)
    if process.returncode or poses < 2:
        raise BenchError(
            f"{session}: the replay gave {poses} poses and exit status {process.returncode}, "
            f"two poses and 0 are needed; `posekernel replay {session}` says why"
        )
    return ReplayResult(
        poses=poses,
        first_pose_s=arrived_s[0],
        rate_hz=(poses - 1) / (arrived_s[-1] - arrived_s[0]),
        cpu_ms=1e3 * (used.ru_utime + used.ru_stime) / poses,
        peak_rss_mb=peak_mb,
    )


def bench_latency(networks: Tables, seconds: float) -> LatencyResult:
    """Replay the shipped session in real time through a sensor process and a broker, and take the
    age of each pose as it arrives.

    Its age counts from the middle of the exposure, and from the middle of the sound period, on
    CLOCK_MONOTONIC, which the processes of one machine share. The delay inside a real camera or
    sound card is not part of it. Raises BrokerError.
    """
    arrived: queue.Queue[tuple[int, Tables]] = queue.Queue()
    with EmbeddedBroker() as broker, temporary_folder("posekernel-bench-") as folder:
        client = _subscribe(broker, arrived)
        at = {"host": broker.host, "port": broker.port, "protocol": broker.protocol}
        source = {"path": str(DEMO_SESSION), "loop": True}
        path = write_config(folder, source, at | {"discovery": False}, networks)
        try:
            with _running(path, stdout=subprocess.DEVNULL):
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
            stop_network_thread(client)
    return LatencyResult(len(poses) / seconds, broker.kind, _ages(poses))


@contextmanager
def _running(config: Path, *options: str, stdout: int) -> "Iterator[subprocess.Popen[bytes]]":
    """A sensor, ended afterwards, also where a signal ends this process."""
    command = [sys.executable, "-m", "edge", "run", *options, "--config", str(config)]
    process = subprocess.Popen(command, stdout=stdout, stderr=subprocess.DEVNULL)

    def end() -> None:
        process.terminate()
        process.wait()

    with tidied(end):
        yield process


def _peak_mb(pid: int) -> float:
    """Largest resident memory of a process so far [MiB], 0 when it has ended.

    ru_maxrss would start with the memory of this process, from which the child was forked.
    """
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((float(x.split()[1]) / 1024.0 for x in lines if x.startswith("VmHWM")), 0.0)


def _subscribe(broker: EmbeddedBroker, arrived: "queue.Queue[tuple[int, Tables]]") -> paho.Client:
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


def _ages(poses: list[tuple[int, Tables]]) -> tuple[Timing, ...]:
    """poses: when each arrived (CLOCK_MONOTONIC, ns), and its message."""
    ages = [((at - m["monotonic_ns"]) / 1e6, m) for at, m in poses]
    rows = {
        "from the middle of the exposure": [age for age, _ in ages],
        # The skew is the middle of the sound period less that of the exposure.
        "from the middle of the echo's period": [
            age - m["skew_ms"] for age, m in ages if m["skew_ms"] is not None
        ],
        "from the finished pose (encoding and broker)": [age - m["latency_ms"] for age, m in ages],
    }
    return tuple(timing(name, values) for name, values in rows.items() if values)
