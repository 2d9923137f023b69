"""`posekernel-export sight`: how well people and their joints are found in real frames."""

import argparse
import shlex
from importlib import resources
from pathlib import Path

from export.extras import progress_bar
from export.studies.people.detectors import detectors_report, measure_detectors

MODELS = Path(str(resources.files("edge") / "models"))


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "sight",
        help="measure the networks that find people in the image",
        description="Runs MoveNet, as it ships and without its parts, on every fourth frame of "
        "calibrated videos with reference joints. Takes a minute for each video.",
    )
    parser.add_argument(
        "--video",
        type=Path,
        action="append",
        required=True,
        metavar="DIR",
        help="a calibrated video with joints3d.npz; may be given again",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the table; 0 when done. Raises PosekernelError."""
    rows = [
        row
        for video in args.video
        for row in progress_bar(measure_detectors(video, video.name, MODELS), unit=" rows")
    ]
    command = " ".join(
        ["posekernel-export sight", *(f"--video {shlex.quote(str(v))}" for v in args.video)]
    )
    print(detectors_report(rows, command))
    return 0
