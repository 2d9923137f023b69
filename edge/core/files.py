"""Files that are old or new, never half, whenever the process is killed or the power fails."""

import os
from contextlib import suppress
from pathlib import Path


def write_whole(path: Path, content: bytes, mode: int = 0o666) -> None:
    """Put `content` in the place of `path`, on disk on return. Raises OSError; a file that was
    there before then stays.

    A file that is replaced hands on its owner and rights, a new one gets `mode`, less the umask.
    What a killed process leaves, one hidden file beside it, the next write takes.
    """
    target = Path(os.path.realpath(path))  # a link stays a link
    part = target.with_name(f".{target.name}.part")
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
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
