"""The command line of posekernel-export."""

import argparse
import sys

from edge import __version__
from edge.core.errors import PosekernelError, discard_output, output_problem
from edge.core.logs.shown import shown
from export.commands.networks import evaluate, quantize, train, train_baselines
from export.commands.simulation import fit_detector, session, simulate, triangulate
from export.commands.studies import (
    bench_peers,
    calibration,
    changing_room,
    distances,
    falls,
    first_light,
    loudness,
    microphones,
    people,
    quiet,
    sight,
)

COMMANDS = (
    *(simulate, session, triangulate, fit_detector),
    *(train, quantize, train_baselines, evaluate),
    *(first_light, falls, people, sight, changing_room, quiet, distances),
    *(calibration, loudness, microphones, bench_peers),
)


def make_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = argparse.ArgumentParser(
        prog="posekernel-export",
        description="Simulates, trains and measures what the posekernel sensor runs.",
    )
    parser.add_argument("--version", action="version", version=f"posekernel-export {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add(commands)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Exit code: 0 done, 2 the user's mistake (one sentence on stderr)."""
    args = make_parser().parse_args(argv)
    try:
        code = int(args.run(args))
        sys.stdout.flush()
        return code
    except PosekernelError as e:
        print(f"posekernel-export {args.command}: {shown(str(e))}", file=sys.stderr)
        return 2
    except OSError as e:
        if not (problem := output_problem(e)):
            raise
        print(f"posekernel-export {args.command}: {shown(problem)}", file=sys.stderr)
        discard_output()
        return 2


if __name__ == "__main__":
    sys.exit(main())
