"""What this process holds of memory: how the C library hands it out, and what is given back."""

import ctypes
import gc
import logging
import os
import sys
from contextlib import suppress

_M_ARENA_MAX = -8  # malloc.h of glibc
_ARENAS = 2
_STARTED_AGAIN = "POSEKERNEL_STARTED_AGAIN"

log = logging.getLogger(__name__)


def share_arenas() -> None:
    """Let all threads share few malloc arenas. Call before the first thread starts; does nothing
    where there is no glibc.

    Otherwise glibc gives every new thread an arena of its own, up to eight per core, and each time
    that devices are opened again other arenas hold on to other free memory: 40 MB more after ten
    times.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)


def return_free() -> None:
    """Return to the system what devices that were closed have held; where there is no glibc, to
    Python only.

    Their rings refer to each other in circles, which Python looks for only now and then: 1.5 MB for
    each closing, until then. The gaps that buffers of cameras and sound cards leave behind are not
    filled by the next ones: 3 % more memory after two.
    """
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def start_again() -> None:
    """Run this process's command line in its place, once: the compiler of the kernels holds 70 MB,
    which it never returns.

    Returns where that was done before, as it happens where no kernel can be kept on disk, or cannot
    be done.
    """
    if os.environ.get(_STARTED_AGAIN):
        return
    log.info("kernels are compiled; starting again without what the compiler holds")
    os.environ[_STARTED_AGAIN] = "1"
    sys.stdout.flush()
    with suppress(OSError):
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
