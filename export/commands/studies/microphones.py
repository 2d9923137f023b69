"""`posekernel-export microphone-faults`: which faulty microphones the running sensor finds."""

import argparse

from export.commands.studies.report_file import add_out, check_out, write_out
from export.extras import progress_bar
from export.studies.calibration_cases import NONE
from export.studies.microphone_cases import all_cases
from export.studies.microphone_report import microphone_report

LEAST_RIGHT, MOST_ACCUSED = 0.98, 0.005


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "microphone-faults",
        help="count which faulty microphones of simulated arrays the sensor names",
        description="Arrays of all profiles in random furnished rooms while somebody walks, with a "
        "microphone that is dead, 12 dB too soft, exchanged with another, copied from another, "
        "clipped or humming, or with no fault. Prints the faults put in against the named ones.",
    )
    parser.add_argument(
        "--cases",
        type=int,
        default=200,
        metavar="N",
        help="number with a fault, and as many without (default 200)",
    )
    parser.add_argument(
        "--seed", type=int, default=9009, help="of arrays, rooms, noise and faults (default 9009)"
    )
    add_out(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the report; 0 where at least 98 % of the faults that can be told were named right and
    at most one of 200 good arrays was accused, else 1.
    """
    check_out(args.out)
    cases = all_cases(args.seed, args.cases, args.cases)
    done = list(progress_bar(cases, total=2 * args.cases, unit=" cases"))
    command = f"posekernel-export microphone-faults --cases {args.cases} --seed {args.seed}"
    report = microphone_report(done, command)
    print(report)
    write_out(args.out, report + "\n")
    faulty = [c.right for c in done if c.kind != NONE and c.decidable]
    good = [c.right for c in done if c.kind == NONE]
    accused = len(good) - sum(good)
    return int(sum(faulty) < LEAST_RIGHT * len(faulty) or accused > MOST_ACCUSED * len(good))
