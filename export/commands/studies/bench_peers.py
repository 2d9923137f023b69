"""`posekernel-export bench-peers`: a whole frame with parts of it done by other libraries."""

import argparse
import json
import math
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from edge.core.errors import ConfigError
from edge.core.inference.execution import board_name
from edge.sources.session.reader import DEMO_SESSION
from export.commands.studies.report_file import add_out, check_out, write_out
from export.studies.peers.by_people import MEDIAPIPE, PeopleRow, by_people
from export.studies.peers.parts import PeerRow, bench_peers, versions


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "bench-peers",
        help="a whole frame against numpy, scipy, PyTorch, ONNX Runtime and tflite-runtime, or by "
        "people against MediaPipe",
        description="Frame by frame in one interleaved run over the shipped session. What is "
        "absent is named, with what installs it.",
    )
    parser.add_argument(
        "--repetitions", type=int, default=3, metavar="N", help="of the session (default 3)"
    )
    parser.add_argument(
        "--people",
        action="store_true",
        help="instead: a whole frame by how many people it poses, and the same images through "
        f"MediaPipe: {MEDIAPIPE}",
    )
    parser.add_argument(
        "--session",
        type=Path,
        action="append",
        metavar="S",
        help="with --people: frames of this session, again for more (default: the shipped one)",
    )
    parser.add_argument("--json", action="store_true")
    add_out(parser, "write the table there as Markdown, too")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the table and write it; 0 when measured."""
    check_out(args.out)
    if args.session and not args.people:
        raise ConfigError("--session was given without --people, which it is for: add --people")
    command = f"posekernel-export bench-peers --repetitions {args.repetitions}"
    rows: Sequence[PeerRow | PeopleRow]
    if args.people:
        rows = by_people(args.session or [DEMO_SESSION], args.repetitions)
        text = people_table(rows)
        command += "".join([" --people", *(f" --session {s}" for s in args.session or ())])
    else:
        rows = bench_peers(args.repetitions)
        text = table(rows)
    if args.json:
        found = [_finite(r) for r in rows]
        print(json.dumps({"board": board_name(), "versions": versions(), "rows": found}))
    else:
        print(text)
    if args.out is not None:
        packages = ", ".join(f"{name} {version}" for name, version in versions().items())
        where = f"{board_name()}, load {os.getloadavg()[0]:.1f}; {packages}."
        write_out(
            args.out, f"# Against other libraries\n\n```\n{command}\n```\n\n{where}\n\n{text}\n"
        )
    return 0


def people_table(rows: Sequence[PeopleRow]) -> str:
    """Markdown."""
    lines = [
        "| people posed | frames | a frame | frames/s | processor | MediaPipe, one person "
        "| its processor | times MediaPipe |",
        "|---" * 8 + "|",
    ]
    for r in rows:
        peer = (
            f"{r.peer_median_ms:.1f} ms | {r.peer_processor_ms:.1f} ms | {r.ratio:.2f}"
            if math.isfinite(r.ratio)
            else f"absent: {MEDIAPIPE} | | "
        )
        lines.append(
            f"| {r.people} | {r.frames} | {r.median_ms:.1f} ms | {1e3 / r.median_ms:.0f} "
            f"| {r.processor_ms:.1f} ms | {peer} |"
        )
    return "\n".join(lines)


def table(rows: Sequence[PeerRow]) -> str:
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


def _finite(row: PeerRow | PeopleRow) -> dict[str, object]:
    return {
        k: None if isinstance(v, float) and not math.isfinite(v) else v
        for k, v in asdict(row).items()
    }
