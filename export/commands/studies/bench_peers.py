"""`posekernel-export bench-peers`: the sensor's work against other libraries, in one run."""

import argparse
import json
import math
import os
from dataclasses import asdict
from pathlib import Path

from edge.core.inference.execution import board_name
from export.studies.bench_peers import PeerRow, bench_peers, versions


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "bench-peers",
        help="front end and networks against numpy, scipy, pyroomacoustics, PyTorch, ONNX Runtime, tflite-runtime",
        description="Pair by pair in one interleaved run, one thread each. What is absent is named, with what installs it.",
    )
    parser.add_argument(
        "--repetitions", type=int, default=40, metavar="N", help="of each (default 40)"
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="write the table there as Markdown, too"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the table and write it; 0 when measured."""
    rows = bench_peers(args.repetitions)
    if args.json:
        print(
            json.dumps(
                {"board": board_name(), "versions": versions(), "rows": [_finite(r) for r in rows]}
            )
        )
    else:
        print(table(rows))
    if args.out is not None:
        packages = ", ".join(f"{name} {version}" for name, version in versions().items())
        where = f"{board_name()}, load {os.getloadavg()[0]:.1f}; {packages}."
        command = f"posekernel-export bench-peers --repetitions {args.repetitions}"
        args.out.write_text(
            f"# Against other libraries\n\n```\n{command}\n```\n\n{where}\n\n{table(rows)}\n",
            encoding="utf-8",
        )
    return 0


def table(rows: tuple[PeerRow, ...]) -> str:
    """Markdown. The ratio says how many times as long as the first of the same work."""
    lines = [
        "| work | implementation | median | 95 % | times the first | difference |",
        "|---|---|---|---|---|---|",
    ]
    for r in rows:
        if r.absent:
            lines.append(f"| {r.work} | {r.name} | absent: {r.absent} | | | |")
            continue
        difference = (
            "-"
            if r.error_db is None
            else f"{r.error_db:.0f} dB"
            if math.isfinite(r.error_db)
            else "none"
        )
        lines.append(
            f"| {r.work} | {r.name} | {r.median_ms:.3f} ms | {r.p95_ms:.3f} ms | {r.ratio:.2f} | {difference} |"
        )
    return "\n".join(lines)


def _finite(row: PeerRow) -> dict[str, object]:
    return {
        k: None if isinstance(v, float) and not math.isfinite(v) else v
        for k, v in asdict(row).items()
    }
