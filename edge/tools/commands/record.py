"""`posekernel record`: raw sound and images into a session folder, after consent."""

import argparse
import sys
from pathlib import Path

from edge.core.errors import ConfigError
from edge.core.logs.shown import shown
from edge.tools.options import positive

_QUESTION = (
    "This stores images and raw sound of everybody in the room. Has everybody agreed? [y/N] "
)


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "record",
        help="record raw sound and images of this rig into a session folder",
        description="Record raw sound and images of this rig into a session folder. Meanwhile the "
        "loudspeaker sounds without a pause, at excitation.level_dbfs.",
    )
    parser.add_argument("directory", type=Path)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--seconds", type=positive, default=30.0, help="length (default 30)")
    parser.add_argument(
        "--consent", action="store_true", help="everybody in view has agreed to be recorded"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0 when recorded. Raises PosekernelError."""
    from edge.core.config import load_config
    from edge.tools.recording import record_session

    config = load_config(args.config)
    if not args.consent and not _agreed():
        raise ConfigError(
            "nothing was recorded: recording stores images and sound of people; "
            "add --consent once they agreed"
        )
    written = record_session(args.directory, config, args.seconds)
    print(shown(f"{args.directory}: {written.periods} periods, {written.frames} frames"))
    return 0


def _agreed() -> bool:
    return sys.stdin.isatty() and input(_QUESTION).strip().lower() in ("y", "yes")
