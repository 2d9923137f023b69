"""`posekernel-export bench-peers`: a whole frame with parts of it done by other libraries."""

import argparse
import json
import math
import os
from dataclasses import asdict

from edge.core.inference.execution import board_name
from export.commands.studies.report_file import add_out, check_out, write_out
from export.studies.bench_peers import PeerRow, bench_peers, versions


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "bench-peers",
        help="a whole frame against numpy, scipy, PyTorch, ONNX Runtime and tflite-runtime",
        description="Frame by frame in one interleaved run over the shipped session. What is "
        "absent is named, with what installs it.",
    )
    parser.add_argument(
        "--repetitions", type=int, default=3, metavar="N", help="of the session (default 3)"
    )
    parser.add_argument("--json", action="store_true")
    add_out(parser, "write the table there as Markdown, too")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the table and write it; 0 when measured."""
    check_out(args.out)
    rows = bench_peers(args.repetitions)
    if args.json:
        found = [_finite(r) for r in rows]
        print(json.dumps({"board": board_name(), "versions": versions(), "rows": found}))
    else:
        print(table(rows))
    if args.out is not None:
        packages = ", ".join(f"{name} {version}" for name, version in versions().items())
        where = f"{board_name()}, load {os.getloadavg()[0]:.1f}; {packages}."
        command = f"posekernel-export bench-peers --repetitions {args.repetitions}"
        write_out(
            args.out,
            f"# Against other libraries\n\n```\n{command}\n```\n\n{where}\n\n{table(rows)}\n",
        )
    return 0


def table(rows: tuple[PeerRow, ...]) -> str:
    """Markdown."""
    lines = [
        "| lifter | a frame with | median | 95 % | times ours | joints apart |",
        "|---|---|---|---|---|---|",
    ]
    for r in rows:
        if r.absent:
            lines.append(f"| {r.lifter} | {r.name} | absent: {r.absent} | | | |")
            continue
        lines.append(
            f"| {r.lifter} | {r.name} | {r.median_ms:.2f} ms | {r.p95_ms:.2f} ms "
            f"| {r.ratio:.2f} | {r.apart_mm:.2f} mm |"
        )
    return "\n".join(lines)


def _finite(row: PeerRow) -> dict[str, object]:
    return {
        k: None if isinstance(v, float) and not math.isfinite(v) else v
        for k, v in asdict(row).items()
    }
