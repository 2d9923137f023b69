"""`posekernel-export compare-background`: what drift leaves of the empty room, with and without
what it has taught.
"""

import argparse

from export.studies.leftover import leftover_table, leftovers


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "compare-background",
        help="how much of the empty room is left after drift",
        description="Prints a table of what is left of the empty room beside a person's echo, by how far the air has drifted "
        "since it was learned: for a sensor that never heard its room in other air, and for one that has. Random rooms of the "
        "validation split.",
    )
    parser.add_argument(
        "--rooms",
        type=int,
        default=100,
        metavar="N",
        help="random rooms of ten people each (default 100)",
    )
    parser.add_argument("--seed", type=int, default=7, help="of the rooms (default 7)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the table; 0 when done."""
    print(leftover_table(*leftovers(args.rooms, args.seed)))
    return 0
