"""`posekernel-export calibration-cases`: which faults of simulated arrays calibration finds."""

import argparse

from export.commands.studies.report_file import add_out, check_out, write_out
from export.extras import progress_bar
from export.simulate.rigs import FAMILIES
from export.studies.calibration_cases import calibrate_all
from export.studies.calibration_report import calibration_report


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "calibration-cases",
        help="count which faults of simulated arrays calibration finds",
        description="Random arrays in random furnished rooms, recorded as by `posekernel "
        "calibrate`: with two channels swapped, one channel dead, a microphone 10 mm off, a "
        "capture clock 200 ppm off, a late loudspeaker, or no fault. Calibration may ask for the "
        "loudspeaker to be moved. Prints the actual faults against the named ones.",
    )
    parser.add_argument(
        "--cases",
        type=int,
        default=200,
        metavar="N",
        help="number with a fault, and as many without (default 200)",
    )
    parser.add_argument(
        "--rig", default="compact", choices=FAMILIES, help="family of arrays (default compact)"
    )
    parser.add_argument(
        "--seed", type=int, default=1001, help="of arrays, rooms, noise and faults (default 1001)"
    )
    add_out(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the report; 0 when every fault was named and no other, else 1."""
    check_out(args.out)
    cases = calibrate_all(args.seed, args.cases, args.cases, args.rig)
    outcomes = list(progress_bar(cases, total=2 * args.cases, unit=" cases"))
    command = (
        f"posekernel-export calibration-cases --cases {args.cases} --rig {args.rig} "
        f"--seed {args.seed}"
    )
    report = calibration_report(outcomes, command)
    print(report)
    write_out(args.out, report + "\n")
    return int(not all(o.right for o in outcomes))
