"""`posekernel-export loudness-cases`: how well calibration knows the loudness at 1 m."""

import argparse

from export.commands.studies.report_file import add_out, check_out, write_out
from export.extras import progress_bar
from export.studies.loudness.cases import loudness_cases
from export.studies.loudness.report import loudness_report

LEAST_RIGHT = 0.95


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "loudness-cases",
        help="measure loudspeakers of known loudness as calibration does",
        description="Loudspeakers of known loudness in random furnished rooms, turned to a "
        "ReSpeaker USB Mic Array or beside it, with the tolerances of its microphones, clipped, "
        "drowned in noise, with a wrong or automatic gain. Prints how far calibration is off.",
    )
    parser.add_argument(
        "--cases", type=int, default=200, metavar="N", help="how many (default 200)"
    )
    parser.add_argument(
        "--seed", type=int, default=1901, help="of arrays, rooms, levels and noise (default 1901)"
    )
    add_out(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the report; 0 where 95 % are within 2 dB or said to be unknown or unsure, else 1."""
    check_out(args.out)
    cases = loudness_cases(args.seed, args.cases)
    done = list(progress_bar(cases, total=args.cases, unit=" cases"))
    command = f"posekernel-export loudness-cases --cases {args.cases} --seed {args.seed}"
    report = loudness_report(done, command)
    print(report)
    write_out(args.out, report + "\n")
    return int(sum(c.right for c in done) < LEAST_RIGHT * len(done))
