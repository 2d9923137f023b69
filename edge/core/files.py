"""Reads files from outside within bounds, and writes files whole or not at all, also when the
process is killed or the power fails.
"""

import codecs
import errno
import fcntl
import io
import os
import stat
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from edge.core.errors import InUseError

# More than any configuration, calibration or other text for people holds [bytes].
TEXT_BYTES = 1 << 20


def read_file(path: Path, most_bytes: int = TEXT_BYTES) -> bytes:
    """The content of a regular file of at most `most_bytes`. Raises OSError, its `strerror` in
    words: also for a folder, a pipe, a device, a path that no file can have, and a larger file.
    """
    with open(_opened(path), "rb") as file:
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise OSError(errno.EFBIG, f"larger than {most_bytes / 1e6:.3g} MB", str(path))
    return content


def check_native(path: Path) -> None:
    """Raises OSError where a native library must not be given this path: it is not UTF-8, or no
    regular file. OpenCV dies of the first and waits for ever for a pipe.
    """
    try:
        os.fspath(path).encode()
    except UnicodeEncodeError:
        raise OSError(
            errno.EILSEQ, "its path is not UTF-8; rename the folder or file", str(path)
        ) from None
    os.close(_opened(path))


def evident_content(path: Path) -> str:
    """ "a text" or "a database" where a file evidently is one, else "": what is damaged, or empty,
    may be anything. Raises OSError, also where it is no regular file.
    """
    check_native(path)
    with open(path, "rb") as file:
        head = file.read(4096)
    if head.startswith(b"SQLite format 3\0"):
        return "a database"
    with suppress(UnicodeDecodeError):  # the last character may be cut
        text = codecs.getincrementaldecoder("utf-8")().decode(head)
        return "a text" if text.split() and "\0" not in text else ""
    return ""


def set_aside(path: Path) -> Path:
    """Rename a damaged file, so that a new one can take its place; returns where it is now. Raises
    OSError.
    """
    aside = path.with_name(f"{path.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S.%f}")
    return path.rename(aside)


def can_write(folder: Path) -> bool:
    """Whether this user can make files in a folder, or make the folder."""
    there = _existing(folder)
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)


def free_bytes(folder: Path) -> int:
    """What this user can still write to the disk of a folder, which need not exist yet."""
    disk = os.statvfs(_existing(folder))
    return disk.f_bavail * disk.f_frsize


def _existing(folder: Path) -> Path:
    there = folder.absolute()
    while not os.path.lexists(there):
        there = there.parent
    return there


def _opened(path: Path) -> int:
    try:
        # Without O_NONBLOCK opening a pipe waits for its writer.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except ValueError as e:
        raise OSError(errno.EINVAL, f"no path that a file can have: {e}", str(path)) from e
    try:
        _check_regular(os.fstat(handle).st_mode, path)
    except OSError:
        os.close(handle)
        raise
    return handle


def _check_regular(mode: int, path: Path) -> None:
    if not stat.S_ISREG(mode):
        kinds = ((stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"))
        kind = next((name for matches, name in kinds if matches(mode)), "a device")
        raise OSError(errno.EINVAL, f"it is {kind}, but a regular file is needed", str(path))


def write_whole(path: Path, content: bytes, mode: int = 0o666) -> None:
    """Replace `path` by `content`, on disk on return. Raises OSError; the old file then stays.

    The new file keeps the owner and rights of the old one; without one it gets `mode` less the
    umask. A killed process may leave one hidden file beside it, which the next write replaces.
    """
    target = Path(os.path.realpath(path))  # a link stays a link
    with suppress(FileNotFoundError):
        _check_regular(os.stat(target).st_mode, path)  # else /dev/null would become a file
    part = target.with_name(f".{target.name}.part")
    try:
        with open(
            os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, mode), "wb"
        ) as file:
            with suppress(OSError):
                before = target.stat()
                os.fchmod(file.fileno(), before.st_mode & 0o7777)
                os.fchown(file.fileno(), before.st_uid, before.st_gid)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


class Ownership:
    """A file that only this process uses, until `close` or its end, however it ends.

    The lock is on a file beside it, NAME.lock, which stays and tells who has it. Raises InUseError,
    or OSError where that file cannot be made.
    """

    def __init__(self, path: Path) -> None:
        target = Path(os.path.realpath(path))  # two names of one file have one lock
        lock = target.with_name(f"{target.name}.lock")
        self._file = io.FileIO(os.open(lock, os.O_RDWR | os.O_CREAT, 0o600), "r+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = self._file.read(200).decode(errors="replace").strip()
            self.close()
            raise InUseError(
                f"{path} is in use by {holder or 'another process'}; stop that one, or give this "
                "sensor a device.id of its own"
            ) from None
        except OSError:  # a file system without locks
            self.close()
            raise
        self._file.truncate()
        command = " ".join(Path(arg).name for arg in sys.orig_argv[:6])
        self._file.write(f"process {os.getpid()} ({command})"[:190].encode())

    def close(self) -> None:
        """Let go; safe to call twice."""
        self._file.close()
