"""`posekernel-export changing-room`: how exact the sensor stays while the room changes."""

import argparse

from export.commands.studies.report_file import add_out, check_out, write_out
from export.extras import progress_bar
from export.studies.changing_room import live_through_changes, sit_still
from export.studies.changing_room_report import changing_room_report


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "changing-room",
        help="measure poses while a chair is moved, a door opened, a dog walks about",
        description="A simulated person lives in a simulated living room in which something "
        "changes, and another one sits still for half an hour. Raw sound and 2D joints go through "
        "the sensor's own pipeline. Prints the errors after the change, beside those without a "
        "change and without sound.",
    )
    parser.add_argument("--homes", type=int, default=16, metavar="N", help="rooms (default 16)")
    parser.add_argument(
        "--sitters", type=int, default=2, metavar="N", help="people who sit still (default 2)"
    )
    parser.add_argument(
        "--minutes", type=float, default=30.0, metavar="M", help="for how long (default 30)"
    )
    parser.add_argument("--lifter", choices=("ray", "volume", "geometric"), default="ray")
    parser.add_argument("--seed", type=int, default=18, help="of homes and changes (default 18)")
    add_out(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the report; 0 when done."""
    check_out(args.out)
    homes = (live_through_changes(args.seed, n, args.lifter) for n in range(args.homes))
    outcomes = list(progress_bar(homes, unit=" homes", total=args.homes))
    sitters = (sit_still(args.seed, n, args.minutes, args.lifter) for n in range(args.sitters))
    still = list(progress_bar(sitters, unit=" sitters", total=args.sitters))
    command = (
        f"posekernel-export changing-room --homes {args.homes} --sitters {args.sitters} "
        f"--minutes {args.minutes:g} --lifter {args.lifter} --seed {args.seed}"
    )
    report = changing_room_report(outcomes, still, args.minutes, command)
    print(report)
    write_out(args.out, report)
    return 0
