"""`posekernel-export broker-load`: what one broker carries from many sensors."""

import argparse
import os
import platform
import tempfile
from pathlib import Path

from export.studies.broker_load import Load, measure_load


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "broker-load", help="measure many sensors on one broker: messages/s, CPU, losses"
    )
    parser.add_argument(
        "--devices", type=int, default=200, metavar="N", help="sensors (default 200)"
    )
    parser.add_argument(
        "--rates",
        type=float,
        nargs="+",
        default=[1.0, 2.0, 5.0, 10.0],
        metavar="HZ",
        help="poses/s of each sensor",
    )
    parser.add_argument("--seconds", type=float, default=20.0, help="for each rate (default 20)")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="also write the table to this Markdown file"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure each rate, print the table and write it; 0 when no event was lost, else 1."""
    lines = [_HEADER, "|" + "---|" * (_HEADER.count("|") - 1)]
    print("\n".join(lines))
    lost = 0
    for rate_hz in args.rates:
        with tempfile.TemporaryDirectory(prefix="posekernel-load-") as folder:
            load = measure_load(
                Path(folder), devices=args.devices, rate_hz=rate_hz, seconds=args.seconds
            )
        lines.append(_row(rate_hz, load))
        print(lines[-1], flush=True)
        lost += load.events - load.events_received
    if args.out is not None:
        rates = " ".join(f"{r:g}" for r in args.rates)
        command = (
            f"posekernel-export broker-load --devices {args.devices} --rates {rates} "
            f"--seconds {args.seconds:g}"
        )
        where = (
            f"{platform.machine()}, {os.cpu_count()} shared cores; load average at the end "
            f"{os.getloadavg()[0]:.1f}."
        )
        table = "\n".join(lines)
        args.out.write_text(f"{_INTRODUCTION}\n```\n{command}\n```\n\n{where}\n\n{table}\n")
    return int(lost > 0)


_INTRODUCTION = """\
# Many sensors on one broker

One mosquitto, the sensors' own publishing code (50 sensors a process) and one subscriber to every
pose and event, all on one machine. They share its cores, so the rate at which poses are lost is
that of the machine, not of mosquitto alone. Poses have QoS 0 and may be lost under load; events
(one in a hundred poses) have QoS 1 and may not. Offered: what the sensors made in time. Lost:
handed to a connection, but not received.
"""
_HEADER = (
    "| poses/s each | offered/s | received/s | lost | events | events lost | broker CPU | "
    "broker memory | sensors' CPU "
    "| latency median (95 %) |"
)


def _row(rate_hz: float, o: Load) -> str:
    return (
        f"| {rate_hz:g} | {o.offered / o.seconds:.0f} | {o.received / o.seconds:.0f} "
        f"| {100.0 * (o.sent - o.received) / max(o.sent, 1):.2f} % | {o.events} | "
        f"{o.events - o.events_received} "
        f"| {o.broker_cpu:.0f} % of a core | {o.broker_memory_mb:.0f} MB | {o.sensors_cpu:.0f} % "
        f"| {o.latency_median_ms:.1f} ({o.latency_p95_ms:.0f}) ms |"
    )
