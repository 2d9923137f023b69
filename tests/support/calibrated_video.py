"""The calibrated video with its reference joints: a real person seen by four cameras, metres.

The reference is triangulated from BlazePose's heavy network in the four views (median reprojection
error 12 px, 2-3 cm): better than one view, but no marker truth. It exists for every second frame.
"""

from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from export.simulate.video.calibration import (
    CalibratedCamera,
    frame_size,
    load_calibration,
    read_frames,
)

FOLDER = Path(__file__).parents[1] / "data" / "video"
SERIALS = ("cam01", "cam02", "cam03", "cam04")
REFERENCE_STEP = 2


@cache
def cameras() -> dict[str, CalibratedCamera]:
    """Serial -> camera, in pixels of its own video."""
    sizes = {s: frame_size(FOLDER / f"{s}.mp4") for s in SERIALS}
    return {c.serial: c for c in load_calibration(FOLDER / "Calib.qca.txt", sizes)}


def world_to_camera(serial: str) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Rotation (3, 3) and translation (3,) [m] from the world to a camera's frame."""
    return cameras()[serial].rotation, cameras()[serial].translation


@cache
def reference_joints(serial: str) -> npt.NDArray[np.float64]:
    """BODY_25 joints (50, 25, 3) [m] in a camera's frame, of every second frame."""
    with np.load(FOLDER / "joints3d.npz") as data:
        return cameras()[serial].from_world(data["joints"])


def frames(
    serial: str, step: int = REFERENCE_STEP, count: int | None = None
) -> list[npt.NDArray[np.uint8]]:
    """Every `step`-th frame, (H, W, 3) RGB, from the first on."""
    images = read_frames(FOLDER / f"{serial}.mp4", step)
    return [
        image for image, _ in zip(images, range(10**6 if count is None else count), strict=False)
    ]
