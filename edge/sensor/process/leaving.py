"""How a signal ends the process. Imports next to nothing: it holds from the first instant."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

_tidies: list[Callable[[], object]] = []


def ending_signals() -> list[signal.Signals]:
    """Those that end a program; SIGHUP is of a terminal that was closed or an SSH connection that
    broke, unless the program was started so that it outlives them (nohup).
    """
    outlives = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    return [*([] if outlives else [signal.SIGHUP]), signal.SIGINT, signal.SIGTERM]


def leave_at_once(*, until_stopped: bool) -> None:
    """Let signals end the process, wherever it is, until `stop_on_signals`.

    An exception would come out of a library that still loads as a traceback or a crash, so nothing
    is unwound: only `tidied` is done. until_stopped: a signal is the usual end of this program,
    exit code 0; else 129 (SIGHUP), 130 (SIGINT) or 143 (SIGTERM).
    """

    def leave(number: int, _: object) -> None:
        for tidy in reversed(_tidies):
            with suppress(Exception):
                tidy()
        os._exit(0 if until_stopped else 128 + number)

    for s in ending_signals():
        signal.signal(s, leave)


def leave_undisturbed() -> None:
    """Ignore them from now on: the work is done, and while the interpreter ends it would let them
    kill the process, so that a finished program seems to have failed.
    """
    for s in ending_signals():
        signal.signal(s, signal.SIG_IGN)


@contextmanager
def tidied(tidy: Callable[[], object]) -> Iterator[None]:
    """Calls `tidy` at the end of the block, also where a signal ends the process within it."""
    _tidies.append(tidy)
    try:
        yield
    finally:
        _tidies.remove(tidy)
        tidy()
