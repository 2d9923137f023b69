"""Command line of the workshop; nothing else."""

import argparse
import sys

from edge import __version__
from edge.core.errors import PosekernelError
from export.commands import (
    bench_peers,
    broker_load,
    calibration,
    compare_levels,
    delivery,
    evaluate,
    falls,
    first_light,
    fit_detector,
    overlay,
    quantize,
    session,
    simulate,
    train,
    train_baselines,
)


def make_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = argparse.ArgumentParser(
        prog="posekernel-export",
        description="Simulates, trains and measures what the posekernel sensor runs.",
    )
    parser.add_argument("--version", action="version", version=f"posekernel-export {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in (
        session,
        bench_peers,
        delivery,
        broker_load,
        first_light,
        simulate,
        fit_detector,
        compare_levels,
        overlay,
        evaluate,
        falls,
        calibration,
        train_baselines,
        train,
        quantize,
    ):
        command.add(commands)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Exit code: 0 done, 2 the user's mistake (one sentence on stderr)."""
    args = make_parser().parse_args(argv)
    try:
        return int(args.run(args))
    except PosekernelError as e:
        print(f"posekernel-export {args.command}: {e}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
