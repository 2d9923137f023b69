"""`posekernel-export falls`: falls and what is easily taken for one, acted out before the sensor's
own code, and counted.
"""

import argparse
from pathlib import Path

from export.extras import progress_bar
from export.studies.falls import act_all, fall_report


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "falls",
        help="act out falls and harmless motions, and count what the sensor makes of them",
        description="Simulated people of all sizes fall (motion capture get-ups played "
        "backwards, and other ways), sit, lie "
        "down, bend, crouch, kneel and walk out of view; their joints get the lifter's errors "
        "and go through the sensor's own "
        "tracking, activity and event code at 10 poses a second. Prints what was told in time, "
        "late, not, and wrongly.",
    )
    parser.add_argument(
        "--falls", type=int, default=20, metavar="N", help="of each kind (default 20)"
    )
    parser.add_argument(
        "--minutes",
        type=float,
        default=30.0,
        metavar="M",
        help="of what is no fall, at least (default 30)",
    )
    parser.add_argument(
        "--seed", type=int, default=3003, help="of people, motions and errors (default 3003)"
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="write the report there as Markdown, too"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the report; 0 when done."""
    takes = act_all(args.seed, args.falls, args.minutes)
    outcomes = list(progress_bar(takes, unit=" takes"))
    command = (
        f"posekernel-export falls --falls {args.falls} --minutes {args.minutes:g} --seed "
        f"{args.seed}"
    )
    report = fall_report(outcomes, command)
    print(report)
    if args.out is not None:
        args.out.write_text(report + "\n", encoding="utf-8")
    return 0
