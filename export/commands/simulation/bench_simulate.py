"""`posekernel-export bench-simulate`: how many samples a second are simulated."""

import argparse

from export.simulate.dataset_runs import measure_rate


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "bench-simulate", help="measure samples per second with one and with two workers"
    )
    parser.add_argument(
        "--samples", type=int, default=240, metavar="N", help="samples per worker (default 240)"
    )
    parser.add_argument(
        "--workers",
        type=int,
        nargs="+",
        default=[1, 2],
        metavar="W",
        help="numbers of workers (default 1 2)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the rate for each number of workers and its ratio to the first; start-up is left
    out.
    """
    first = 0.0
    for workers in args.workers:
        rate = measure_rate(workers, args.samples)
        first = first or rate
        print(
            f"{workers} worker(s): {rate:.1f} samples/s, {rate / first:.2f} x the first (6 "
            "microphones, 16 kHz, room paths)"
        )
    return 0
