"""Files that are damaged when the device starts, and a state directory that cannot be written."""

import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import edge
from edge.sources.session.reader import DEMO_SESSION
from tests.support.waiting import finished
from tests.system.faults.device import Device, device
from tests.system.faults.row import Row, RowSkippedError, row

DAMAGED = b'\x00\xff{"tr\x00'
EDGE = Path(edge.__file__).parent


def _run(
    folder: Path, settings: str = "", program: Path = EDGE.parent
) -> subprocess.CompletedProcess[str]:
    """`posekernel run` on the demo, or with the configuration that is there."""
    config = folder / "config.toml"
    if not config.exists():
        config.write_text(
            f'[device]\nid = "hall"\n[source]\nkind = "replay"\npath = "{DEMO_SESSION}"\n'
            f'realtime = false\n[mqtt]\nenabled = false\n[runtime]\nstate_dir = "{folder}/state"\n'
            f"{settings}"
        )
    command = [sys.executable, "-m", "edge", "run", "--config", str(config)]
    return finished(command, cwd=program, env=os.environ)


def _refused(folder: Path, damaged: Path, settings: str = "", program: Path = EDGE.parent) -> Row:
    """A damaged file: exit 2, one sentence that names it, and it stays as it is."""
    before = damaged.read_bytes()
    done = _run(folder, settings, program)
    assert done.returncode == 2, f"it ended with {done.returncode}:\n{done.stderr}"
    said = [line for line in done.stderr.splitlines() if line.startswith("posekernel run: ")]
    assert len(said) == 1, done.stderr
    assert damaged.name in said[0], done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    assert damaged.read_bytes() == before, "the damaged file was overwritten"
    return Row(
        f"{damaged.name} damaged at start",
        "refused to start, exit 2, one sentence",
        "nothing; the file is kept",
        math.nan,
    )


@row
def model_corrupted(folder: Path) -> Row:
    package = folder / "edge"
    for here in ("edge", "edge/models"):
        (folder / here).mkdir(parents=True)
    for part in EDGE.iterdir():
        if part.name not in ("models", "__pycache__"):
            (package / part.name).symlink_to(part)
    for part in (EDGE / "models").iterdir():
        (package / "models" / part.name).symlink_to(part)
    damaged = package / "models" / "movenet_thunder_int8.tflite"
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.unlink()
    damaged.write_bytes(content)
    return _refused(folder, damaged, program=folder)


@row
def config_corrupted(folder: Path) -> Row:
    folder.mkdir(parents=True)
    (folder / "config.toml").write_bytes(DAMAGED)
    return _refused(folder, folder / "config.toml")


@row
def calibration_corrupted(folder: Path) -> Row:
    folder.mkdir(parents=True)
    damaged = folder / "calibration.toml"
    damaged.write_bytes(DAMAGED)
    return _refused(folder, damaged, f'[calibration]\nfile = "{damaged}"\n')


@row
def background_corrupted(folder: Path) -> Row:
    folder.mkdir(parents=True)
    damaged = folder / "room.npz"
    damaged.write_bytes(DAMAGED)
    done = _run(folder, f'[background]\nsnapshot = "{damaged}"\n')
    assert done.returncode == 0, f"it ended with {done.returncode}:\n{done.stderr}"
    (aside,) = folder.glob("room.npz.damaged-*")
    assert aside.read_bytes() == DAMAGED
    assert aside.name in done.stderr, done.stderr
    return Row(
        "room.npz damaged at start",
        "moved it aside, said so, learned the room anew",
        "the saved empty room",
        math.nan,
    )


@row
def outbox_corrupted(folder: Path) -> Row:
    (folder / "state").mkdir(parents=True)
    damaged = folder / "state" / "hall.outbox"
    damaged.write_bytes(1000 * DAMAGED)
    began = time.monotonic()
    with device(folder, start=False) as d:
        d.wait_for("event", 0.0, lambda m: True)
        (aside,) = damaged.parent.glob("hall.outbox.damaged-*")
        assert aside.read_bytes() == 1000 * DAMAGED
        assert aside.name in d.log, d.log
        first = d.messages("pose")[0][0]
    return Row(
        "outbox damaged at start",
        "moved it aside, said so, began a new one",
        "what waited in it",
        first - began,
    )


@contextmanager
def _tmpfs(folder: Path) -> Iterator[Path]:
    """A file system of 256 KiB of its own. Raises RowSkippedError where mounting is not allowed."""
    folder.mkdir(parents=True)
    done = finished(["mount", "-t", "tmpfs", "-o", "size=256k", "none", folder])
    if done.returncode:
        raise RowSkippedError(f"a file system of its own cannot be mounted: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def _never_twice(d: Device) -> None:
    numbers = [m["sequence"] for _, m in d.messages("event")]
    assert numbers == sorted(set(numbers)), numbers
    assert d.log.count("events cannot be kept on disk") == 1, d.log


@row
def disk_full(folder: Path) -> Row:
    with _tmpfs(folder / "state") as state, device(folder, state=state) as d:
        d.wait_for("event", 0.0, lambda m: True)
        with (state / "filler").open("wb", buffering=0) as file, suppress(OSError):
            while file.write(bytes(4096)):
                pass
        full = time.monotonic()
        d.wait_for("event", full, lambda m: True)
        back = d.wait_pose(full)
        (state / "filler").unlink()
        d.wait_for("event", time.monotonic(), lambda m: True)
        _never_twice(d)
    return Row("disk full", "events arrived from memory, said so once", "0 events", back - full)


@row
def disk_read_only(folder: Path) -> Row:
    began = time.monotonic()
    with _tmpfs(folder / "state") as state:
        _mount("-o", "remount,ro", state)
        with device(folder, state=state) as d:
            back = d.wait_pose(0.0)
            d.wait_for("event", 0.0, lambda m: True)
            _mount("-o", "remount,rw", state)
            d.wait_for("event", time.monotonic(), lambda m: True)
            _never_twice(d)
            assert (state / "hall.outbox").exists()
    return Row(
        "state directory read-only at start",
        "events arrived from memory, said so once",
        "0 events",
        back - began,
    )


def _mount(*arguments: str | Path) -> None:
    done = finished(["mount", *arguments])
    if done.returncode:
        raise RowSkippedError(f"mount refuses: {done.stderr.strip()}")


@row
def killed_while_writing(folder: Path) -> Row:
    command = [sys.executable, "-m", "tests.system.faults.writes", "--kills", "50"]
    done = finished(command, cwd=EDGE.parent)
    assert done.returncode == 0, done.stderr
    kinds = [line.partition(":")[0] for line in done.stdout.splitlines()]
    return Row(
        f"`kill -9` at 50 random points of writing each of {', '.join(kinds)}",
        "each file is the old one or the new",
        "at most what was being written",
        math.nan,
    )
