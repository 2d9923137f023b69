"""Whether this machine keeps up: a whole replay in a process of its own, and every network by
runtime and threads.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from edge.core.errors import BenchError, ModelError
from edge.core.inference.tflite import RUNTIMES, Model, load_runtime
from edge.lifting.lifter import MODELS, lifter_file
from edge.lifting.model_card import INT8
from edge.lifting.network_lifter import NetworkLifter
from edge.sight.keypoints import BlazePose
from edge.tools.app import DEMO_SESSION
from edge.tools.bench.machine import resident_mb
from edge.tools.bench.sensor import Tables, bench_config, network_tables, write_config
from edge.tools.bench.stages import Given

_WARM_UP = 3
FORMS = ("ray", "volume")


@dataclass(frozen=True)
class ReplayResult:
    """One process that replays the shipped session as fast as it goes.

    first_pose_s: from the start of the process to its first pose. rate_hz: poses per second between
    the first and the last. cpu_ms: processor time per pose of the whole process, its start
    included. peak_rss_mb: its largest resident memory [MiB].
    """

    poses: int
    first_pose_s: float
    rate_hz: float
    cpu_ms: float
    peak_rss_mb: float


@dataclass(frozen=True)
class NetworkRow:
    """One network on one number of threads; ms per inference. ratio: median over that of the
    runtime's float file, one thread.

    memory_mb: resident memory that it added when it was made and first run, None where that was not
    measured.
    """

    file: str
    runtime: str
    threads: int
    median_ms: float
    p95_ms: float
    ratio: float
    cpu_ms: float
    memory_mb: float | None = None


def bench_replay(session: Path = DEMO_SESSION, networks: Tables | None = None) -> ReplayResult:
    """Replay a session in a fresh process, as fast as it goes. Raises BenchError where fewer than
    two poses come.
    """
    with tempfile.TemporaryDirectory(prefix="posekernel-bench-") as folder:
        source = {"path": str(session), "realtime": False}
        path = write_config(
            Path(folder), source, {"enabled": False}, networks or network_tables(bench_config(None))
        )
        start_s = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "edge", "run", "--json", "--config", str(path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert process.stdout is not None
        arrived_s, peak_mb = [], 0.0
        with process.stdout as lines:
            for _ in lines:
                arrived_s.append(time.perf_counter() - start_s)
                peak_mb = _peak_mb(process.pid) or peak_mb
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
        peak_rss_mb=peak_mb,
    )


def _peak_mb(pid: int) -> float:
    """Largest resident memory of a process so far [MiB]; 0 when it has gone. ru_maxrss would begin
    with our own.
    """
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next(
        (float(line.split()[1]) / 1024.0 for line in lines if line.startswith("VmHWM")), 0.0
    )


def installed_runtimes() -> list[str]:
    """The TFLite runtimes that can be loaded here, the preferred one first."""
    found = []
    for name in RUNTIMES:
        try:
            found.append(load_runtime(name)[0])
        except ModelError:
            continue
    return found


def thread_counts() -> tuple[int, ...]:
    """1, 2 and 4, as far as there are cores."""
    return tuple(n for n in (1, 2, 4) if n <= (os.cpu_count() or 1)) or (1,)


def bench_networks(
    repetitions: int = 60, threads: tuple[int, ...] = (1, 2), runtimes: list[str] | None = None
) -> tuple[NetworkRow, ...]:
    """Every fusion network that ships, float and int8, on noise, in one interleaved run. Raises
    ModelError.
    """
    names = [
        f"{path.stem}{kind}.tflite"
        for path in sorted(MODELS.glob("lifter_*.json"))
        for kind in ("", INT8)
    ]
    rng = np.random.default_rng(0)

    def make(name: str, runtime: str, n: int) -> Callable[[], Any]:
        model = Model(MODELS / name, n, runtime)
        return partial(
            model.run, *(rng.standard_normal(s).astype(np.float32) for s in model.input_shapes)
        )

    return _grid(
        make,
        names,
        threads,
        runtimes or [load_runtime()[0]],
        repetitions,
        lambda name: name.replace(INT8, ""),
    )


def bench_lifters(given: Given, repetitions: int = 40) -> tuple[NetworkRow, ...]:
    """The whole lifter, its inputs and outputs included, in every variant, runtime and number of
    threads.
    """
    files = {
        lifter_file(form, variant): f"lifter {form} {variant}"
        for form in FORMS
        for variant in ("float", "int8")
    }

    def make(name: str, runtime: str, n: int) -> Callable[[], Any]:
        file = next(f for f, title in files.items() if title == name)
        lift, persons = (
            NetworkLifter(MODELS / file, n, runtime),
            iter(given.persons * (repetitions + _WARM_UP)),
        )
        return lambda: lift(*next(persons), given.rig)

    return _grid(
        make,
        list(files.values()),
        thread_counts(),
        installed_runtimes(),
        repetitions,
        lambda n: n.replace("int8", "float"),
    )


def bench_keypoints(given: Given, repetitions: int = 15) -> tuple[NetworkRow, ...]:
    """BlazePose on one image with somebody in it, in both sizes, every runtime and number of
    threads. ratio: to `full`.
    """
    if given.image is None:
        return ()

    def make(name: str, runtime: str, n: int) -> Callable[[], Any]:
        return partial(
            BlazePose(MODELS, "full" if name.endswith("full") else "lite", n, runtime=runtime),
            given.image,
        )

    names = ["keypoints full", "keypoints lite"]
    return _grid(
        make, names, thread_counts(), installed_runtimes(), repetitions, lambda _: "keypoints full"
    )


def _grid(
    make: Callable[[str, str, int], Callable[[], Any]],
    names: list[str],
    threads: tuple[int, ...],
    runtimes: list[str],
    repetitions: int,
    base: Callable[[str], str],
) -> tuple[NetworkRow, ...]:
    """All combinations, turn by turn."""
    calls, memory = {}, {}
    for runtime in runtimes:
        for name in names:
            for n in threads:
                before = resident_mb()
                calls[name, runtime, n] = call = make(name, runtime, n)
                call()
                memory[name, runtime, n] = resident_mb() - before
    wall, cpu = ({key: np.empty(repetitions) for key in calls} for _ in range(2))
    for i in range(1 - _WARM_UP, repetitions):
        for key, call in calls.items():
            used, start = time.process_time(), time.perf_counter()
            call()
            if i >= 0:
                wall[key][i], cpu[key][i] = (
                    1e3 * (time.perf_counter() - start),
                    1e3 * (time.process_time() - used),
                )
    return tuple(
        NetworkRow(
            file=name,
            runtime=runtime,
            threads=n,
            median_ms=float(np.median(t)),
            p95_ms=float(np.percentile(t, 95)),
            # Repetition by repetition: what else runs on the machine meets both of a pair alike.
            ratio=float(np.median(t / wall[base(name), runtime, threads[0]])),
            cpu_ms=float(np.median(cpu[name, runtime, n])),
            memory_mb=memory[name, runtime, n],
        )
        for (name, runtime, n), t in wall.items()
    )


def run_replay(args: argparse.Namespace) -> int:
    """`posekernel bench --stage replay [--json]`: prints the result, returns the exit status."""
    result = bench_replay(networks=network_tables(bench_config(args.config)))
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
    rows = bench_networks(threads=thread_counts(), runtimes=installed_runtimes())
    if args.json:
        print(json.dumps([asdict(r) for r in rows]))
        return 0
    print(
        f"{'':28}{'runtime':16}{'threads':>8}{'median':>11}{'95 %':>11}{'CPU':>11}{'of float':>10}"
    )
    for r in rows:
        print(
            f"{r.file:28}{r.runtime:16}{r.threads:8}{r.median_ms:8.3f} ms{r.p95_ms:8.3f} ms{r.cpu_ms:8.3f} ms{r.ratio:10.2f}"
        )
    return 0
