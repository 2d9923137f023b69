"""`posekernel-export overlay`: the poses of sessions, drawn over their frames."""

import argparse
from pathlib import Path

from export.studies.overlay import write_overlay


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser("overlay", help="draw the poses of sessions over their frames")
    parser.add_argument(
        "sessions", type=Path, nargs="+", metavar="SESSION", help="session folders, one row each"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="PNG")
    parser.add_argument(
        "--columns", type=int, default=3, help="frames per session, evenly spread (default 3)"
    )
    parser.add_argument(
        "--height", type=int, default=480, metavar="PX", help="of one frame (default 480)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Draw and write; 0 when done."""
    write_overlay(args.sessions, args.out, args.columns, args.height)
    print(f"{args.out}: {len(args.sessions)} sessions x {args.columns} frames")
    return 0
