"""Simulated sessions: people in a room, as the raw channels of a real array and its camera."""

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from edge.core.arrays import Array, Image
from edge.core.config import ExcitationConfig
from edge.core.errors import SessionError
from edge.core.rig import Camera, Rig, speed_of_sound
from edge.sources.session.writer import SessionWriter
from export.acoustics.shoebox import Room
from export.simulate.electronics import ChannelLayout
from export.simulate.recording import Recording, RecordingConditions
from export.simulate.rigs import ARRAYS

RESPEAKER_USB_V2_MICS = ARRAYS["respeaker-usb-v2"].mics_m
SPEAKER_M = np.array([0.10, 0.0])
GREY = 96


def array_rig(
    camera: Camera,
    mics_m: Array,
    speaker_m: Array,
    temperature_c: float,
    below_camera_m: float = 0.06,
) -> Rig:
    """A rig with an upright array under a camera of known height, tilt and roll.

    mics_m (M, 2), speaker_m (2,): right and down in the array's plane, which is vertical [m].
    """
    plane = np.concatenate([np.atleast_2d(speaker_m), mics_m])
    level = np.stack([plane[:, 0], np.zeros(len(plane)), -plane[:, 1] - below_camera_m], axis=1)
    devices = level @ camera.room_rotation
    pairs = np.stack([np.zeros(len(mics_m), np.int64), np.arange(len(mics_m))], axis=1)
    return Rig(devices[:1], devices[1:], pairs, camera, speed_of_sound(temperature_c))


def respeaker_rig(camera: Camera) -> Rig:
    """A ReSpeaker USB Mic Array v2.0 below the camera, a loudspeaker beside it."""
    return array_rig(camera, RESPEAKER_USB_V2_MICS, SPEAKER_M, RecordingConditions.temperature_c)


def simulate_session(
    path: Path,
    rig: Rig,
    excitation: ExcitationConfig,
    layout: ChannelLayout,
    poses: Array,
    frames: Iterable[Image],
    *,
    seed: int,
    empty_s: float = 2.0,
    conditions: RecordingConditions | None = None,
    room: Room | None = None,
    heard: bool = True,
    licence: str = "",
    description: str = "",
) -> Room:
    """Write a session: grey frames of the empty room first, then one period and one frame for each
    pose. Returns the room.

    poses, conditions, room, seed: see `Recording`. frames: K images (H, W, 3) uint8 RGB, each of
    the middle of its period. empty_s: of the empty room. heard: False leaves everybody out of sound
    and truth, so that the room stays empty, as loud as it is with them. The bodies are capsules.
    Raises SessionError.
    """
    recording = Recording(
        rig, excitation, layout, poses, seed=seed, conditions=conditions, room=room
    )
    shown_poses = poses if heard else np.full_like(poses, np.nan)
    period_s = excitation.period_s
    silent = round(empty_s / period_s)
    period_ns = round(period_s * 1e9)
    times = (np.arange(silent + len(poses)) * period_ns).astype(np.int64)
    nobody = np.full_like(poses[0], np.nan)
    with (
        whole_folder(path) as part,
        SessionWriter(
            part,
            source="simulated",
            rig=rig,
            excitation=excitation,
            channels=layout.channels,
            mic_channels=layout.mic_channels,
            reference_channel=layout.reference_channel,
            description=description,
            licence=licence,
            empty_until_s=silent * period_s,
            fps=1.0 / period_s,
        ) as writer,
    ):
        grey = np.full((rig.camera.height, rig.camera.width, 3), GREY, np.uint8)
        for i in range(silent):
            writer.add_period(recording.period(nobody, i), int(times[i]))
            writer.add_frame(grey, int(times[i]) + period_ns // 2)
        shown = 0
        for i, (joints, image) in enumerate(zip(shown_poses, frames, strict=False), start=silent):
            writer.add_period(recording.period(joints, i), int(times[i]))
            writer.add_frame(image, int(times[i]) + period_ns // 2)
            shown += 1
        writer.set_truth(times[silent : silent + shown] + period_ns // 2, shown_poses[:shown])
        if shown < len(poses):
            raise SessionError(
                f"{path}: {shown} images for {len(poses)} poses: one image for each pose is needed"
            )
    return recording.room


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """A hidden folder to write in, which becomes `path` at the end; after an error nothing is left
    of it. Raises SessionError where there is something in `path`.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise SessionError(f"{path}: not empty; name a new folder, nothing is overwritten")
    target = path.absolute()
    part = target.with_name(f".{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)  # of a killed process
    try:
        yield part
        part.replace(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
