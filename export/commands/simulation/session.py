"""`posekernel-export session`: a session from a calibrated video, with simulated sound."""

import argparse
from pathlib import Path

from edge.core.logs.shown import shown
from export.simulate.recording import RecordingConditions
from export.simulate.video.session import write_session


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "session",
        help="simulate the sound of a calibrated video and write a session folder",
        description="Takes the frames of a calibrated video, one per excitation period, and "
        "simulates what a ReSpeaker USB Mic Array v2.0 below one of its cameras would have "
        "recorded in a furnished room.",
    )
    parser.add_argument(
        "--video",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder with Calib.qca.txt, camNN.mp4, joints",
    )
    parser.add_argument(
        "--camera", type=int, default=3, metavar="N", help="camera number, 1 to 4 (default 3)"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="new folder")
    parser.add_argument(
        "--width", type=int, default=540, metavar="PX", help="width of the frames (default 540)"
    )
    parser.add_argument(
        "--every", type=int, default=1, metavar="N", help="take each Nth pose (default 1)"
    )
    parser.add_argument(
        "--seed", type=int, default=1, help="of room, clothes and noise (default 1)"
    )
    parser.add_argument(
        "--sir",
        type=float,
        default=RecordingConditions.sir_db,
        metavar="DB",
        help="signal to interference (default 13)",
    )
    parser.add_argument(
        "--empty",
        type=float,
        default=2.0,
        metavar="S",
        help="seconds of the empty room at the start (default 2)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Make the session; 0 when done."""
    poses = write_session(
        args.video,
        args.camera,
        args.out,
        width=args.width,
        every=args.every,
        seed=args.seed,
        sir_db=args.sir,
        empty_s=args.empty,
    )
    print(shown(f"{args.out}: {poses} poses of camera {args.camera}, sound simulated"))
    return 0
