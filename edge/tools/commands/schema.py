"""`posekernel schema`: the JSON Schema of one message, or of all by name."""

import argparse
import json
from pathlib import Path

SCHEMAS = Path(__file__).parents[2] / "output" / "messages" / "schemas"


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser("schema", help="print the JSON Schema of a message")
    parser.add_argument(
        "message",
        choices=sorted(p.stem for p in SCHEMAS.glob("*.json")),
        nargs="?",
        help="default: all, by name",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print it; 0."""
    schemas = {
        path.stem: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(SCHEMAS.glob("*.json"))
    }
    print(json.dumps(schemas if args.message is None else schemas[args.message], indent=2))
    return 0
