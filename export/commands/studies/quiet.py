"""`posekernel-export quiet`: how exact the sensor is for how much sound, on simulated evenings."""

import argparse
import json
import shlex
import sys
from pathlib import Path

from edge.core.errors import ConfigError
from edge.lifting.lifter import MODELS, lifter_file, lifter_files
from edge.lifting.model_card import card_path, load_card
from export.commands.studies.report_file import add_out, check_out, write_out
from export.studies.quiet.plot import draw
from export.studies.quiet.policies import POLICIES, Policy
from export.studies.quiet.report import as_json, measure, page
from export.studies.quiet.study import Plan, results, run_study

NAMES = tuple(p.name for p in POLICIES)
HEIGHTS = {"known": True, "unknown": False}


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "quiet",
        help="measure errors against loudness on simulated evenings",
        description="Simulated people spend evenings in simulated rooms: they come, walk, stand, "
        "sit, lie and leave, amid noise of a known level. Each policy of sound is played through "
        "the sensor's own code. Prints errors, the share within 1-sigma, dB(A) at 1 m and seconds "
        "of sound. What was made is kept in --cache, so that a run goes on where it was ended.",
    )
    parser.add_argument("--evenings", type=int, default=8, metavar="N", help="default 8")
    parser.add_argument(
        "--scale", type=float, default=1.0, metavar="X", help="of their length (default 1: 4 min)"
    )
    parser.add_argument("--seed", type=int, default=19, help="of the evenings (default 19)")
    parser.add_argument(
        "--policies", default=",".join(NAMES), metavar="A,B", help="default all: %(default)s"
    )
    parser.add_argument(
        "--heights", default="known,unknown", metavar="A,B", help="of the camera (default both)"
    )
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path("data/evenings"),
        metavar="DIR",
        help="folder of what is kept (default %(default)s)",
    )
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes (default 1)")
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="write the picture, .svg or .png")
    add_out(parser, "write the page, Markdown")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the tables; 0 when done. Raises ConfigError."""
    check_out(args.out)
    check_out(args.plot, "--plot")
    plan = Plan(
        args.seed,
        args.evenings,
        args.scale,
        _policies(args.policies),
        tuple(HEIGHTS[h] for h in _among(args.heights, tuple(HEIGHTS), "--heights")),
        args.cache,
    )
    for line in run_study(plan, args.workers):
        print(line, file=sys.stderr, flush=True)
    measured = measure(results(plan))
    text = page(measured, args.evenings, _command(args), _networks())
    print(json.dumps(as_json(measured), indent=1) if args.json else text)
    if args.plot is not None:
        draw(measured, args.plot)
    write_out(args.out, text)
    return 0


def _networks() -> dict[str, str]:
    """The files that place people by default, and their SHA-256."""
    digests = load_card(card_path(MODELS / lifter_file("ray", "int8"))).sha256
    return {name: digests[name] for name in lifter_files("ray", "int8")}


def _policies(text: str) -> tuple[Policy, ...]:
    chosen = _among(text, NAMES, "--policies")
    return tuple(p for p in POLICIES if p.name in chosen)


def _among(text: str, names: tuple[str, ...], option: str) -> list[str]:
    chosen = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in chosen if name not in names]
    if unknown or not chosen:
        found = ", ".join(unknown) or "nothing"
        raise ConfigError(f"{option}: found {found}, but some of {', '.join(names)} are needed")
    return chosen


def _command(args: argparse.Namespace) -> str:
    words = [
        "posekernel-export",
        "quiet",
        "--evenings",
        str(args.evenings),
        "--seed",
        str(args.seed),
    ]
    if args.scale != 1.0:
        words += ["--scale", f"{args.scale:g}"]
    if args.policies != ",".join(NAMES):
        words += ["--policies", args.policies]
    if args.heights != ",".join(HEIGHTS):
        words += ["--heights", args.heights]
    return shlex.join(words)
