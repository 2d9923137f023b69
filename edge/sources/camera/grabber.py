"""Camera -> frames with monotonic times: a thread keeps the newest image and opens the camera again
when it goes away or freezes.
"""

import logging
import threading
import time
from collections.abc import Callable

import numpy as np

from edge.core.arrays import Image
from edge.core.config import CameraConfig
from edge.core.contracts import CameraCounters, Frame
from edge.core.errors import DeviceError, EndOfStreamError
from edge.sources.camera.backend import Backend
from edge.sources.camera.gstreamer import GStreamerBackend
from edge.sources.camera.picamera import Picamera2Backend
from edge.sources.camera.v4l2 import V4l2Backend
from edge.sources.camera.video_file import FileBackend

_STALE_S = 2.0
_FIRST_FRAME_S = 6.0  # sensors and GStreamer pipelines take seconds to start
_BACK_OFF_S = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_LOOK_S = 0.1
_BACKENDS: dict[str, Callable[[CameraConfig], Backend]] = {
    "picamera2": Picamera2Backend,
    "v4l2": V4l2Backend,
    "gstreamer": GStreamerBackend,
    "file": FileBackend,
}

log = logging.getLogger(__name__)


def open_camera(config: CameraConfig) -> "GrabbedCamera":
    """Open the camera with the back-end that `config` names, and never another. Raises DeviceError
    where it is absent, refuses, or its back-end is not installed.
    """
    make = _BACKENDS[config.backend]
    return GrabbedCamera(lambda: make(config), live=config.backend != "file")


class GrabbedCamera:
    """FrameSource over a back-end: the newest frame wins, older unread ones count as dropped.

    A back-end that fails, or gives no frame for `stale_s` (`first_frame_s` after opening), is
    closed and opened again, after pauses of `back_off_s` that grow until it gives frames. At a
    file's end `read` raises EndOfStreamError.

    live: an image equal to the one before, to the last bit, does not count as a frame. A sensor's
    noise never repeats; a frozen driver's buffer does, and a pose from it would be invented. A file
    may hold equal images.
    """

    def __init__(
        self,
        open_again: Callable[[], Backend],
        stale_s: float = _STALE_S,
        first_frame_s: float = _FIRST_FRAME_S,
        back_off_s: tuple[float, ...] = _BACK_OFF_S,
        live: bool = True,
    ) -> None:
        self.counters = CameraCounters()
        self._open, self._live = open_again, live
        self._stale_s, self._first_frame_s, self._back_off_s = stale_s, first_frame_s, back_off_s
        self._changed = threading.Condition()
        self._newest: Frame | None = None
        self._before: Image | None = None
        self._ended: EndOfStreamError | None = None
        self._closed = threading.Event()
        self._tries = 0
        self._grabber = _Grabber(open_again(), self._keep)
        self._watcher = threading.Thread(target=self._watch, name="camera-watch", daemon=True)
        self._watcher.start()

    def read(self, timeout_s: float) -> Frame | None:
        """The newest unread frame; None when none came in time. Raises EndOfStreamError."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._newest is not None or self._ended or self._closed.is_set(), timeout_s
            )
            frame, self._newest = self._newest, None
            if frame is None and self._ended is not None:
                raise EndOfStreamError(*self._ended.args)
            return frame

    def close(self) -> None:
        """Release the camera; safe to call twice. A hanging grab stays on its daemon thread."""
        with self._changed:
            self._closed.set()
            self._newest = None
            self._changed.notify_all()
        self._watcher.join(timeout=0.5)
        self._grabber.stop()

    def _keep(self, t_ns: int, image: Image) -> bool:
        """Whether this is a new image."""
        if self._live and self._before is not None and np.array_equal(image, self._before):
            return False
        with self._changed:
            if self._closed.is_set():
                return True
            self._before = image
            self.counters.dropped += self._newest is not None
            self._newest = Frame(self.counters.frames, t_ns, image)
            self.counters.frames += 1
            self._changed.notify_all()
            return True

    def _watch(self) -> None:
        while not self._closed.is_set():
            if self._grabber.done.wait(_LOOK_S):
                failure = self._grabber.failure
                if isinstance(failure, EndOfStreamError):
                    with self._changed:
                        self._ended = failure
                        self._changed.notify_all()
                    return
                self._reopen(str(failure))
            elif self._grabber.silent_s > (
                self._stale_s if self._grabber.frames else self._first_frame_s
            ):
                what = "repeats one image" if self._grabber.repeats else "gave no frame"
                self._reopen(f"the camera {what} for {self._grabber.silent_s:.1f} s")

    def _reopen(self, why: str) -> None:
        self.counters.last_error = why
        self._grabber.stop()
        if self._grabber.frames:
            self._tries = 0
        if self._tries == 0:  # only once: in a dark room all images may be equal for a whole night
            log.warning("camera: %s; it is opened again", why)
        while not self._closed.wait(self._back_off_s[min(self._tries, len(self._back_off_s) - 1)]):
            self._tries += 1
            try:
                backend = self._open()
            except DeviceError as e:
                self.counters.last_error = str(e)
                continue
            self._grabber = _Grabber(backend, self._keep)
            self.counters.reopened += 1
            if self._closed.is_set():
                self._grabber.stop()
            return


class _Grabber:
    """One opened back-end and its thread: a grab that never returns blocks only that."""

    def __init__(self, backend: Backend, keep: Callable[[int, Image], bool]) -> None:
        self.done = threading.Event()
        self.failure: DeviceError | EndOfStreamError | None = None
        self.frames = 0
        self.repeats = 0  # since the last new image
        self._last_s = time.monotonic()
        self._backend, self._keep = backend, keep
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="camera-grab", daemon=True)
        self._thread.start()

    @property
    def silent_s(self) -> float:
        """Time since the last new image, or since opening [s]."""
        return time.monotonic() - self._last_s

    def stop(self) -> None:
        """Release the back-end once the grab in progress returns; waits only briefly for that."""
        self._stop.set()
        self._thread.join(timeout=0.4)

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                t_ns, image = self._backend.grab()
                if self._stop.is_set():
                    continue
                if self._keep(t_ns, image):
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
            self._backend.close()
            self.done.set()
