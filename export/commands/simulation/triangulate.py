"""`posekernel-export triangulate`: the 3D joints of everybody in a video of several cameras."""

import argparse
import io
from pathlib import Path

import numpy as np

from edge.core.files import write_whole
from edge.lifting.lifter import MODELS
from export.simulate.video.people3d import triangulate_video
from export.simulate.video.session import REFERENCE


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "triangulate",
        help="find everybody's 3D joints in a video of several calibrated cameras",
        description="Finds the people in each camera's frames with the product's own networks and "
        f"writes their 3D joints to {REFERENCE} in the video's folder, for `session`. A video "
        "of 100 frames and four cameras takes a minute.",
    )
    parser.add_argument(
        "--video",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder with Calib.qca.txt and camNN.mp4",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the joints; 0 when done."""
    joints = triangulate_video(args.video, MODELS).astype(np.float32)
    file = io.BytesIO()
    np.savez_compressed(file, joints=joints)
    write_whole(args.video / REFERENCE, file.getvalue())
    print(f"{args.video / REFERENCE}: {joints.shape[1]} people in {len(joints)} frames")
    return 0
