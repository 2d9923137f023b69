"""`posekernel schema`: the JSON Schema of one message, or of all by name."""

import argparse
import json

from edge.output.messages import MESSAGES


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser("schema", help="print the JSON Schema of a message")
    parser.add_argument("message", choices=MESSAGES, nargs="?", help="default: all, by name")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print it; 0."""
    from edge.output.messages.schemas import schema

    one, every = args.message, {name: schema(name) for name in MESSAGES}
    print(json.dumps(every if one is None else every[one], indent=2))
    return 0
