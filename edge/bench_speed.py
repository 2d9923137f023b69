"""Whether this machine keeps up: a whole replay in a process of its own, and every network of the lifter by threads."""

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from edge.app import DEMO_SESSION
from edge.errors import PosekernelError
from edge.lifters import MODELS
from edge.network_lifter import INT8
from edge.tflite import Model

_WARM_UP = 3


class BenchError(PosekernelError):
    """A process that was to be measured failed."""


@dataclass(frozen=True)
class ReplayResult:
    """One process that replays the shipped session as fast as it goes.

    first_pose_s: from the start of the process to its first pose. rate_hz: poses per second between the first and the last.
    cpu_ms: processor time per pose of the whole process, its start included. peak_rss_mb: its largest resident memory [MiB].
    """

    poses: int
    first_pose_s: float
    rate_hz: float
    cpu_ms: float
    peak_rss_mb: float


@dataclass(frozen=True)
class NetworkRow:
    """One network on one number of threads; ms per inference. ratio: median over that of the form's float file, one thread."""

    file: str
    runtime: str
    threads: int
    median_ms: float
    p95_ms: float
    ratio: float


def bench_replay(session: Path = DEMO_SESSION) -> ReplayResult:
    """Replay a session in a fresh process, as fast as it goes. Raises BenchError where fewer than two poses come."""
    start_s = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "edge", "replay", str(session), "--json"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdout is not None
    with process.stdout as lines:
        arrived_s = [time.perf_counter() - start_s for _ in lines]
    # wait4 tells of this child alone; RUSAGE_CHILDREN would mix in every earlier one.
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    poses = len(arrived_s)
    if process.returncode or poses < 2:
        raise BenchError(
            f"{session}: the replay gave {poses} poses and exit status {process.returncode}, two poses and 0 are needed; "
            f"`posekernel replay {session}` says why"
        )
    return ReplayResult(
        poses=poses,
        first_pose_s=arrived_s[0],
        rate_hz=(poses - 1) / (arrived_s[-1] - arrived_s[0]),
        cpu_ms=1e3 * (used.ru_utime + used.ru_stime) / poses,
        peak_rss_mb=used.ru_maxrss / 1024.0,
    )


def bench_networks(repetitions: int = 60, threads: tuple[int, ...] = (1, 2)) -> tuple[NetworkRow, ...]:
    """Every fusion network that ships, float and int8, on noise, in one interleaved run. Raises ModelError."""
    forms = sorted(path.stem for path in MODELS.glob("lifter_*.json"))
    models = {
        (f"{form}{kind}.tflite", n): Model(MODELS / f"{form}{kind}.tflite", n)
        for form in forms
        for kind in ("", INT8)
        for n in threads
    }
    rng = np.random.default_rng(0)
    inputs = {name: [rng.standard_normal(s).astype(np.float32) for s in m.input_shapes] for (name, _), m in models.items()}
    times = {key: np.empty(repetitions) for key in models}
    for i in range(-_WARM_UP, repetitions):
        for (name, n), model in models.items():
            start = time.perf_counter()
            model.run(*inputs[name])
            if i >= 0:
                times[name, n][i] = 1e3 * (time.perf_counter() - start)
    return tuple(
        NetworkRow(
            file=name,
            runtime=models[name, n].runtime,
            threads=n,
            median_ms=float(np.median(t)),
            p95_ms=float(np.percentile(t, 95)),
            # Repetition by repetition: what else runs on the machine meets both of a pair alike.
            ratio=float(np.median(t / times[name.replace(INT8, ""), threads[0]])),
        )
        for (name, n), t in times.items()
    )


def run_replay(args: argparse.Namespace) -> int:
    """`posekernel bench --stage replay [--json]`: prints the result, returns the exit status."""
    result = bench_replay()
    if args.json:
        print(json.dumps(asdict(result)))
        return 0
    print(f"{result.poses} poses of the shipped session, as fast as it goes, one process")
    print(f"start to first pose  {result.first_pose_s:7.2f} s")
    print(f"poses per second     {result.rate_hz:7.1f}")
    print(f"CPU time per pose    {result.cpu_ms:7.1f} ms (with the start)")
    print(f"peak memory (RSS)    {result.peak_rss_mb:7.0f} MiB")
    return 0


def run_networks(args: argparse.Namespace) -> int:
    """`posekernel bench --stage networks [--json]`: prints the rows, returns the exit status."""
    rows = bench_networks()
    if args.json:
        print(json.dumps([asdict(r) for r in rows]))
        return 0
    print(f"{'':28}{'runtime':16}{'threads':>8}{'median':>11}{'95 %':>11}{'of float':>10}")
    for r in rows:
        print(f"{r.file:28}{r.runtime:16}{r.threads:8}{r.median_ms:8.3f} ms{r.p95_ms:8.3f} ms{r.ratio:10.2f}")
    return 0
