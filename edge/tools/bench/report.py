"""The whole measurement of one machine, and its verdict in one sentence."""

import importlib.metadata
import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypedDict

import msgspec

import edge
from edge.core.config import Config
from edge.core.inference.execution import BoardChoice, board_name
from edge.sensor.reports.telemetry import soc_temperature_c, throttled_flags
from edge.tools.bench.choose import choose
from edge.tools.bench.measure import Timing
from edge.tools.bench.networks import NetworkTime, bench_keypoints, bench_lifters
from edge.tools.bench.sensors import (
    LatencyResult,
    ReplayResult,
    Tables,
    bench_latency,
    bench_replay,
    network_tables,
)
from edge.tools.bench.stages import bench_stages

FORMAT, VERSION = "posekernel-bench", 3
_PACKAGES = "numpy scipy numba rocket-fft opencv-python-headless ai-edge-litert tflite-runtime"
# Time of all stages in one frame on a machine that is fast enough for all repetitions.
_QUICK_MS = 20.0
_LATENCY_S = 10.0


class Machine(TypedDict):
    """Board or processor, system, and the versions of the packages that compute."""

    board: str
    memory_mb: int
    system: str
    python: str
    posekernel: str
    packages: dict[str, str]
    load_average: float


class MachineState(TypedDict):
    """Temperature and throttling at one time; None where the machine does not report them."""

    temperature_c: float | None
    throttled: bool | None


@dataclass(frozen=True)
class Verdict:
    """limited_by: the stage that takes most of a frame's time."""

    keeps_up: bool
    limited_by: str
    sentence: str


@dataclass(frozen=True)
class Report:
    """Everything that `posekernel bench` measured."""

    created: str
    seconds: float
    machine: Machine
    before: MachineState
    after: MachineState
    networks_run: str
    stages: tuple[Timing, ...]
    networks: tuple[NetworkTime, ...]
    replay: ReplayResult
    latency: LatencyResult
    choice: BoardChoice
    verdict: Verdict
    format: str = FORMAT
    version: int = VERSION

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return dict(msgspec.to_builtins(self))


def bench_all(config: Config, say: Callable[[str], None]) -> Report:
    """Measure everything: half a minute on a desktop, at most two minutes on a small board.

    say: called with what is measured next. Raises PosekernelError.
    """
    start_s = time.monotonic()
    before, machine = conditions(), describe_machine()
    say("stages of a run")
    stages, inputs = bench_stages(config)
    pace = max(1.0, sum(s.mean_ms for s in stages) / _QUICK_MS)
    say("keypoints by runtime and threads")
    keypoints = bench_keypoints(inputs, _repetitions(15, pace))
    say("lifters by runtime, threads and variant")
    lifters = bench_lifters(inputs, _repetitions(40, pace))
    say("a whole replay")
    tables = network_tables(config)
    replay = bench_replay(tables)
    say(f"a sensor in real time, {_LATENCY_S:g} s")
    latency = bench_latency(tables, _LATENCY_S)
    return Report(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=time.monotonic() - start_s,
        machine=machine,
        before=before,
        after=conditions(),
        networks_run=_networks_run(tables),
        stages=tuple(stages),
        networks=(*keypoints, *lifters),
        replay=replay,
        latency=latency,
        choice=choose(config, keypoints, lifters),
        verdict=judge(stages, replay.rate_hz, config.camera.fps or None),
    )


def judge(stages: Sequence[Timing], poses_per_s: float, frame_rate_hz: float | None) -> Verdict:
    """Whether the sensor keeps up with its camera. frame_rate_hz: None where none is configured.

    A replay runs its stages one after the other; a live sensor overlaps them.
    """
    slowest = max(stages, key=lambda s: s.mean_ms).name
    keeps_up = frame_rate_hz is None or poses_per_s >= frame_rate_hz
    against = (
        "of a configuration that names no frame rate"
        if frame_rate_hz is None
        else f"against the {frame_rate_hz:g} frames/s of your config"
    )
    sentence = (
        f"{'keeps up' if keeps_up else 'does not keep up'}: {poses_per_s:.1f} poses/s {against}; "
        f"limited by {slowest}"
    )
    if not keeps_up:
        sentence += ": lower camera.fps"
    return Verdict(keeps_up, slowest, sentence)


def describe_machine() -> Machine:
    """This machine."""
    installed = {d.name.lower().replace("_", "-"): d for d in importlib.metadata.distributions()}
    return {
        "board": board_name(),
        "memory_mb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e6),
        "system": platform.platform(),
        "python": platform.python_version(),
        "posekernel": edge.__version__,
        "packages": {n: installed[n].version for n in _PACKAGES.split() if n in installed},
        "load_average": round(os.getloadavg()[0], 1),
    }


def conditions() -> MachineState:
    """Temperature and throttling now."""
    flags = throttled_flags()
    return {
        "temperature_c": soc_temperature_c(),
        "throttled": None if flags is None else bool(flags & 0xF),
    }


def report_text(report: Report) -> str:
    """Tables for a terminal."""
    m, replay = report.machine, report.replay
    packages = ", ".join(f"{name} {version}" for name, version in m["packages"].items())
    networks = [
        (f"{n.network}, {n.runtime}, {n.threads} threads", n.median_ms, n.p95_ms)
        for n in report.networks
    ]
    stages = [(s.name, s.median_ms, s.p95_ms, s.mean_ms, s.count) for s in report.stages]
    ages = [(row.name, row.median_ms, row.p95_ms) for row in report.latency.rows]
    return "\n\n".join(
        [
            f"{m['board']}, {m['memory_mb']} MB, {m['system']}, Python {m['python']}, "
            f"load {m['load_average']:g}; {packages}",
            f"before: {_said(report.before)}; after: {_said(report.after)}; measured in "
            f"{report.seconds:.0f} s; {report.networks_run}",
            _table(
                "stages of a run (the shipped session), ms in a frame that needs it",
                ("median", "95 %", "of all", "frames"),
                stages,
            ),
            _table(
                "networks and what is around them, ms of each call", ("median", "95 %"), networks
            ),
            f"a replay as fast as it goes: {replay.rate_hz:.1f} poses/s, first pose after "
            f"{replay.first_pose_s:.2f} s, {replay.cpu_ms:.1f} ms of processor time per pose with "
            f"the start, peak memory {replay.peak_rss_mb:.0f} MiB",
            _table(
                f"age of a pose at a subscriber of {report.latency.broker}, ms",
                ("median", "95 %"),
                ages,
            ),
            report.verdict.sentence,
        ]
    )


def _repetitions(most: int, pace: float) -> int:
    return max(6, round(most / pace))


def _networks_run(tables: Tables) -> str:
    keypoints, lifter = tables["keypoints"], tables["lifter"]
    return (
        f"keypoints on {keypoints['threads']} threads, "
        f"lifter {lifter['kind']} {lifter['variant']} on {lifter['threads']}, "
        f"{tables['runtime']['tflite']}"
    )


def _said(at: MachineState) -> str:
    celsius, throttled = at["temperature_c"], at["throttled"]
    heat = "temperature unknown" if celsius is None else f"{celsius:g} C"
    return heat + {None: "", True: ", throttled", False: ", not throttled"}[throttled]


def _table(title: str, head: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> str:
    """rows: a name and a number for each column of `head`."""
    width = max((len(row[0]) for row in rows), default=0)
    lines = [title, f"{'':{width}}" + "".join(f"{cell:>10}" for cell in head)]
    for name, *numbers in rows:
        cells = (f"{n:10d}" if isinstance(n, int) else f"{n:10.3f}" for n in numbers)
        lines.append(f"{name:{width}}" + "".join(cells))
    return "\n".join(lines)
