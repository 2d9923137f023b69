"""`posekernel bench`: how fast this machine is, as a whole or one part of it."""

import argparse
import json
import sys
import time
from pathlib import Path

from edge.core.errors import BenchError


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "bench", help="measure in two minutes whether this machine keeps up, and what limits it"
    )
    parser.add_argument(
        "--stage", choices=("networks", "replay", "latency"), help="measure this only, at length"
    )
    parser.add_argument(
        "--config",
        type=Path,
        help="configuration with the frame rate and networks to measure (default: the defaults)",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of tables")
    parser.add_argument(
        "--out",
        type=Path,
        action="append",
        default=[],
        metavar="F",
        help="write it there, too: F.json or F.md",
    )
    parser.add_argument(
        "--compare", type=Path, metavar="OLD.json", help="show what changed since an earlier --out"
    )
    parser.add_argument(
        "--save",
        action="store_true",
        help="keep the fastest runtime, threads and variant for `run`",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0 when measured, whatever the figures say. Raises PosekernelError."""
    if args.stage is None:
        return _everything(args)
    for name in ("out", "compare", "save"):
        if getattr(args, name):
            raise BenchError(
                f"--{name}: needs the whole measurement; leave out --stage {args.stage}"
            )
    stages = {"networks": _networks, "replay": _replay, "latency": _latency}
    return stages[args.stage](args)


def _everything(args: argparse.Namespace) -> int:
    from edge.core.inference.execution import choice_file, save_choice
    from edge.tools.bench.compare import comparison_text, load_report
    from edge.tools.bench.report import bench_all
    from edge.tools.bench.sensor_config import bench_config
    from edge.tools.bench.tables import report_markdown, report_text

    # What is wrong with the arguments is reported before the two minutes, not after them.
    old = None if args.compare is None else load_report(args.compare)
    for path in args.out:
        if not path.parent.is_dir():
            raise BenchError(
                f"{path}: there is no folder {path.parent}; make it, or give another path"
            )
    config = bench_config(args.config)
    progress = _Progress()
    report = bench_all(config, progress.say)
    progress.done()
    data = report.as_dict()
    for path in args.out:
        as_json = json.dumps(data, indent=1, allow_nan=False)
        _write(path, (report_markdown(report) if path.suffix == ".md" else as_json) + "\n")
    print(json.dumps(data, allow_nan=False) if args.json else report_text(report))
    if old is not None:
        # JSON stays the only thing on stdout.
        print("\n" + comparison_text(old, report), file=sys.stderr if args.json else sys.stdout)
    if args.save:
        path = choice_file(config)
        save_choice(path, report.choice)
        print(
            f'{path}: saved; used where the configuration says "auto" or nothing', file=sys.stderr
        )
    return 0


def _networks(args: argparse.Namespace) -> int:
    from dataclasses import asdict

    from edge.tools.bench.networks import bench_keypoints, bench_lifters
    from edge.tools.bench.sensor_config import bench_config
    from edge.tools.bench.stages import bench_stages
    from edge.tools.bench.tables import networks_text

    _, inputs = bench_stages(bench_config(args.config))
    rows = [*bench_keypoints(inputs), *bench_lifters(inputs)]
    print(json.dumps([asdict(r) for r in rows]) if args.json else networks_text(rows))
    return 0


def _replay(args: argparse.Namespace) -> int:
    from dataclasses import asdict

    from edge.tools.bench.sensor_config import bench_config, network_tables
    from edge.tools.bench.throughput import bench_replay

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


def _latency(args: argparse.Namespace) -> int:
    from dataclasses import asdict

    from edge.tools.bench.latency import bench_latency
    from edge.tools.bench.sensor_config import bench_config, network_tables

    result = bench_latency(networks=network_tables(bench_config(args.config)))
    if args.json:
        print(json.dumps(asdict(result)))
        return 0
    print(f"{result.poses} poses, {result.rate_hz:.1f} per second, through {result.broker}")
    print(f"{'until the subscriber has the pose':<42} {'median':>9} {'95 %':>9} {'longest':>9}")
    for r in result.rows:
        print(f"{r.name:<42} {r.median_ms:6.1f} ms {r.p95_ms:6.1f} ms {r.longest_ms:6.1f} ms")
    return 0


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as e:
        raise BenchError(f"{path}: cannot be written ({e.strerror}); give another path") from e


class _Progress:
    """What is measured now: one line that changes on a terminal, a line each elsewhere."""

    def __init__(self) -> None:
        self._start_s, self._live = time.monotonic(), sys.stderr.isatty()

    def say(self, text: str) -> None:
        line = f"bench {time.monotonic() - self._start_s:4.0f} s  {text}"
        print(
            f"\r{line:<78}" if self._live else line,
            end="" if self._live else "\n",
            file=sys.stderr,
            flush=True,
        )

    def done(self) -> None:
        if self._live:
            print(f"\r{'':78}\r", end="", file=sys.stderr, flush=True)
