"""How a signal ends the process. Imports next to nothing: it holds from the first instant."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

_tidies: list[Callable[[], object]] = []


def leave_at_once(*, until_stopped: bool) -> None:
    """Let SIGTERM and SIGINT end the process, wherever it is, until `stop_on_signals`.

    An exception would come out of a library that still loads as a traceback or a crash, so nothing
    is unwound: only `tidied` is done. until_stopped: a signal is the usual end of this program,
    exit code 0; else 130 or 143.
    """

    def leave(number: int, _: object) -> None:
        for tidy in reversed(_tidies):
            with suppress(Exception):
                tidy()
        os._exit(0 if until_stopped else 128 + number)

    for s in (signal.SIGTERM, signal.SIGINT):
        signal.signal(s, leave)


def leave_undisturbed() -> None:
    """Ignore SIGTERM and SIGINT from now on: the work is done, and while the interpreter ends it
    would let them kill the process, so that a finished program seems to have failed.
    """
    for s in (signal.SIGTERM, signal.SIGINT):
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
