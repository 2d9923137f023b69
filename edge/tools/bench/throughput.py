"""A whole replay in a process of its own: start-up time, poses per second and memory."""

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from edge.core.errors import BenchError
from edge.sources.session.reader import DEMO_SESSION
from edge.tools.bench.measure import AboveZero
from edge.tools.bench.sensor_config import Tables, bench_config, network_tables, write_config


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


def bench_replay(session: Path = DEMO_SESSION, networks: Tables | None = None) -> ReplayResult:
    """Replay a session in a fresh process, as fast as it goes.

    networks: see `network_tables`. Raises BenchError where fewer than two poses come.
    """
    with tempfile.TemporaryDirectory(prefix="posekernel-bench-") as folder:
        source = {"path": str(session), "realtime": False}
        networks = networks or network_tables(bench_config(None))
        path = write_config(Path(folder), source, {"enabled": False}, networks)
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


def _peak_mb(pid: int) -> float:
    """Largest resident memory of a process so far [MiB], 0 when it has ended.

    ru_maxrss would start with the memory of this process, from which the child was forked.
    """
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((float(x.split()[1]) / 1024.0 for x in lines if x.startswith("VmHWM")), 0.0)
