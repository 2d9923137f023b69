"""`posekernel-export fit-detector`: the 2D detector's error model from a calibrated video."""

import argparse
from importlib import resources
from pathlib import Path

from export.studies.detector_fit import fit_detector

OUT = Path(str(resources.files("export.simulate") / "data" / "detector.json"))
MODELS = Path(str(resources.files("edge") / "models"))


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "fit-detector",
        help="fit the 2D detector's error model",
        description="Runs MoveNet on a calibrated video with reference joints, on whole, "
        "cropped and partly occluded frames, and fits the bias, spread, tails, correlation, "
        "confidence and swapped sides of its errors. Takes two minutes.",
    )
    parser.add_argument(
        "--video",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder with Calib.qca.txt, camNN.mp4, joints",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=OUT,
        metavar="FILE",
        help="JSON file (default: the one simulate uses)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Fit and write; 0 when done."""
    model, counts = fit_detector(args.video, MODELS)
    command = f"posekernel-export fit-detector --video {args.video.as_posix()}"
    model.save(
        args.out,
        {"detector": "MoveNet MultiPose and Thunder, int8", "command": command, "errors": counts},
    )
    print(
        f"{args.out}: "
        + ", ".join(f"{count} errors of joints {name}" for name, count in counts.items())
    )
    return 0
