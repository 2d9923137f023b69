"""`posekernel-export first-light`: distance errors of a real person on real frames."""

import argparse
from pathlib import Path

from export.studies.first_light import TABLE_HEAD, measure_cameras


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "first-light", help="measure distance errors on a calibrated video, with sound and muted"
    )
    parser.add_argument(
        "--video",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder with Calib.qca.txt, camNN.mp4, joints",
    )
    parser.add_argument("--lifter", choices=("geometric", "ray", "volume"), default="geometric")
    parser.add_argument(
        "--seed", type=int, default=1, help="of room, clothes and noise (default 1)"
    )
    parser.add_argument(
        "--sir", type=float, default=13.0, metavar="DB", help="signal to interference (default 13)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the table as Markdown, a row as soon as it is known; 0 when done."""
    print(TABLE_HEAD)
    for row in measure_cameras(args.video, args.lifter, seed=args.seed, sir_db=args.sir):
        print(row.as_markdown(), flush=True)
    return 0
