"""What the process arranges with the operating system: signals, memory, starting again."""

import ctypes
import gc
import logging
import os
import secrets
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import NoReturn

from edge.sensor.process.leaving import ending_signals, tidied

_M_ARENA_MAX = -8  # malloc.h of glibc
_ARENAS = 1
_STARTED_AGAIN = "POSEKERNEL_STARTED_AGAIN"

log = logging.getLogger(__name__)


@contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """An event that `ending_signals` set; the old handlers come back afterwards."""
    stop = threading.Event()
    old = {s: signal.signal(s, lambda *_: stop.set()) for s in ending_signals()}
    try:
        yield stop
    finally:
        for s, handler in old.items():
            signal.signal(s, handler)


@contextmanager
def temporary_folder(prefix: str) -> Iterator[Path]:
    """A folder that is gone afterwards, also where a signal ends the process."""
    folder = Path(tempfile.gettempdir()) / f"{prefix}{secrets.token_hex(8)}"
    # Before it is made: a signal may come between.
    with tidied(partial(shutil.rmtree, folder, ignore_errors=True)):
        folder.mkdir(mode=0o700)
        yield folder


def share_arenas() -> None:
    """Let all threads share one malloc arena. Call before the first thread starts; does nothing
    without glibc.

    By default glibc gives each new thread an arena of its own, up to eight per core. Each time the
    devices are opened again the camera's buffers lie in another one, and the others keep what they
    held: 40 MB more after ten times, and with two arenas 10 MB up or down with each opening. With
    one it is 1 MB.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)


def return_free() -> None:
    """Return the memory of closed devices to the system; without glibc to Python only.

    Their buffers are in reference cycles, which Python collects only now and then: 1.5 MB for each
    closing. The gaps they leave are not filled by the next ones: 3 % more memory after two times.
    """
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def end_now(code: int) -> NoReturn:
    """End the process without waiting for threads or destructors that hang in a driver."""
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def start_again() -> None:
    """Replace this process by a new one with the same command line, once: the compiler of the
    kernels never returns its 70 MB.

    Returns if this is the new process already (kernels that cannot be cached on disk are compiled
    in each) or if it cannot be replaced.
    """
    if os.environ.get(_STARTED_AGAIN):
        return
    log.info("kernels are compiled; starting again without what the compiler holds")
    os.environ[_STARTED_AGAIN] = "1"
    replace_process()


def replace_process() -> None:
    """Replace this process by a new one with the same command line. Returns where that fails."""
    sys.stdout.flush()
    with suppress(OSError):
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
