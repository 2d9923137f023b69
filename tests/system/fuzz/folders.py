"""Folders as inputs: a session and a sample of a dataset, each of whose parts may be any file, or
none that may be read: a pipe, a folder, an endless device, a link to itself.
"""

import contextlib
import os
import shutil
from pathlib import Path

import numpy as np

from edge.core.config import ExcitationConfig, LifterConfig
from edge.core.errors import PosekernelError
from edge.core.rig import Camera, Rig
from edge.lifting.geometric_lifter import GeometricLifter
from edge.sound.pose_kernel import analytic_signal, make_kernels
from edge.sources.session.dataset import Sample, read_sample, write_sample
from edge.sources.session.reader import load_session
from edge.sources.session.replay import open_replay
from edge.sources.session.writer import SessionWriter
from tests.support.bodies import compact_rig, seen, standing

SESSION = ("session.json", "audio.npy", "audio_times.npy", "frame_times.npy", "audio_faults.json",
           "truth.npz", "frames.mp4", "frames/000000.jpg", "frames/000001.jpg",
           "audio_sounding.npy")  # fmt: skip
SAMPLE = ("gnd.npy", "rir.npy", "keypoints.npy", "info.json", "rir_clean.npy")
RATE, BAND = 16000.0, (2000.0, 7500.0)
_RIG = compact_rig()
_lift = GeometricLifter(LifterConfig())


def unpack(data: bytes, folder: Path, names: tuple[str, ...]) -> None:
    """Parts: which file in five bits and what it is in three, its length in two bytes, its
    content.
    """
    while len(data) >= 3:
        path = folder / names[(data[0] & 31) % len(names)]
        size = int.from_bytes(data[1:3], "big")
        make_special(path, data[0] >> 5, data[3 : 3 + size])
        data = data[3 + size :]


def make_special(path: Path, kind: int, content: bytes) -> None:
    """1: a pipe. 2: a folder. 3: a link to itself. 4: an endless device. Else a file."""
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    path.unlink(missing_ok=True)
    if kind == 1:
        os.mkfifo(path)
    elif kind == 2:
        path.mkdir()
    elif kind in (3, 4):
        path.symlink_to(path if kind == 3 else "/dev/zero")
    else:
        path.write_bytes(content)


def try_session(data: bytes, folder: Path) -> None:
    """A whole session. Loaded, then read to the end."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "frames").mkdir(parents=True)
    unpack(data, folder, SESSION)
    try:
        source = open_replay(load_session(folder), realtime=False)
    except PosekernelError:
        return
    with contextlib.closing(source):
        for end in (source.audio, source.frames):
            with contextlib.suppress(PosekernelError):
                for _ in range(64):
                    end.read(0.0)


def try_sample(data: bytes, folder: Path) -> None:
    """One sample of a dataset. Read, then lifted."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    unpack(data, folder, SAMPLE)
    with contextlib.suppress(PosekernelError):
        sample = read_sample(folder, _RIG)
        kernels = make_kernels(analytic_signal(sample.rir, RATE, BAND), RATE, BAND)
        _lift(sample.keypoints, kernels, _RIG)


def samples() -> list[bytes]:
    """A whole one, and one whose 2D joints must be made."""
    folder = Path(os.environ.get("TMPDIR", "/tmp")) / f"posekernel-fuzz-sample-{os.getpid()}"
    rir = np.random.default_rng(0).normal(size=(len(_RIG.pairs), 64)).astype(np.float32)
    joints = standing(1.7, (0.0, 2.5))
    write_sample(folder, Sample("0", rir, joints[None], (seen(joints),), {"pose": "stand"}, rir))
    whole = _packed(folder / "0", SAMPLE)
    (folder / "0" / "keypoints.npy").unlink()
    bare = _packed(folder / "0", SAMPLE)
    shutil.rmtree(folder)
    return [whole, bare]


def sessions(folder: Path) -> list[bytes]:
    """One period and two images, with a film and, as a broken recording has them, without."""
    found = []
    for whole in (True, False):
        shutil.rmtree(folder, ignore_errors=True)
        make_session(folder, whole)
        found.append(_packed(folder, SESSION))
    return found


def _packed(folder: Path, names: tuple[str, ...]) -> bytes:
    parts = [(i, folder / name) for i, name in enumerate(names) if (folder / name).exists()]
    return b"".join(
        bytes([i]) + p.stat().st_size.to_bytes(2, "big") + p.read_bytes() for i, p in parts
    )


def make_session(folder: Path, whole: bool) -> None:
    """The smallest session. whole: completed; else as a recording that was broken off leaves it."""
    rig = Rig(
        np.array([[0.1, 0.0, 0.0]]),
        np.zeros((1, 3)),
        np.array([[0, 0]]),
        Camera(16, 16, 50.0, 50.0, 8.0, 8.0),
        343.0,
    )
    x = ExcitationConfig(
        sample_rate_hz=8000, band_hz=(1000.0, 3000.0), period_s=0.05, level_dbfs=-20.0
    )
    with (
        contextlib.suppress(KeyboardInterrupt),
        SessionWriter(
            folder,
            source="recorded",
            rig=rig,
            excitation=x,
            channels=1,
            mic_channels=(0,),
            reference_channel=None,
        ) as writer,
    ):
        writer.add_period(np.arange(x.period_samples, dtype=np.int16)[:, None], 0, "gap")
        for k in range(2):
            writer.add_frame(np.full((16, 16, 3), 40 * k, np.uint8), k * 20_000_000)
        writer.set_truth(np.arange(2) * 20_000_000, np.zeros((2, 2, 25, 3), np.float32))
        if not whole:
            raise KeyboardInterrupt
