"""`posekernel bench`: one stage, or everything with its report."""

import argparse
import json
import sys
import time
from pathlib import Path

from edge.core.errors import BenchError
from edge.tools.bench.frontend import run_bench
from edge.tools.bench.latency import run_latency
from edge.tools.bench.speed import run_networks, run_replay

STAGES = {
    "frontend": run_bench,
    "networks": run_networks,
    "replay": run_replay,
    "latency": run_latency,
}


def bench_command(args: argparse.Namespace) -> int:
    """Run it; 0 when measured, whatever the figures say. Raises PosekernelError."""
    if args.stage is not None:
        whole = [name for name in ("out", "compare", "plot", "save") if getattr(args, name)]
        if whole:
            raise BenchError(
                f"--{whole[0]}: needs the whole measurement; leave out --stage {args.stage}"
            )
        return STAGES[args.stage](args)
    return _everything(args)


def _everything(args: argparse.Namespace) -> int:
    from edge.core.inference.execution import choice_file, save_choice
    from edge.tools.bench.compare import comparison_text, load_report
    from edge.tools.bench.plot import plot_report, require_matplotlib
    from edge.tools.bench.report import bench_all
    from edge.tools.bench.sensor import bench_config
    from edge.tools.bench.tables import report_markdown, report_text

    # Whatever is wrong with the arguments is said before the minutes, not after.
    old = None if args.compare is None else load_report(args.compare)
    if args.plot is not None:
        require_matplotlib()
    for path in (*args.out, args.plot):
        _check_writable(path)
    config = bench_config(args.config)
    progress = _Progress()
    report = bench_all(config, progress.say)
    progress.done()
    data = report.as_dict()
    for path in args.out:
        text = (
            report_markdown(report)
            if path.suffix == ".md"
            else json.dumps(data, indent=1, allow_nan=False)
        )
        _write(path, text + "\n")
    if args.plot is not None:
        plot_report(report, args.plot)
    print(json.dumps(data, allow_nan=False) if args.json else report_text(report))
    if old is not None:
        # JSON stays the only thing on stdout.
        print("\n" + comparison_text(old, data), file=sys.stderr if args.json else sys.stdout)
    if args.save:
        path = choice_file(config)
        save_choice(path, report.choice)
        print(
            f'{path}: saved; used where the configuration says "auto" or nothing', file=sys.stderr
        )
    return 0


def _check_writable(path: Path | None) -> None:
    if path is not None and not path.parent.is_dir():
        raise BenchError(f"{path}: there is no folder {path.parent}; make it, or give another path")


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
