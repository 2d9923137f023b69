"""`posekernel bench`: how fast this machine is."""

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
        "--config",
        type=Path,
        help="configuration with the frame rate and networks to measure (default: the defaults)",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of tables")
    parser.add_argument("--out", type=Path, metavar="F.json", help="write the JSON there, too")
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
    from edge.core.inference.execution import choice_file, save_choice
    from edge.tools.bench.compare import comparison_text, load_report
    from edge.tools.bench.report import bench_all, report_text
    from edge.tools.bench.sensors import bench_config

    # What is wrong with the arguments is reported before the two minutes, not after them.
    old = None if args.compare is None else load_report(args.compare)
    if args.out is not None and not args.out.parent.is_dir():
        raise BenchError(
            f"{args.out}: there is no folder {args.out.parent}; make it, or give another path"
        )
    config = bench_config(args.config)
    progress = _Progress()
    report = bench_all(config, progress.say)
    progress.done()
    data = report.as_dict()
    if args.out is not None:
        _write(args.out, json.dumps(data, indent=1, allow_nan=False) + "\n")
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
        shown, end = (f"\r{line:<78}", "") if self._live else (line, "\n")
        print(shown, end=end, file=sys.stderr, flush=True)

    def done(self) -> None:
        if self._live:
            print(f"\r{'':78}\r", end="", file=sys.stderr, flush=True)
