"""Camera -> frames with monotonic times: a thread keeps the newest image and opens the camera again
when it goes away or freezes, after letting go of it: a camera has one holder.
"""

import logging
import threading
from collections.abc import Callable

import numpy as np

from edge.core.arrays import Image
from edge.core.config import CameraConfig
from edge.core.contracts import CameraCounters, Frame
from edge.core.errors import DeviceError, EndOfStreamError, StuckDeviceError
from edge.sources.camera.backend import Backend
from edge.sources.camera.facts import CameraFacts, differences
from edge.sources.camera.gstreamer import GStreamerBackend
from edge.sources.camera.owner import ImageSink, Owner, open_in_time
from edge.sources.camera.picamera import Picamera2Backend
from edge.sources.camera.v4l2 import V4l2Backend
from edge.sources.camera.video_file import FileBackend

_STALE_S = 2.0
_FIRST_FRAME_S = 6.0  # sensors and GStreamer pipelines take seconds to start
_RELEASE_S = 3.0  # with _STALE_S: after 5 s there are frames again, or the process ends
_OPEN_S = 30.0  # the first import of picamera2 takes its time
_BACK_OFF_S = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_LOOK_S = 0.1
_BACKENDS: dict[str, Callable[[CameraConfig], Backend]] = {
    "picamera2": Picamera2Backend,
    "v4l2": V4l2Backend,
    "gstreamer": GStreamerBackend,
    "file": FileBackend,
}

_left_behind: list[Owner] = []  # of closed cameras whose drivers kept them

log = logging.getLogger(__name__)


def open_camera(config: CameraConfig, fx: float | None = None) -> "GrabbedCamera":
    """Open the camera with the back-end that `config` names, and never another. fx: of the rig
    [px], to be compared with what the driver shows.

    Raises DeviceError where it is absent, refuses, or its back-end is not installed;
    StuckDeviceError where this process could not let go of it before.
    """
    if any(not owner.released.is_set() for owner in _left_behind):
        raise StuckDeviceError(
            "this process could not let go of the camera before, and cannot open it again; "
            "start it anew"
        )
    make = _BACKENDS[config.backend]
    return GrabbedCamera(
        lambda: make(config),
        live=config.backend != "file",
        judge=lambda facts: differences(facts, config, fx),
    )


class GrabbedCamera:
    """FrameSource over a back-end: the newest frame wins, older unread ones count as dropped.

    A back-end that fails, or gives no frame for `stale_s` (`first_frame_s` after opening), is
    closed and opened again, after pauses of `back_off_s` that grow until it gives frames. Where it
    does not close within `release_s`, or not open within `open_s`, `read` raises StuckDeviceError:
    the driver keeps it until this process ends. At a file's end `read` raises EndOfStreamError.

    live: an image equal to the one before, to the last bit, does not count as a frame. A sensor's
    noise never repeats; a frozen driver's buffer does, and a pose from it would be invented. A file
    may hold equal images, and pauses. judge: what is other than asked, for `notes` and the log.
    facts: what the driver says.
    """

    def __init__(
        self,
        open_again: Callable[[], Backend],
        stale_s: float = _STALE_S,
        first_frame_s: float = _FIRST_FRAME_S,
        back_off_s: tuple[float, ...] = _BACK_OFF_S,
        live: bool = True,
        judge: Callable[[CameraFacts], list[str]] = lambda _: [],
        release_s: float = _RELEASE_S,
        open_s: float = _OPEN_S,
    ) -> None:
        self.counters = CameraCounters()
        self.notes: list[str] = []
        self.facts = CameraFacts()
        self._open, self._live, self._judge = open_again, live, judge
        self._stale_s, self._first_frame_s, self._back_off_s = stale_s, first_frame_s, back_off_s
        self._release_s, self._open_s = release_s, open_s
        self._changed = threading.Condition()
        self._newest: Frame | None = None
        self._before: Image | None = None
        self._ended: EndOfStreamError | StuckDeviceError | None = None
        self._closed = threading.Event()
        self._tries = 0
        self._owner = self._take()
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
                raise type(self._ended)(*self._ended.args)
            return frame

    def close(self) -> None:
        """Release the camera; safe to call twice. One that does not let go is left to the end of
        the process.
        """
        with self._changed:
            self._closed.set()
            self._newest = None
            self._changed.notify_all()
        self._watcher.join(timeout=0.5)
        if not self._owner.stop(self._release_s):
            _left_behind.append(self._owner)
            log.error("camera: it cannot be let go until this process ends")

    def _take(self) -> Owner:
        backend = open_in_time(self._open, self._open_s)
        self._learn(backend.facts)
        return Owner(backend, ImageSink(self._keep, self._learn))

    def _learn(self, facts: CameraFacts) -> None:
        """Say what is other than asked, once."""
        self.facts = facts
        for note in self._judge(facts):
            if note not in self.notes:
                self.notes.append(note)
                log.warning("camera: %s", note)

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
        while not self._closed.is_set() and self._ended is None:
            owner = self._owner
            if owner.done.wait(_LOOK_S):
                if isinstance(owner.failure, EndOfStreamError):
                    self._end(owner.failure)
                else:
                    self._reopen(str(owner.failure))
            elif self._live and owner.silent_s > (
                self._stale_s if owner.frames else self._first_frame_s
            ):
                what = "repeats one image" if owner.repeats else "gave no frame"
                self._reopen(f"the camera {what} for {owner.silent_s:.1f} s")

    def _reopen(self, why: str) -> None:
        self.counters.last_error = why
        if self._owner.frames:
            self._tries = 0
        if self._tries == 0:  # only once: in a dark room all images may be equal for a whole night
            log.warning("camera: %s; it is opened again", why)
        if not self._owner.stop(self._release_s):
            self._end(
                StuckDeviceError(
                    f"{why}, and its driver does not let go of it ({self._owner.trouble}); only "
                    "the end of this process releases it: systemd starts the sensor again"
                )
            )
            return
        while not self._closed.wait(self._back_off_s[min(self._tries, len(self._back_off_s) - 1)]):
            self._tries += 1
            try:
                self._owner = self._take()
            except StuckDeviceError as e:
                self._end(e)
                return
            except DeviceError as e:
                self.counters.last_error = str(e)
                continue
            self.counters.reopened += 1
            if self._closed.is_set():
                self._owner.stop(self._release_s)
            return

    def _end(self, why: EndOfStreamError | StuckDeviceError) -> None:
        with self._changed:
            self._ended = why
            self._changed.notify_all()
