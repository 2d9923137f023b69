"""Who holds a camera: opens it in time, owns it on a thread, and lets go of it or says so."""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass

from edge.core.arrays import Image
from edge.core.errors import DeviceError, EndOfStreamError, StuckDeviceError
from edge.sources.camera.backend import Backend
from edge.sources.camera.facts import CameraFacts

_ENDING_S = 0.4  # a grab in progress returns within a few frames, if it does at all

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ImageSink:
    """Where images go. keep: takes an image, whether it is a new one. learn: hears what the driver
    says, when that changes.
    """

    keep: Callable[[int, Image], bool]
    learn: Callable[[CameraFacts], None]


def open_in_time(make: Callable[[], Backend], limit_s: float) -> Backend:
    """What `make` gives. Raises StuckDeviceError where a driver does not answer within limit_s [s];
    what opens later is closed at once.
    """
    opened: Future[Backend] = Future()

    def work() -> None:
        backend, failure = None, None
        try:
            backend = make()
        except BaseException as e:  # raised where the caller waits
            failure = e
        if not opened.set_running_or_notify_cancel():  # the caller has given up
            if backend is not None:
                backend.close()
        elif backend is not None:
            opened.set_result(backend)
        else:
            opened.set_exception(failure)

    threading.Thread(target=work, name="camera-open", daemon=True).start()
    wait([opened], limit_s)
    if opened.cancel():
        raise StuckDeviceError(
            f"the camera's driver did not open it within {limit_s:g} s, and gave no error; "
            "only the end of this process releases it: check its cable if that comes again"
        )
    return opened.result()


class Owner:
    """One opened back-end and the thread that owns it: a grab that never returns blocks only this
    thread. trouble: why the camera could not be let go.
    """

    def __init__(self, backend: Backend, sink: ImageSink) -> None:
        self.done = threading.Event()
        self.released = threading.Event()
        self.failure: DeviceError | EndOfStreamError | None = None
        self.trouble = "it does not answer"
        self.frames = 0
        self.repeats = 0  # since the last new image
        self._last_s = time.monotonic()
        self._backend, self._sink = backend, sink
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="camera-grab", daemon=True)
        self._thread.start()

    @property
    def silent_s(self) -> float:
        """Time since the last new image, or since opening [s]."""
        return time.monotonic() - self._last_s

    def stop(self, limit_s: float) -> bool:
        """Let go of the camera; False where its driver does not within limit_s [s]. A grab that
        does not return is cancelled from a thread of its own.
        """
        self._stop.set()
        if self.released.wait(_ENDING_S):
            return True
        if not self.done.is_set():
            threading.Thread(target=self._cancel, name="camera-cancel", daemon=True).start()
        return self.released.wait(limit_s)

    def _cancel(self) -> None:
        self._release(self._backend.cancel)

    def _run(self) -> None:
        facts = self._backend.facts
        try:
            while not self._stop.is_set():
                t_ns, image = self._backend.grab()
                if self._stop.is_set():
                    continue
                if self._backend.facts is not facts:
                    facts = self._backend.facts
                    self._sink.learn(facts)
                if self._sink.keep(t_ns, image):
                    self._last_s = time.monotonic()
                    self.frames += 1
                    self.repeats = 0
                else:
                    self.repeats += 1
        except (DeviceError, EndOfStreamError) as e:
            self.failure = e
        except Exception as e:  # a binding may raise anything, and must not end the stream
            self.failure = DeviceError(f"the camera's back-end failed: {e!r}")
        finally:
            self._release(self._backend.close)
            self.done.set()

    def _release(self, how: Callable[[], bool | None]) -> None:
        try:
            if how() is not False:
                self.released.set()
        except Exception as e:  # libcamera's and Python's errors of any kind
            self.trouble = repr(e)
            log.warning("camera: closing it failed: %r", e)
