"""`posekernel calibrate`: measure a rig, say what is good enough, write the calibration file."""

import argparse
import json
import sys
from pathlib import Path

from edge.core.errors import ConfigError
from edge.core.logs.shown import shown
from edge.tools.options import positive

_DESCRIPTION = """\
Checks the array, its sample clock, its frequency band and the empty room, and how loud the
loudspeaker is at 1 m (surest with --facing or --phone-dba). --board calibrates the
lens, --floor or --walk the camera's height and tilt; --walk also compares the scale from sound with
the floor. The outcome of a step is one of
  OK       good enough
  WARNING  usable, but better mended
  OPEN     not decided: do what the arrow says, and calibrate again
  FAULT    wrong: posekernel run refuses the file until it is mended
Exit code: 0 all OK or WARNING, 1 a step is OPEN or a FAULT, 2 it could not be done. At a terminal
it asks for the loudspeaker to be moved where one place cannot decide; otherwise record one session
for each place, with that place in rig.speakers_m, and give --session for each. Camera parts of an
earlier file of the same rig are kept.
"""


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "calibrate",
        help="check a rig by sound and sight, and write what was measured",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--config",
        type=Path,
        help="of the real device; with --session: of the device that recorded them",
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
        type=positive,
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
        type=positive,
        metavar="M",
        help="standing height of the person who walks, in shoes [m]",
    )
    parser.add_argument(
        "--facing",
        type=positive,
        metavar="M",
        help="loudness: asks for the loudspeaker to be put so far in front of the array, turned to "
        "it [m], 0.5 is good",
    )
    parser.add_argument(
        "--phone-dba",
        type=positive,
        metavar="DBA",
        help="loudness by a phone's sound level meter, 1 m in front of the loudspeaker, while it "
        "plays [dB(A)]",
    )
    parser.add_argument(
        "--square-mm",
        type=positive,
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
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """1 where a step is open or a fault. Raises PosekernelError."""
    import msgspec

    from edge.core.calibration_file import write_calibration
    from edge.core.config import load_config
    from edge.tools.calibration.charuco import PRINT_DPI, CharucoBoard
    from edge.tools.calibration.flow import CalibrationRequest, calibrate
    from edge.tools.outcome_table import outcome_table

    board = CharucoBoard(square_m=args.square_mm / 1000.0)
    if args.print_board is not None:
        board.save(args.print_board)
        said = f"{args.print_board}: print at {PRINT_DPI} dpi, measure a square"
        print(shown(f"{said}, and give it as --square-mm"))
        return 0
    config = None if args.config is None else load_config(args.config)
    out = args.out
    if out is None and config is not None and config.calibration.file:
        out = Path(config.calibration.file)
    if out is not None and (out.is_dir() or not out.parent.is_dir()):
        raise ConfigError(
            f"{out}: no file can be written there; give --out FILE in a folder that exists"
        )
    request = CalibrationRequest(
        config=config,
        sessions=tuple(args.session),
        seconds=args.seconds,
        board=args.board,
        floor=args.floor,
        walk=args.walk,
        person_m=args.person_height,
        pattern=board,
        out=out,
        facing_m=args.facing,
        phone_dba=args.phone_dba,
    )
    done = calibrate(request, lambda text: print(shown(text), file=sys.stderr))
    if args.json:
        told = {"source": done.source, "steps": msgspec.to_builtins(done.steps)}
        print(json.dumps(told, indent=1))
    else:
        rows = [(s.outcome, s.name, s.found, s.remedy) for s in done.steps]
        print(f"source: {shown(done.source)}\n{outcome_table(rows)}")
    if out is not None:
        write_calibration(out, done)
        print(shown(f"{out}: written"), file=sys.stderr)
    else:
        print("nothing written: give --out FILE, or set calibration.file", file=sys.stderr)
    return int(any(s.outcome in ("open", "fault") for s in done.steps))
