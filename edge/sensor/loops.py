"""Reads a source and feeds the pipeline: in real time on threads, or frame by frame."""

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Protocol

from edge.core.contracts import Source
from edge.core.errors import EndOfStreamError
from edge.core.pose import FrameEstimate
from edge.sensor.empty_room import PeriodResponses
from edge.sensor.pipeline import Pipeline, Seen

_POLL_S = 0.1
BURST_S = 1.5


class Stop(Protocol):
    """Says when to stop; a threading.Event does."""

    def is_set(self) -> bool:
        """Whether to stop now."""


def offline_poses(
    pipeline: Pipeline, source: Source, stop: Stop, beat: Callable[[str], None]
) -> Iterator[FrameEstimate]:
    """Every frame with the period nearest to it, as fast as possible and the same every time.

    Ends when `stop` is set or the source ends. beat: as in `live_poses`.
    """
    periods: deque[PeriodResponses] = deque(maxlen=8)
    audio_ended, read_until_ns = False, 0
    max_skew_ns = pipeline.config.runtime.max_skew_ms * 1e6
    while not stop.is_set():
        try:
            frame = source.frames.read(_POLL_S)
        except EndOfStreamError:
            return
        beat("image")
        if frame is None:
            continue
        while not audio_ended and read_until_ns < frame.t_ns + pipeline.period_ns:
            try:
                period = source.audio.read(_POLL_S)
            except EndOfStreamError:
                audio_ended = True
                break
            beat("sound")
            if period is not None:
                read_until_ns = period.t_ns + pipeline.period_ns
                if (responses := pipeline.hear(period)) is not None:
                    periods.append(responses)
        seen = pipeline.see(frame, source.kind)
        estimate = pipeline.fuse(seen, nearest(periods, frame.t_ns, max_skew_ns), source.kind)
        if estimate is not None:
            # A session that is read as fast as it goes shares no clock with this machine.
            yield replace(estimate, latency_ms=None)


def replayed(pipeline: Pipeline, source: Source) -> Iterator[FrameEstimate]:
    """`offline_poses` of a whole source, which is closed at the end."""
    try:
        yield from offline_poses(pipeline, source, threading.Event(), lambda _: None)
    finally:
        source.close()


def live_poses(
    pipeline: Pipeline, source: Source, stop: Stop, beat: Callable[[str], None]
) -> Iterator[FrameEstimate]:
    """In real time: sound and image on threads of their own; where the pipeline is too slow the
    newest frame wins, and those dropped are counted.

    Ends when `stop` is set or the source ends; an error in a thread is raised here. beat: called
    with "sound" or "image" whenever that thread has read its device.
    """
    inputs = _Inputs(pipeline, source, beat)
    max_skew_ns = pipeline.config.runtime.max_skew_ms * 1e6
    inputs.start()
    try:
        while not stop.is_set() and not inputs.errors:
            try:
                seen = inputs.frames.get(timeout=_POLL_S)
            except queue.Empty:
                if inputs.ended.is_set():
                    break
                continue
            sound = nearest(inputs.periods, seen.frame.t_ns, max_skew_ns)
            estimate = pipeline.fuse(seen, sound, source.kind)
            if estimate is not None:
                yield estimate
    finally:
        inputs.stop()
    if inputs.errors:
        raise inputs.errors[0]


class _Inputs:
    """The threads that read both devices. Either's end, or an error, ends both."""

    def __init__(self, pipeline: Pipeline, source: Source, beat: Callable[[str], None]) -> None:
        self.periods: deque[PeriodResponses] = deque(maxlen=32)
        self.frames: queue.Queue[Seen] = queue.Queue(maxsize=2)
        self.ended = threading.Event()
        self.errors: list[BaseException] = []
        self._pipeline, self._source, self._beat = pipeline, source, beat
        self._threads = [
            threading.Thread(target=self._run, args=(read,), name=name, daemon=True)
            for name, read in (("sound", self._read_sound), ("image", self._read_image))
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self.ended.set()
        for thread in self._threads:
            thread.join(1.0)

    def _run(self, read: Callable[[], None]) -> None:
        try:
            while not self.ended.is_set():
                read()
        except EndOfStreamError:
            pass
        except BaseException as e:
            self.errors.append(e)
        finally:
            self.ended.set()

    def _read_sound(self) -> None:
        period = self._source.audio.read(_POLL_S)
        self._beat("sound")
        if period is not None and (responses := self._pipeline.hear(period)):
            self.periods.append(responses)

    def _read_image(self) -> None:
        frame = self._source.frames.read(_POLL_S)
        self._beat("image")
        if frame is not None:
            self._put(self._pipeline.see(frame, self._source.kind))

    def _put(self, seen: Seen) -> None:
        """Queue a frame; where the queue is full the oldest makes room."""
        while True:
            try:
                self.frames.put_nowait(seen)
                return
            except queue.Full:
                try:
                    self.frames.get_nowait()
                    self._pipeline.counters.frames_dropped += 1
                except queue.Empty:
                    pass


def nearest(
    periods: deque[PeriodResponses], t_ns: int, max_skew_ns: float
) -> PeriodResponses | None:
    """The period whose middle is closest to t_ns [ns]; None where none is within max_skew_ns. A
    burst is known only after its end: it goes with the images of the next BURST_S.
    """
    best = min(
        (p for p in list(periods) if p.middle_ns - t_ns <= max_skew_ns),
        key=lambda p: abs(p.middle_ns - t_ns),
        default=None,
    )
    if best is None:
        return None
    reach_ns = max(max_skew_ns, BURST_S * 1e9) if best.burst else max_skew_ns
    return best if t_ns - best.middle_ns <= reach_ns else None
