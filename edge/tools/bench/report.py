"""The whole measurement of one machine, and its verdict in one sentence."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from edge.core.config import Config
from edge.core.inference.execution import BoardChoice
from edge.tools.bench.choose import choose
from edge.tools.bench.latency import LatencyResult, bench_latency
from edge.tools.bench.machine import Machine, conditions, describe_machine
from edge.tools.bench.measure import StageTime
from edge.tools.bench.networks import NetworkTime, bench_keypoints, bench_lifters
from edge.tools.bench.sensor_config import Tables, network_tables
from edge.tools.bench.stages import bench_stages
from edge.tools.bench.throughput import ReplayResult, bench_replay

FORMAT, VERSION = "posekernel-bench", 2
# Time of all stages in one frame on a machine that is fast enough for all repetitions.
_QUICK_MS = 20.0
_LATENCY_S = 10.0


@dataclass(frozen=True)
class Verdict:
    """frame_rate_hz: of the configured camera, None where the configuration names none.

    limited_by: the stage that takes most of a frame's time.
    """

    keeps_up: bool
    poses_per_s: float
    frame_rate_hz: float | None
    limited_by: str
    sentence: str


@dataclass(frozen=True)
class Report:
    """Everything that `posekernel bench` measured. before, after: see `conditions`."""

    created: str
    seconds: float
    machine: Machine
    before: dict[str, Any]
    after: dict[str, Any]
    networks_run: str
    stages: tuple[StageTime, ...]
    keypoints: tuple[NetworkTime, ...]
    lifters: tuple[NetworkTime, ...]
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
    replay = bench_replay(networks=tables)
    say(f"a sensor in real time, {_LATENCY_S:g} s")
    latency = bench_latency(_LATENCY_S, tables)
    return Report(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=time.monotonic() - start_s,
        machine=machine,
        before=before,
        after=conditions(),
        networks_run=_networks_run(tables),
        stages=tuple(stages),
        keypoints=keypoints,
        lifters=lifters,
        replay=replay,
        latency=latency,
        choice=choose(config, keypoints, lifters),
        verdict=judge(stages, replay.rate_hz, config.camera.fps or None),
    )


def _repetitions(most: int, pace: float) -> int:
    return max(6, round(most / pace))


def judge(stages: Sequence[StageTime], poses_per_s: float, frame_rate_hz: float | None) -> Verdict:
    """Whether the sensor keeps up with its camera.

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
        lite = 'set keypoints.model = "lite" or ' if slowest == "keypoints (full)" else ""
        sentence += f": {lite}lower camera.fps"
    return Verdict(keeps_up, poses_per_s, frame_rate_hz, slowest, sentence)


def _networks_run(tables: Tables) -> str:
    keypoints, lifter = tables["keypoints"], tables["lifter"]
    return (
        f"keypoints {keypoints['model']} on {keypoints['threads']} threads, "
        f"lifter {lifter['kind']} {lifter['variant']} on {lifter['threads']}, "
        f"{tables['runtime']['tflite']}"
    )
