"""`posekernel-export distances`: people from near to far, without sound."""

import argparse
from pathlib import Path

from edge.lifting.lifter import MODELS, lifter_file
from export.extras import progress_bar
from export.studies.people.distances import distances_report, silent_by_distance


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "distances",
        help="measure how far away the image alone puts people",
        description="Simulated people from 0.8 to 8 m away, without sound, with and without the "
        "camera's height and the body's size: errors of the distance and how many joints lie "
        "within their 1-sigma.",
    )
    parser.add_argument(
        "--model",
        type=Path,
        default=MODELS / lifter_file("ray", "int8"),
        metavar="F",
        help="a lifter's .tflite (default: the one that ships)",
    )
    parser.add_argument(
        "--people", type=int, default=300, metavar="N", help="at each distance (default 300)"
    )
    parser.add_argument("--seed", type=int, default=20, help="of people and cameras (default 20)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the report; 0 when done."""
    rows = silent_by_distance(
        args.model,
        args.people,
        args.seed,
        lambda items, total: progress_bar(items, total=total, unit=" distances"),
    )
    command = f"posekernel-export distances --people {args.people} --seed {args.seed}"
    print(distances_report(rows, command))
    return 0
