"""`posekernel config`: a configuration for an array and a board; or check one; or list both."""

import argparse
import sys
from pathlib import Path

from edge.core.errors import ConfigError
from edge.core.logs.shown import shown


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "config", help="make a configuration for an array and a board, or check one"
    )
    wanted = parser.add_mutually_exclusive_group(required=True)
    wanted.add_argument("--array", help="microphone array; an unknown name lists them")
    wanted.add_argument(
        "--check", type=Path, metavar="F", help="only check whether `run` would start with F"
    )
    wanted.add_argument(
        "--text", type=Path, metavar="F", help="a whole configuration instead; -: standard input"
    )
    wanted.add_argument(
        "--list", action="store_true", help="all arrays and boards, and which do not go together"
    )
    parser.add_argument("--board", help="with --array: the computer; an unknown name lists them")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="e.g. device.id=hall, place.speaker_m=[0.1,0,0]",
    )
    parser.add_argument(
        "--zones-of",
        type=Path,
        metavar="F",
        help="where F has zones, such as those drawn on the page, these in place of one's own",
    )
    parser.add_argument(
        "--out", type=Path, metavar="F", help="write it there instead of printing it"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0 when made, checked or listed. Raises ConfigError."""
    from edge.core.config import load_config
    from edge.core.profiles import pairs
    from edge.sensor.plan import prepare, warnings

    if args.check is not None:
        found = load_config(args.check)
        doubts = warnings(found, prepare(found)[1])
        print(shown(f"{args.check}: good{', but' if doubts else ''}"))
        for doubt in doubts:
            print(f"  {shown(doubt)}")
    elif args.list:
        for array, board, reason in pairs():
            print(f"{array:<26} {board:<18} {reason or 'ok'}")
    else:
        write(_made(args), args.out)
    return 0


def write(text: str, out: Path | None) -> None:
    """Write a configuration to `out`, None: print it. Raises ConfigError."""
    from edge.core.files import write_whole

    if out is None:
        print(text, end="")
        return
    try:
        write_whole(out, text.encode())
    except OSError as e:
        raise ConfigError(
            f"{out}: cannot be written ({e.strerror}); give --out a place that you may write to"
        ) from e


def _made(args: argparse.Namespace) -> str:
    from edge.tools.kept_zones import keep_zones

    text = _given(args.text) if args.text is not None else _rendered(args)
    if args.zones_of is None:
        return text
    text, left_out = keep_zones(text, args.zones_of)
    if left_out:
        told = f"{args.zones_of} has zones, which are kept: {left_out} others are left out"
        print(shown(told), file=sys.stderr)
    return text


def _rendered(args: argparse.Namespace) -> str:
    from edge.core.profiles import names
    from edge.tools.new_config import render_config

    if args.board is None:
        raise ConfigError(f"--board: missing, allowed: {', '.join(names('boards'))}")
    return render_config(args.array, args.board, args.set)


def _given(path: Path) -> str:
    """The text of a valid configuration."""
    from edge.core.config import parse_config
    from edge.core.files import read_file

    try:
        content = sys.stdin.buffer.read() if path == Path("-") else read_file(path)
    except OSError as e:
        raise ConfigError(f"{path}: cannot be read ({e.strerror})") from e
    parse_config(content, path)
    return content.decode()
