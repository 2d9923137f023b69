"""Files are replaced whole: `python -m tests.system.faults.writes` kills writers of every kind;
here is what a kill does not show.
"""

import os
import stat
import sys
from pathlib import Path

import pytest

from edge.core.files import can_write, check_native, read_file, set_aside, write_whole
from tests.support import ROOT
from tests.support.waiting import finished


def test_a_new_file_gets_the_rights_asked_for(tmp_path: Path) -> None:
    write_whole(tmp_path / "new", b"content", 0o600)
    assert (tmp_path / "new").read_bytes() == b"content"
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["new"]


def test_a_replaced_file_keeps_its_rights(tmp_path: Path) -> None:
    """A sensor of another user can still read the configuration that root writes anew."""
    file = tmp_path / "config.toml"
    file.write_bytes(b"old")
    file.chmod(0o640)
    write_whole(file, b"new")
    assert (file.read_bytes(), stat.S_IMODE(file.stat().st_mode)) == (b"new", 0o640)


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_whole(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_what_cannot_be_written_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "kept").write_bytes(b"old")

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(tmp_path / "kept", b"new")
    assert os.listdir(tmp_path) == ["kept"]
    assert (tmp_path / "kept").read_bytes() == b"old"


def test_what_a_killed_writer_left_is_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / ".file.part").write_bytes(b"half of something long")
    write_whole(tmp_path / "file", b"new")
    assert os.listdir(tmp_path) == ["file"]
    assert (tmp_path / "file").read_bytes() == b"new"


def test_a_kill_leaves_the_old_file_or_the_new() -> None:
    """Thirty kills, five for each kind of file that the sensor writes."""
    command = [sys.executable, "-m", "tests.system.faults.writes", "--kills", "5"]
    done = finished(command, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 6


def test_a_device_is_not_replaced_by_a_file() -> None:
    with pytest.raises(OSError, match="it is a device"):
        write_whole(Path("/dev/null"), b"content")
    assert not Path("/dev/null").is_file()


def make_special(folder: Path, kind: str) -> Path:
    """What is no regular file: a folder, a pipe without a writer, an endless device, a name that
    no file can have.
    """
    path = folder / "special"
    if kind == "a folder":
        path.mkdir()
    elif kind == "a pipe":
        os.mkfifo(path)
    return {"a device": Path("/dev/zero"), "no path": Path("a\0b")}.get(kind, path)


@pytest.mark.parametrize("kind", ["a folder", "a pipe", "a device", "no path"])
def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    path = make_special(tmp_path, kind)
    for use in (read_file, check_native):
        with pytest.raises(OSError, match=kind):
            use(path)


def test_a_file_larger_than_needed_is_refused(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x" * 101)
    with pytest.raises(OSError, match="larger than"):
        read_file(tmp_path / "large", 100)
    assert len(read_file(tmp_path / "large", 101)) == 101


def test_a_native_library_gets_no_path_that_is_not_utf_8(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jpg"))
    path.write_bytes(b"")
    with pytest.raises(OSError, match="not UTF-8"):
        check_native(path)
    assert read_file(path) == b"", "Python itself may read it"


def test_a_damaged_file_is_kept_beside_its_successor(tmp_path: Path) -> None:
    (tmp_path / "room.npz").write_bytes(b"damaged")
    aside = set_aside(tmp_path / "room.npz")
    assert aside.name.startswith("room.npz.damaged-")
    assert aside.read_bytes() == b"damaged"
    assert os.listdir(tmp_path) == [aside.name]


def test_a_folder_below_a_file_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert can_write(tmp_path / "new" / "folder")
    assert not can_write(tmp_path / "file" / "folder")
