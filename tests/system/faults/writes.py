"""`python -m tests.system.faults.writes [--kills N] [KIND ...]`: kill whoever writes a file, at
random points, and read what is left.

Each kind of file is written over and over by a forked process, by the function that writes it in
the sensor. The process says before and after each write which one it is, so that what is found must
be the last that was finished or the one in hand.
"""

import argparse
import dataclasses
import json
import os
import random
import select
import signal
import struct
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path

import msgspec
import numpy as np

from edge.core.calibration_file import (
    FORMAT,
    Calibration,
    RigPart,
    load_calibration,
    write_calibration,
)
from edge.core.config import Config, DeviceConfig, ExcitationConfig, load_config
from edge.core.rig import Camera, Rig
from edge.output.mqtt.outbox import Outbox
from edge.sensor.permissions import Sensing
from edge.sound.room.background import FIRST_PERIODS, Background
from edge.sources.session.reader import load_session
from edge.sources.session.writer import SessionWriter
from edge.tools.commands.config import write as write_config
from edge.tools.new_config import render_config

LONGEST_S = 0.03
_RIG = Rig(
    speakers=np.array([[0.1, 0.0, 0.0]]),
    mics=np.array([[0.0, 0.0, 0.0], [0.0, 0.05, 0.0]]),
    pairs=np.array([[0, 0], [0, 1]]),
    camera=Camera(64, 48, 50.0, 50.0, 32.0, 24.0),
    speed_of_sound_m_s=343.0,
)
_X = ExcitationConfig(
    sample_rate_hz=16000, band_hz=(2000.0, 7500.0), period_s=0.05, level_dbfs=-20.0
)
_CALIBRATION = Calibration(
    FORMAT,
    "",
    "test",
    "simulated",
    "a test",
    RigPart(16000, 2, (0, 1), -1, ((0.1, 0.0, 0.0),), ((0.0, 0.0, 0.0),) * 2),
)

Write = Callable[[int], None]


@dataclasses.dataclass(frozen=True)
class Kind:
    """open: from a folder to the function that writes number n = 1, 2, ... read: what is there now;
    None: nothing yet.
    """

    open: Callable[[Path], Write]
    read: Callable[[Path], int | None]


def _config(folder: Path) -> Write:
    def write(n: int) -> None:
        with redirect_stdout(None):
            site = [
                f"device.id=n{n}",
                "place.speaker_m=[0.10, 0.06, 0.0]",
                "mqtt.host=broker.local",
            ]
            text = render_config("respeaker-usb-v2", "raspberry-pi-5", site)
            write_config(text, folder / "config.toml")

    return write


def _read_config(folder: Path) -> int | None:
    file = folder / "config.toml"
    return int(load_config(file).device.id[1:]) if file.exists() else None


def _calibration(folder: Path) -> Write:
    return lambda n: write_calibration(
        folder / "calibration.toml", msgspec.structs.replace(_CALIBRATION, created=str(n))
    )


def _read_calibration(folder: Path) -> int | None:
    file = folder / "calibration.toml"
    return int(load_calibration(file).created) if file.exists() else None


def _sensing(folder: Path) -> Sensing:
    return Sensing(Config(device=DeviceConfig("hall")), folder / "hall.control.json")


def _control(folder: Path) -> Write:
    sensing = _sensing(folder)

    def write(n: int) -> None:
        trouble = sensing.change(level_dbfs=-30.0 - n * 1e-4)
        assert trouble is None, trouble

    return write


def _read_control(folder: Path) -> int | None:
    kept = _sensing(folder).permissions
    assert kept.sensing, "the file cannot be used"
    return (
        round((-30.0 - kept.level_dbfs) * 1e4) if (folder / "hall.control.json").exists() else None
    )


def _empty_room() -> Background:
    return Background(_RIG, 16000, (2000.0, 7500.0), 400)


def _background(folder: Path) -> Write:
    room = _empty_room()
    responses = np.ones((2, 400), np.complex64)
    for k in range(FIRST_PERIODS):
        room.step(responses, k * 50_000_000, [])
    assert room.ready

    def write(n: int) -> None:
        room._room.begin(np.full((2, 400), n, np.complex64), of_bursts=False)
        room.save(folder / "room.npz")

    return write


def _read_background(folder: Path) -> int | None:
    if not (folder / "room.npz").exists():
        return None
    room = _empty_room()
    room.load(folder / "room.npz")
    values = set(np.asarray(room.expected).ravel().tolist())
    assert len(values) == 1, f"half of one and half of another: {values}"
    return int(values.pop().real)


def _outbox(folder: Path) -> Write:
    outbox = Outbox(folder / "hall.outbox", capacity=100_000)

    def write(n: int) -> None:
        outbox.add({"n": n})
        assert not outbox.trouble, outbox.trouble

    return write


def _read_outbox(folder: Path) -> int | None:
    outbox = Outbox(folder / "hall.outbox", capacity=100_000)
    kept = outbox.pending(0, 100_000)
    outbox.close()
    assert not list(folder.glob("*.damaged-*")), "taken for damaged"
    numbers = [sequence for sequence, _ in kept]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers))) if numbers else True, (
        "events are missing"
    )
    return int(json.loads(kept[-1][1])["n"]) if kept else None


def _session(folder: Path) -> Write:
    """A new session at each start: n counts its periods, and begins where the one before ended."""
    count = len(list(folder.iterdir()))
    writer = SessionWriter(
        folder / f"{count:06d}", source="recorded", rig=_RIG, excitation=_X, channels=2,
        mic_channels=(0, 1),
        reference_channel=None,
    )  # fmt: skip
    before = _read_session(folder) or 0

    def write(n: int) -> None:
        k = n - before - 1
        writer.add_period(
            np.full((_X.period_samples, 2), k, np.int16),
            k * 50_000_000,
            "gap" if k % 3 == 2 else "",
        )

    return write


def _read_session(folder: Path) -> int | None:
    """Whole periods in all sessions."""
    total = 0
    for path in sorted(folder.iterdir()):
        if (
            not (path / "audio_faults.json").exists()
            or not (path / "audio_faults.json").stat().st_size
        ):
            continue  # killed before its files were made: nothing was written
        if np.load(path / "audio_times.npy").size:
            total += load_session(path).periods
    return total or None


KINDS = {
    "config": Kind(_config, _read_config),
    "calibration": Kind(_calibration, _read_calibration),
    "control": Kind(_control, _read_control),
    "background": Kind(_background, _read_background),
    "outbox": Kind(_outbox, _read_outbox),
    "session": Kind(_session, _read_session),
}


def kill_writers(name: str, folder: Path, kills: int, seed: int = 0) -> int:
    """Kill the writer of one kind so often, at random times; how many kills came in the midst of a
    write.

    Raises AssertionError, or what the reader raises, where the file is neither old nor new.
    """
    kind, rng, last, midst = KINDS[name], random.Random(f"{name} {seed}"), 0, 0
    for _ in range(kills):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            _write_on(kind, folder, last, writer)
        os.close(writer)
        select.select([reader], [], [])  # it is about to write
        time.sleep(rng.uniform(0.0, LONGEST_S))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        told = b""
        while part := os.read(reader, 65536):
            told += part
        os.close(reader)
        assert os.WTERMSIG(status) == signal.SIGKILL, (
            f"{name}: the writer ended by itself with {status}"
        )
        begun, finished = last, last
        for n in struct.unpack(f"={len(told) // 8}q", told):
            begun, finished = max(begun, n), max(finished, -n)
        found = kind.read(folder) or 0
        assert finished <= found <= begun, (
            f"{name}: {finished} was written and {begun} begun, but {found} is there"
        )
        midst += begun > finished
        last = found
    return midst


def _write_on(kind: Kind, folder: Path, last: int, told: int) -> None:
    """Body of the child: says n before and -n after write n, and never returns."""
    try:
        write = kind.open(folder)
        while True:
            last += 1
            os.write(told, struct.pack("=q", last))
            write(last)
            os.write(told, struct.pack("=q", -last))
    except BaseException as e:
        print(f"writer: {type(e).__name__}: {e}", file=sys.stderr)
    finally:
        os._exit(1)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.system.faults.writes", description="kill writers, read what is left"
    )
    parser.add_argument("--kills", type=int, default=100, help="of each kind")
    parser.add_argument(
        "kinds", nargs="*", metavar="KIND", help=f"of {', '.join(KINDS)}; all where none is named"
    )
    args = parser.parse_args()
    for name in args.kinds or KINDS:
        with tempfile.TemporaryDirectory(prefix="posekernel-writes-") as folder:
            midst = kill_writers(name, Path(folder), args.kills)
        print(
            f"{name}: {args.kills} kills, {midst} in the midst of a write: old or new each time",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
