"""The command line of `posekernel`; its commands are in edge/tools/commands."""

import argparse
import logging
import os
import sys

from edge import __version__
from edge.core.errors import PosekernelError, StuckDeviceError, discard_output, output_problem
from edge.core.logs.handler import CalmHandler
from edge.core.logs.shown import shown
from edge.sensor.process.lifetime import end_now, share_arenas
from edge.tools.commands import (
    bench,
    calibrate,
    config,
    convert,
    demo,
    doctor,
    forget,
    record,
    replay,
    run,
    schema,
    setup,
)

COMMANDS = (
    setup, run, demo, replay, convert, record, doctor, calibrate, config, forget, schema, bench
)  # fmt: skip
EXAMPLES = """examples:
  posekernel setup                              from a box of parts to a running sensor
  posekernel demo                               a simulated recording, a broker, poses in metres
  posekernel run --config /etc/posekernel/config.toml
  posekernel replay recordings/kitchen --json   one JSON object per pose
  posekernel replay recordings/kitchen --web    the same to look at, in the browser
  posekernel convert poses.jsonl --out poses.bvh   skeletons for animation programs
  posekernel doctor --config /etc/posekernel/config.toml
  posekernel calibrate --config /etc/posekernel/config.toml --walk recordings/walk \\
    --person-height 1.78
  posekernel config --array respeaker-usb-v2 --board raspberry-pi-5 --set device.id=hall \\
    --set place.speaker_m=[0.1,0.06,0.0]
"""


def make_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = argparse.ArgumentParser(
        prog="posekernel",
        description="Metric 3D human pose from one camera and the echo of a known sound.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"posekernel {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add(commands)
    return parser


def run_command(argv: list[str] | None = None) -> int:
    """Run one command. Exit codes: 0 done, 1 a finding of doctor or calibrate, 2 a user's mistake
    (one sentence on stderr). A signal ends the process, see edge/sensor/process/leaving.py.

    argv: None in a process of its own, else called from other Python code.
    """
    args = make_parser().parse_args(argv)
    args.own_process = argv is None
    try:
        share_arenas()
        # FFmpeg inside OpenCV prints lines of its own about a damaged file; our message is enough.
        os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
        # OpenCV waits 10 s for an image of a V4L2 camera; a frozen one must be let go before.
        os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", "2")
        # Images of more than 67 million pixels would only fill the memory.
        os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(1 << 26))
        logging.basicConfig(level=logging.INFO, handlers=[CalmHandler(sys.stderr)])
        code = int(args.run(args))
        sys.stdout.flush()
        return code
    except PosekernelError as e:
        print(f"posekernel {args.command}: {shown(str(e))}", file=sys.stderr)
        if isinstance(e, StuckDeviceError) and args.own_process:
            end_now(2)  # Python's own ending would wait for the driver
        return 2
    except BrokenPipeError:
        # The reader of our output has ended (`posekernel replay DIR | head`): no error.
        discard_output()
        return 0
    except OSError as e:
        if not (problem := output_problem(e)):
            raise
        discard_output()
        print(f"posekernel {args.command}: {shown(problem)}", file=sys.stderr)
        return 2
