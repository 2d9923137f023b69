"""The last seconds of raw frames: which are missing, and when they were recorded."""

import threading
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

_NS_PER_S = 1_000_000_000
_CLOCK_GAIN = 32  # blocks over which the jitter of time stamps is averaged: under 1 s
_STOOD_STILL_NS = 50_000_000  # more than this is no jitter


@dataclass(eq=False, slots=True)
class Segment:
    """Frames from `start` on without a loss. cause: why it began; spliced: frames are missing
    before it. zero_ns: CLOCK_MONOTONIC that frame 0 would have had, None before the first block.
    losses: how often frames were missing until then.
    """

    start: int
    cause: str
    spliced: bool
    zero_ns: int | None = None
    losses: int = 0


@dataclass(frozen=True, slots=True)
class Stretch:
    """Frames cut from the ring. frames: (n, C) raw. t_ns: CLOCK_MONOTONIC of the first. segment: in
    which they begin. broken: the last segment that begins inside them. lost: the last one before
    which frames are missing, among these.
    """

    frames: npt.NDArray[Any]
    t_ns: int
    segment: Segment
    broken: Segment | None
    lost: Segment | None


class CaptureRing:
    """A ring of raw frames with one writer and one reader; frames are numbered from the start."""

    def __init__(self, capacity: int, channels: int, dtype: npt.DTypeLike, rate: int):
        self._frames = np.zeros((capacity, channels), dtype)
        self._rate = rate
        self._written = 0
        self._segments = [Segment(0, "", True)]
        self._change = threading.Condition()

    def append(self, block: npt.NDArray[Any], t_ns: int) -> None:
        """Add frames (n, C), n up to the capacity. t_ns: CLOCK_MONOTONIC of the first."""
        with self._change:
            segment = self._segments[-1]
            zero = t_ns - self._written * _NS_PER_S // self._rate
            known = segment.zero_ns
            if known is None or abs(zero - known) > _STOOD_STILL_NS:
                segment.zero_ns = zero
            else:
                segment.zero_ns = known + (zero - known) // _CLOCK_GAIN
            at = self._written % len(self._frames)
            head = min(len(block), len(self._frames) - at)
            self._frames[at : at + head] = block[:head]
            self._frames[: len(block) - head] = block[head:]
            self._written += len(block)
            self._change.notify_all()

    def begin(self, cause: str) -> None:
        """Frames are missing between the last block and the next."""
        with self._change:
            losses = self._segments[-1].losses + 1
            self._segments.append(Segment(self._written, cause, True, None, losses))

    def mark(self, cause: str) -> None:
        """The playback was interrupted about now; the recording goes on."""
        with self._change:
            last = self._segments[-1]
            self._segments.append(Segment(self._written, cause, False, last.zero_ns, last.losses))

    def wake(self) -> None:
        """End a wait."""
        with self._change:
            self._change.notify_all()

    def wait(self, frame: int, deadline_s: float, stop: threading.Event) -> bool:
        """Wait for all frames before `frame`; False at `deadline_s` (monotonic) or on `stop`."""
        with self._change:
            while self._written < frame and not stop.is_set():
                remaining = deadline_s - time.monotonic()
                if remaining <= 0.0:
                    return False
                self._change.wait(remaining)
            return not stop.is_set()

    def frame_at(self, t_ns: int) -> int:
        """The frame that was or will be recorded at this CLOCK_MONOTONIC."""
        with self._change:
            zeros = [s.zero_ns for s in self._segments if s.zero_ns is not None]
            zero = zeros[-1] if zeros else time.monotonic_ns()
            return (t_ns - zero) * self._rate // _NS_PER_S

    def oldest(self) -> int:
        """The oldest frame that is still there."""
        with self._change:
            return max(0, self._written - len(self._frames))

    def cut(self, start: int, n: int) -> Stretch | None:
        """Copy frames [start, start + n), already written; None where they were overwritten."""
        with self._change:
            if start < self._written - len(self._frames):
                return None
            while len(self._segments) > 1 and self._segments[1].start <= start:
                del self._segments[0]
            segment, *later = self._segments
            broken = [s for s in later if s.start < start + n]
            frames = np.take(self._frames, np.arange(start, start + n), axis=0, mode="wrap")
            zero = segment.zero_ns if segment.zero_ns is not None else time.monotonic_ns()
            return Stretch(
                frames,
                zero + start * _NS_PER_S // self._rate,
                segment,
                broken[-1] if broken else None,
                next((s for s in reversed(broken) if s.spliced), None),
            )
