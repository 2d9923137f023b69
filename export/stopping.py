"""How a signal ends a command of posekernel-export: what is half made is taken away first."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from edge.sensor.process.leaving import ending_signals


class StoppedError(BaseException):
    """A signal came; it is no Exception, so that nothing takes it for a failure and goes on.
    number: of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}, nothing half made is left")
        self.number = number


@contextmanager
def raised_signals() -> Iterator[None]:
    """Raises StoppedError at the first of `ending_signals`; a second one does what it did."""
    before = {s: signal.getsignal(s) for s in ending_signals()}

    def restore() -> None:
        for s, handler in before.items():
            signal.signal(s, handler)

    def stop(number: int, _: object) -> None:
        restore()
        raise StoppedError(number)

    for s in before:
        signal.signal(s, stop)
    try:
        yield
    finally:
        restore()


@contextmanager
def delayed_signals() -> Iterator[None]:
    """Lets signals wait until the end: an exception in the midst of a library that loads could
    crash it, or be taken for a missing one.
    """
    if threading.current_thread() is not threading.main_thread():  # signals are the main thread's
        yield
        return
    came: list[int] = []
    before = {s: signal.signal(s, lambda number, _: came.append(number)) for s in ending_signals()}
    try:
        yield
    finally:
        for s, handler in before.items():
            signal.signal(s, handler)
        if came:
            os.kill(os.getpid(), came[0])
