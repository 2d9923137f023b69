"""Command line; nothing else."""

import argparse
import json
import logging
import math
import os
import sys
from collections.abc import Callable
from pathlib import Path

from edge import __version__
from edge.core.errors import PosekernelError
from edge.sensor.process import share_arenas, start_again
from edge.tools.commands import bench

SCHEMAS = Path(__file__).parent / "output" / "messages" / "schemas"
EXAMPLES = """examples:
  posekernel demo                               a recorded simulation, an embedded broker, poses in metres
  posekernel run --config /etc/posekernel/config.toml
  posekernel replay recordings/kitchen --json   one JSON object per pose
  posekernel replay recordings/kitchen --web    the same to look at: play, pause and scrub in the browser
  posekernel doctor --config /etc/posekernel/config.toml
  posekernel calibrate --config /etc/posekernel/config.toml --walk recordings/walk --person-height 1.78
  posekernel config --array respeaker-usb-v2 --board raspberry-pi-5 --set device.id=hall --set place.speaker_m=[0.1,0.06,0.0]
"""
CALIBRATE = """\
Checks the array, its clock, what band it carries and the empty room; with --board the lens, with --floor or --walk the camera's
height and tilt, with --walk the scale from sound against the floor. Each step is told as
  OK       good enough
  WARNING  usable, but better mended
  OPEN     not decided: do what the arrow says, and calibrate again
  FAULT    wrong: posekernel run refuses the file until it is mended
Exit code: 0 all OK or WARNING, 1 a step is OPEN or a FAULT, 2 it could not be done. At a terminal it asks for the loudspeaker to
be moved where one place cannot decide; otherwise record one session for each place, with that place in rig.speakers_m, and give
--session for each. Camera parts of an earlier file of the same rig are kept.
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

    run = commands.add_parser("run", help="run the sensor that a configuration describes")
    run.add_argument("--config", type=Path, required=True, help="TOML file (see README)")
    _output_options(run)

    demo = commands.add_parser("demo", help="replay the shipped session into an embedded broker")
    _output_options(demo)

    replay = commands.add_parser("replay", help="replay a recorded session or a dataset folder")
    replay.add_argument(
        "directory",
        type=Path,
        help="session folder, or a folder environmentN of the dataset format",
    )
    replay.add_argument(
        "--realtime",
        action="store_true",
        help="at the speed of the recording instead of as fast as it goes",
    )
    replay.add_argument(
        "--height-prior",
        type=float,
        metavar="M",
        help="assumed standing height [m] where sound fails",
    )
    replay.add_argument(
        "--messages",
        type=Path,
        metavar="F",
        help="write poses, echo profiles and events there, one JSON per line",
    )
    replay.add_argument(
        "--web", action="store_true", help="then show them on the live page, to play and scrub"
    )
    _output_options(replay)

    record = commands.add_parser(
        "record", help="record raw sound and images of this rig into a session folder"
    )
    record.add_argument("directory", type=Path)
    record.add_argument("--config", type=Path, required=True)
    record.add_argument("--seconds", type=_positive, default=30.0, help="length (default 30)")
    record.add_argument(
        "--consent", action="store_true", help="everybody in view has agreed to be recorded"
    )

    doctor = commands.add_parser("doctor", help="tell what is wrong here and how to mend it")
    doctor.add_argument("--config", type=Path)
    doctor.add_argument(
        "--no-hardware", action="store_true", help="leave sound card and camera alone"
    )
    doctor.add_argument(
        "--self-test",
        action="store_true",
        help="measure the poses of the shipped session against its truth",
    )
    doctor.add_argument("--json", action="store_true")

    calibrate = commands.add_parser(
        "calibrate",
        help="check a rig by sound and sight, and write what was measured",
        description=CALIBRATE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _calibrate_options(calibrate)

    config = commands.add_parser(
        "config", help="make a configuration for an array and a board, or check one"
    )
    wanted = config.add_mutually_exclusive_group(required=True)
    wanted.add_argument("--array", help="microphone array; an unknown name lists them")
    wanted.add_argument(
        "--check", type=Path, metavar="F", help="only say whether F is a good configuration"
    )
    wanted.add_argument(
        "--list", action="store_true", help="all arrays and boards, and which do not go together"
    )
    config.add_argument("--board", help="with --array: the computer; an unknown name lists them")
    config.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="e.g. device.id=hall, place.speaker_m=[0.1,0,0]",
    )
    config.add_argument(
        "--out", type=Path, metavar="F", help="write it there instead of printing it"
    )

    forget = commands.add_parser(
        "forget",
        help="clear a removed sensor's retained messages from the broker and Home Assistant",
    )
    forget.add_argument("--config", type=Path, required=True)

    schema = commands.add_parser("schema", help="print the JSON Schema of a message")
    schema.add_argument(
        "message",
        choices=sorted(p.stem for p in SCHEMAS.glob("*.json")),
        nargs="?",
        help="default: all, by name",
    )

    bench.add(commands)
    return parser


def _calibrate_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config", type=Path, help="of the real device; with --session: whose recordings these are"
    )
    parser.add_argument(
        "--session",
        type=Path,
        action="append",
        default=[],
        help="a recording instead of the device, one per loudspeaker place",
    )
    parser.add_argument(
        "--seconds",
        type=_positive,
        default=10.0,
        help="of each recording on the device (default 10)",
    )
    parser.add_argument(
        "--board",
        type=Path,
        metavar="FOLDER",
        help="images of the ChArUco board: focal length and distortion",
    )
    parser.add_argument(
        "--floor", type=Path, metavar="IMAGE", help="the board on the floor: height, tilt and roll"
    )
    parser.add_argument(
        "--walk",
        type=Path,
        metavar="SESSION",
        help="one person walks: height and tilt, scale against sound",
    )
    parser.add_argument(
        "--person-height",
        type=_positive,
        metavar="M",
        help="standing height of who walks, in shoes [m]",
    )
    parser.add_argument(
        "--square-mm",
        type=_positive,
        default=36.0,
        help="side of the printed board's squares (default 36)",
    )
    parser.add_argument(
        "--print-board",
        type=Path,
        metavar="PNG",
        help="only write the board's image, to print at 300 dpi",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="F",
        help="file to write (default: calibration.file of the configuration)",
    )
    parser.add_argument("--json", action="store_true", help="the steps as one JSON object")


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0.0):
        raise argparse.ArgumentTypeError(f"found {text}, a number above 0 is needed")
    return value


def _output_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=_positive, help="stop after so many seconds")
    parser.add_argument("--json", action="store_true", help="one JSON object per pose and line")


def main(argv: list[str] | None = None) -> int:
    """Run one command. Exit codes: 0 done, 1 a finding of doctor, 2 a user's mistake, 130
    interrupted.
    """
    args = make_parser().parse_args(argv)
    share_arenas()
    # FFmpeg inside OpenCV writes its own lines about a damaged file; ours says what to do.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s"
    )
    try:
        return _dispatch(args, start_again if argv is None else None)
    except PosekernelError as e:
        print(f"posekernel {args.command}: {e}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # The reader of our output has gone (`posekernel replay … | head`): not an error, and
        # nothing more to say.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130


def _dispatch(args: argparse.Namespace, compiled: Callable[[], None] | None) -> int:
    from edge.tools import app

    match args.command:
        case "run":
            return app.run_command(args.config, args.json, args.seconds, compiled)
        case "demo":
            return app.demo_command(args.json, args.seconds)
        case "replay":
            return app.replay_command(
                args.directory,
                args.realtime,
                args.height_prior,
                args.json,
                args.seconds,
                args.messages,
                args.web,
            )
        case "record":
            return app.record_command(args.directory, args.config, args.seconds, args.consent)
        case "forget":
            return app.forget_command(args.config)
        case "schema":
            return app.schema_command(args.message)
        case "calibrate":
            return app.calibrate_command(args)
        case "config":
            return app.config_command(args.array, args.board, args.set, args.out, args.check)
        case "doctor":
            from edge.tools.doctor import checks as doctor

            findings = doctor.examine(
                args.config, hardware=not args.no_hardware, self_test=args.self_test
            )
            print(
                json.dumps(doctor.as_dicts(findings), indent=1)
                if args.json
                else doctor.table(findings)
            )
            return doctor.exit_code(findings)
        case _:
            return int(args.run(args))


if __name__ == "__main__":
    sys.exit(main())
