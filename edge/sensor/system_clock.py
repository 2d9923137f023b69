"""Whether the machine knows what time it is: one without a battery begins at any."""

import ctypes
from contextlib import suppress
from pathlib import Path

_SYNCHRONISED = Path("/run/systemd/timesync/synchronized")
_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised


def clock_is_synchronised() -> bool:
    """Whether the system clock was set by network time, by systemd-timesyncd or as the kernel knows
    of any other program.
    """
    if _SYNCHRONISED.exists():
        return True
    with suppress(OSError, AttributeError):
        state = ctypes.create_string_buffer(1024)  # more than a struct timex; all zeros only reads
        return 0 <= int(ctypes.CDLL(None).adjtimex(state)) < _TIME_ERROR
    return False
