"""`posekernel-export compare-frames`: whether the periods before the present one would help the
network.
"""

import argparse
from pathlib import Path

from edge.lifting.registry import MODELS
from export.simulate.conditions import CONDITIONS
from export.studies.frames_of_time import errors_over_time, frames_table


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "compare-frames",
        help="what more periods of sound would add",
        description="Prints a table of the joints' errors where the network is shown the mean of the last 1 to 5 periods, and "
        "where its poses are tracked instead, or nothing is left of the room. Random rooms of the test split, people who walk or "
        "hardly stir.",
    )
    parser.add_argument(
        "--model",
        type=Path,
        default=MODELS / "lifter_ray_int8.tflite",
        metavar="F",
        help="default: the one shipped",
    )
    parser.add_argument(
        "--conditions", choices=tuple(CONDITIONS), default="plain", help="how hard (default plain)"
    )
    parser.add_argument(
        "--rooms",
        type=int,
        default=50,
        metavar="N",
        help="random rooms of ten people each (default 50)",
    )
    parser.add_argument("--seed", type=int, default=7, help="of the rooms (default 7)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the table; 0 when done."""
    print(frames_table(errors_over_time(args.model, args.conditions, args.rooms, args.seed)))
    return 0
