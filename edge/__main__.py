"""The program `posekernel`, also `python -m edge`."""

import sys

from edge.sensor.process.leaving import leave_at_once, leave_undisturbed
from edge.sensor.process.surroundings import ensure_folder, ensure_streams

# A signal is the usual end of these.
_UNTIL_STOPPED = ("run", "replay", "demo")


def main(argv: list[str] | None = None) -> int:
    """Run one command, see edge/tools/command_line.py. argv: None in a process of its own."""
    if argv is None:
        ensure_streams()
        ensure_folder("posekernel")
        leave_at_once(until_stopped=sys.argv[1:2] in [[name] for name in _UNTIL_STOPPED])
    from edge.tools.command_line import run_command  # what loads comes after

    code = run_command(argv)
    if argv is None:
        leave_undisturbed()
    return code


if __name__ == "__main__":
    sys.exit(main())
