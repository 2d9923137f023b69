"""The commands of posekernel-export, and how a run of one ends."""

import argparse
import sys

from edge import __version__
from edge.core.errors import PosekernelError, discard_output, output_problem
from edge.core.logs.shown import shown
from export.commands.networks import candidates, evaluate, quantize, train, train_baselines
from export.commands.simulation import fit_detector, fit_presence, session, simulate, triangulate
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
from export.stopping import StoppedError, raised_signals

COMMANDS = (
    *(simulate, session, triangulate, fit_detector, fit_presence),
    *(train, quantize, train_baselines, evaluate, candidates),
    *(first_light, falls, people, sight, changing_room, quiet, distances),
    *(calibration, loudness, microphones, bench_peers),
)
# These go on where they were stopped.
RESUMED = ("simulate", "train")


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


def run_command(argv: list[str] | None = None) -> int:
    """Exit code: 0 done, 1 a target missed, 2 the user's mistake, 129, 130 or 143 stopped by
    SIGHUP, SIGINT or SIGTERM (one sentence on stderr).
    """
    args = make_parser().parse_args(argv)
    try:
        with raised_signals():
            code = int(args.run(args))
            sys.stdout.flush()
            return code
    except StoppedError as e:
        again = "; the same command goes on" if args.command in RESUMED else ""
        _say(args.command, f"{e}{again}")
        return 128 + e.number
    except PosekernelError as e:
        _say(args.command, str(e))
        return 2
    except OSError as e:
        if not (problem := output_problem(e)):
            raise
        _say(args.command, problem)
        discard_output()
        return 2


def _say(command: str, why: str) -> None:
    print(f"posekernel-export {command}: {shown(why)}", file=sys.stderr)
