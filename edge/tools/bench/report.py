"""The whole measurement of one machine, and what it says in one sentence."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from edge.core.config import Config
from edge.core.inference.execution import BoardChoice
from edge.tools.bench.choose import choose
from edge.tools.bench.latency import LatencyResult, bench_latency
from edge.tools.bench.machine import Limits, conditions, describe_machine, measure_limits
from edge.tools.bench.measure import Row
from edge.tools.bench.roofline import Point, roofline
from edge.tools.bench.scaling import Fit, bench_scaling
from edge.tools.bench.sensor import Tables, network_tables
from edge.tools.bench.speed import (
    NetworkRow,
    ReplayResult,
    bench_keypoints,
    bench_lifters,
    bench_networks,
    bench_replay,
    installed_runtimes,
    thread_counts,
)
from edge.tools.bench.stages import GROUP, bench_front_end, bench_stages

FORMAT, VERSION = "posekernel-bench", 1
_QUICK_MS = 2.0  # the front end's time on a machine that has time for all repetitions
_LATENCY_S = 10.0


@dataclass(frozen=True)
class Verdict:
    """frame_rate_hz: of the configured camera, None where it names none. limited_by: what takes
    most of a frame's time.
    """

    keeps_up: bool
    poses_per_s: float
    frame_rate_hz: float | None
    limited_by: str
    sentence: str


@dataclass(frozen=True)
class Report:
    """Everything that `posekernel bench` measured. networks: the fusion networks alone; lifters,
    keypoints: the whole stages.
    """

    created: str
    seconds: float
    machine: dict[str, Any]
    before: dict[str, Any]
    after: dict[str, Any]
    networks_run: str
    rows: tuple[Row, ...]
    keypoints: tuple[NetworkRow, ...]
    lifters: tuple[NetworkRow, ...]
    networks: tuple[NetworkRow, ...]
    replay: ReplayResult
    latency: LatencyResult
    limits: Limits
    roofline: tuple[Point, ...]
    scaling: tuple[Fit, ...]
    choice: BoardChoice
    verdict: Verdict
    format: str = FORMAT
    version: int = VERSION

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)


def bench_all(config: Config, say: Callable[[str], None]) -> Report:
    """Measure everything; half a minute on a desktop, two minutes at most on a small board. say:
    told what is measured next.

    Raises PosekernelError.
    """
    start_s = time.monotonic()
    before, machine = conditions(), describe_machine()
    say("what this machine could do")
    limits = measure_limits()
    say("front end, full size")
    front_end, end = bench_front_end()
    pace = max(1.0, next(r.median_ms for r in front_end if r.name == "all") / _QUICK_MS)

    def times(repetitions: int) -> int:
        return max(6, round(repetitions / pace))

    say("stages of a run")
    stages, given = bench_stages(config)
    say("keypoints by runtime and threads")
    keypoints = bench_keypoints(given, times(15))
    say("lifters by runtime, threads and variant")
    lifters = bench_lifters(given, times(40))
    say("networks alone")
    networks = bench_networks(times(60), thread_counts(), installed_runtimes())
    say("scaling")
    scaling = bench_scaling(times(30))
    say("a whole replay")
    tables = network_tables(config)
    replay = bench_replay(networks=tables)
    say(f"a sensor in real time, {_LATENCY_S:g} s")
    latency = bench_latency(_LATENCY_S, tables)
    rows = (*stages, *front_end)
    return Report(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=time.monotonic() - start_s,
        machine=machine,
        before=before,
        after=conditions(),
        networks_run=_networks_run(tables),
        rows=rows,
        keypoints=keypoints,
        lifters=lifters,
        networks=networks,
        replay=replay,
        latency=latency,
        limits=limits,
        roofline=roofline(front_end, end, networks, limits),
        scaling=scaling,
        choice=choose(config, keypoints, lifters),
        verdict=judge(rows, replay.rate_hz, config.camera.fps or None),
    )


def judge(rows: tuple[Row, ...], poses_per_s: float, frame_rate_hz: float | None) -> Verdict:
    """Whether the sensor keeps up with its camera: stages one after the other, as in a replay; a
    live one overlaps them.
    """
    slowest = max((r for r in rows if r.group == GROUP), key=lambda r: r.share_ms or 0.0)
    keeps_up = frame_rate_hz is None or poses_per_s >= frame_rate_hz
    against = (
        "of a configuration that names no frame rate"
        if frame_rate_hz is None
        else _against(frame_rate_hz)
    )
    sentence = f"{'keeps up' if keeps_up else 'does not keep up'}: {poses_per_s:.1f} poses/s {against}; limited by {slowest.name}"
    if not keeps_up:
        lite = 'set keypoints.model = "lite" or ' if slowest.name == "keypoints (full)" else ""
        sentence += f": {lite}lower camera.fps"
    return Verdict(keeps_up, poses_per_s, frame_rate_hz, slowest.name, sentence)


def _networks_run(tables: Tables) -> str:
    seeing, lifter = tables["keypoints"], tables["lifter"]
    return (
        f"keypoints {seeing['model']} on {seeing['threads']} threads, lifter {lifter['kind']} {lifter['variant']} on "
        f"{lifter['threads']}, {tables['runtime']['tflite']}"
    )


def _against(frame_rate_hz: float) -> str:
    return f"against the {frame_rate_hz:g} frames/s of your config"
