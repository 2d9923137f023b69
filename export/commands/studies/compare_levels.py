"""`posekernel-export compare-levels`: levels of echo, clutter and late sound in a dataset folder
and in this simulator.
"""

import argparse
from pathlib import Path

from export.studies.levels import level_table, measured_levels, simulated_levels


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "compare-levels",
        help="compare levels of a dataset folder with the simulator's",
        description="Prints the levels of echo, clutter before subtraction and late sound of a "
        "dataset folder with rir_empty.npy, and those of this simulator for the same rig and "
        "poses in random rooms of about the same size.",
    )
    parser.add_argument("dir", type=Path, metavar="DIR", help="folder in the dataset format")
    parser.add_argument(
        "--rooms", type=int, default=12, metavar="N", help="random rooms to simulate (default 12)"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the rooms (default 1)")
    parser.add_argument(
        "--size",
        type=float,
        nargs=3,
        default=[4.5, 5.0, 2.6],
        metavar="M",
        help="room across, along the view, up (default 4.5 5 2.6)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the table; 0 when done."""
    across, along, up = args.size
    print(
        level_table(
            measured_levels(args.dir),
            simulated_levels(args.dir, args.rooms, args.seed, (across, along, up)),
        )
    )
    return 0
