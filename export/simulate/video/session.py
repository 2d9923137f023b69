"""A calibrated video as a session: its frames, and the sound that an array under one of its
cameras would have recorded in a simulated room.
"""

from pathlib import Path

import cv2
import numpy as np

from edge.core.arrays import Array
from edge.core.config import ExcitationConfig
from edge.core.errors import SessionError
from edge.core.rig import Camera
from export.simulate.electronics import RESPEAKER_USB_V2
from export.simulate.recording import RecordingConditions
from export.simulate.sessions import respeaker_rig, simulate_session
from export.simulate.video.calibration import frame_count, frame_size, load_calibration, read_frames

REFERENCE = "joints3d.npz"
LICENCE = (
    "frames: pose2sim, BSD-3-Clause (see the LICENCE beside the video); sound: simulated, "
    "Apache-2.0"
)


def write_session(
    video: Path,
    camera: int,
    out: Path,
    *,
    width: int = 540,
    every: int = 1,
    seed: int = 1,
    sir_db: float = 13.0,
    empty_s: float = 2.0,
) -> int:
    """Write the session of one camera of the calibrated video; returns the number of poses.

    video: folder with Calib.qca.txt, camNN.mp4 and joints3d.npz, whose joints (K, Q, 25, 3), or (K,
    25, 3) of one person, are BODY_25 ones in the world [m] of K frames, evenly spaced. width: of
    the frames [px]. every: which of these K are taken. sir_db, empty_s: see `simulate_session`. Who
    never comes into the image is left out. Raises SessionError.
    """
    serial = f"cam{camera:02d}"
    movie = video / f"{serial}.mp4"
    size = frame_size(movie)
    listed = {c.serial: c for c in load_calibration(video / "Calib.qca.txt", {serial: size})}
    if serial not in listed:
        raise SessionError(
            f"{video}: camera {camera} is not calibrated, there are {', '.join(sorted(listed))}"
        )
    calibrated = listed[serial]
    reference = reference_joints(video)
    step = round(frame_count(movie) / len(reference)) * every
    poses = calibrated.from_world(reference[::every])
    poses = poses[:, [_ever_seen(person, calibrated.camera) for person in poses.swapaxes(0, 1)]]
    excitation = ExcitationConfig()
    small = scaled(calibrated.camera, width)
    rig = respeaker_rig(small)
    frames = (
        np.asarray(
            cv2.resize(image, (small.width, small.height), interpolation=cv2.INTER_AREA), np.uint8
        )
        for image in read_frames(movie, step)
    )
    simulate_session(
        out,
        rig,
        excitation,
        RESPEAKER_USB_V2,
        poses,
        frames,
        seed=seed,
        empty_s=empty_s,
        conditions=RecordingConditions(sir_db=sir_db),
        licence=LICENCE,
        description=f"Real frames of {_people(poses.shape[1])} ({serial}, slowed to one frame per "
        "period) and a simulated recording in a furnished room, ReSpeaker USB Mic Array v2.0",
    )
    return len(poses)


def scaled(camera: Camera, width: int) -> Camera:
    """The camera of images scaled down to `width` pixels; both sides even, as video needs."""
    w = width - width % 2
    h = round(camera.height * w / camera.width / 2) * 2
    sx, sy = w / camera.width, h / camera.height
    # Pixel centres: u' + 1/2 = s (u + 1/2).
    return Camera(
        width=w,
        height=h,
        fx=camera.fx * sx,
        fy=camera.fy * sy,
        cx=(camera.cx + 0.5) * sx - 0.5,
        cy=(camera.cy + 0.5) * sy - 0.5,
        distortion=camera.distortion,
        height_m=camera.height_m,
        tilt_deg=camera.tilt_deg,
        roll_deg=camera.roll_deg,
    )


def reference_joints(video: Path) -> Array:
    """The video's 3D reference: joints (K, Q, 25, 3) in the world [m]. Raises SessionError."""
    path = video / REFERENCE
    try:
        with np.load(path, allow_pickle=False) as data:
            joints = np.asarray(data["joints"], np.float64)
    except (OSError, KeyError, ValueError) as e:
        raise SessionError(f"{path}: cannot be read as the video's 3D reference ({e})") from e
    if joints.ndim == 3:
        joints = joints[:, None]
    if joints.ndim != 4 or joints.shape[2:] != (25, 3) or joints.size == 0:
        raise SessionError(f"{path}: joints {joints.shape}, but (K, Q, 25, 3) are needed")
    return joints


def _ever_seen(joints: Array, camera: Camera) -> bool:
    """Whether any of a person's joints (K, 25, 3) comes into the image. Who never does is left out
    of the room: they stood there before the empty room was learned, too.
    """
    ahead = joints[np.isfinite(joints).all(axis=-1) & (np.nan_to_num(joints[..., 2]) > 0.2)]
    uv = camera.project(ahead)
    return bool(((uv >= 0.0) & (uv < [camera.width, camera.height])).all(axis=1).any())


def _people(count: int) -> str:
    return "a person" if count == 1 else f"{count} people"
