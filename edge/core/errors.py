"""The errors of users and of devices: one root, and each is also a builtin error."""

import errno
import os
import sys
from contextlib import suppress

from edge.core.logs.shown import shown

_PATH = (errno.ENAMETOOLONG, errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENOTDIR, errno.EISDIR)
_OUTPUT = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)


class PosekernelError(Exception):
    """Root of all errors that carry one sentence for the user: what was found, what is needed.

    Secrets in it are masked, and characters that act on a terminal are escaped.
    """

    def __init__(self, text: object = "", *more: object) -> None:
        super().__init__(text, *more)
        self.args = (shown(str(text), keep="\n"), *more)


class ConfigError(PosekernelError, ValueError):
    """A configuration file that cannot be read or does not make sense."""


class DamagedRoomError(ConfigError):
    """A saved empty room that is damaged: it can be learned anew."""


class OtherSignalError(ConfigError):
    """A saved empty room of another sample rate, band or window: intact, but of no use here."""


class DeviceError(PosekernelError, OSError):
    """A sound card or camera that is absent, refuses the asked format, or went away."""


class StuckDeviceError(DeviceError):
    """A camera that neither answers nor can be let go: only the process's end releases it."""


class SessionError(PosekernelError, ValueError):
    """A recorded session or dataset folder that is damaged or of another format."""


class ModelError(PosekernelError, ValueError):
    """A TFLite model that cannot be read or is not the one that was expected."""


class BrokerError(PosekernelError, ConnectionError):
    """An MQTT broker that cannot be reached or refuses us."""


class InUseError(PosekernelError, BlockingIOError):
    """A file that another process owns."""


class BenchError(PosekernelError, ValueError):
    """A measurement that failed, or a file that holds no report of one."""


class EndOfStreamError(PosekernelError, EOFError):
    """A finite source (session, video file) is at its end; not a fault."""


def output_problem(error: OSError) -> str:
    """The sentence for output that could not be written, or for a path that cannot be used; "" for
    an error of another kind.
    """
    if "usable temporary directory" in str(error):  # of tempfile, which has tried several
        return (
            "no folder for temporary files can be written; free space on the disk of /tmp, or set "
            "TMPDIR to a folder on another one"
        )
    if error.errno in _PATH and error.filename:
        return f"{error.filename}: cannot be used ({error.strerror}); name another path"
    if error.errno not in _OUTPUT and not (error.errno is None and "written" in str(error)):
        return ""
    where = f"{error.filename}: " if error.filename else ""
    return (
        f"{where}cannot be written ({error.strerror or error}); free space there or write to "
        "another place"
    )


def discard_output() -> None:
    """Let what is still buffered for stdout go nowhere: at the end it would fail once more."""
    with suppress(OSError, ValueError):  # a stdout without a file of its own
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
