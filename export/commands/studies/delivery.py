"""`posekernel-export delivery`: whether every event arrives while broker and sensor are killed."""

import argparse
import platform
import tempfile
from pathlib import Path

import numpy as np

from export.studies.event_delivery import Outcome, measure


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "delivery", help="count the events that arrive while broker and sensor are killed"
    )
    parser.add_argument(
        "--kills", type=int, default=20, metavar="N", help="kills of the broker (default 20)"
    )
    parser.add_argument(
        "--restarts",
        type=int,
        default=5,
        metavar="N",
        help="kills of the publishing process (default 5)",
    )
    parser.add_argument(
        "--seconds", type=float, default=120.0, help="length of the measurement (default 120)"
    )
    parser.add_argument(
        "--events-per-s",
        type=float,
        default=20.0,
        metavar="R",
        help="events, and as many poses (default 20)",
    )
    parser.add_argument(
        "--seed", type=int, default=1, help="seed of the times of the kills (default 1)"
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="also write the table to this Markdown file"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure, print the table and write it; 0 when nothing was lost or out of order, else 1."""
    with tempfile.TemporaryDirectory(prefix="posekernel-delivery-") as folder:
        outcome = measure(
            Path(folder),
            kills=args.kills,
            restarts=args.restarts,
            seconds=args.seconds,
            events_per_s=args.events_per_s,
            seed=args.seed,
        )
    command = (
        f"posekernel-export delivery --kills {args.kills} --restarts {args.restarts} --seconds "
        f"{args.seconds:g} "
        f"--events-per-s {args.events_per_s:g} --seed {args.seed}"
    )
    table = as_table(outcome)
    print(table)
    if args.out is not None:
        args.out.write_text(
            f"{_INTRODUCTION}\n```\n{command}\n```\n\n{platform.machine()}, two shared "
            f"cores.\n\n{table}\n"
        )
    return int(outcome.missing > 0 or outcome.gaps > 0 or outcome.disorder > 0)


_INTRODUCTION = """\
# Delivery of events while the broker and the sensor are killed

A mosquitto that saves each change, a process that publishes events through the sensor's own outbox
and connection, and a subscriber with a persistent session. Broker and publisher are killed with
SIGKILL at random times; the broker stays away for 0.05 to 1.5 s. An event counts as accepted once
`publish_event` has returned. One more kill than asked for ends the run.
"""


def as_table(o: Outcome) -> str:
    """The outcome as a markdown table."""
    resume = np.array(o.resume_s or (float("nan"),))
    rows = [
        ("length", f"{o.seconds:.0f} s"),
        ("broker killed", f"{o.broker_kills} times"),
        ("publisher killed", f"{o.device_kills} times"),
        ("events accepted", f"{o.accepted}"),
        ("different events received", f"{o.received}"),
        ("received again (at least once)", f"{o.duplicates}"),
        ("**accepted, but lost**", f"**{o.missing}**"),
        ("numbers left out", f"{o.gaps}"),
        ("out of order after de-duplication", f"{o.disorder}"),
        ("poses received", f"{o.poses}"),
        (
            "stream back after the broker listens, median (longest)",
            f"{np.median(resume):.2f} ({resume.max():.2f}) s",
        ),
    ]
    return "\n".join(["| | |", "|---|---|", *(f"| {a} | {b} |" for a, b in rows)])
