"""`posekernel-export falls`: how often the sensor's own code is right about acted falls."""

import argparse

from export.commands.studies.report_file import add_out, check_out, write_out
from export.extras import progress_bar
from export.studies.falls.one_person import act_all, fall_report


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "falls",
        help="count what the sensor reports of acted falls and harmless motions",
        description="Simulated people of all sizes fall (motion capture of getting up, played "
        "backwards, and in other ways), sit, lie down, bend, crouch, kneel and walk out of view. "
        "Their joints get a lifter's errors and go through the sensor's own tracking, activity and "
        "events at 10 poses a second. Prints the falls reported in time, late or never, and the "
        "false ones.",
    )
    parser.add_argument(
        "--falls", type=int, default=20, metavar="N", help="falls of each kind (default 20)"
    )
    parser.add_argument(
        "--minutes",
        type=float,
        default=30.0,
        metavar="M",
        help="of harmless motions, at least (default 30)",
    )
    parser.add_argument(
        "--seed", type=int, default=3003, help="of people, motions and errors (default 3003)"
    )
    add_out(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the report; 0 when done."""
    check_out(args.out)
    takes = act_all(args.seed, args.falls, args.minutes)
    outcomes = list(progress_bar(takes, unit=" takes"))
    command = (
        f"posekernel-export falls --falls {args.falls} --minutes {args.minutes:g} --seed "
        f"{args.seed}"
    )
    report = fall_report(outcomes, command)
    print(report)
    write_out(args.out, report + "\n")
    return 0
