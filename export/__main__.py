"""The program `posekernel-export`, also `python -m export`."""

import os
import sys

from edge.sensor.process.leaving import leave_at_once, leave_undisturbed
from edge.sensor.process.surroundings import ensure_folder, ensure_streams


def main(argv: list[str] | None = None) -> int:
    """Run one command, see export/commands/command_line.py. argv: None in a process of its own."""
    if argv is None:
        ensure_streams()
        ensure_folder("posekernel-export")
        leave_at_once(until_stopped=False)
        # The matrices are small: on two cores its threads took four times the processor's time,
        # nearly all of it waiting for one another. numpy reads this as it loads.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from export.commands.command_line import run_command  # what loads comes after

    code = run_command(argv)
    if argv is None:
        leave_undisturbed()
    return code


if __name__ == "__main__":
    sys.exit(main())
