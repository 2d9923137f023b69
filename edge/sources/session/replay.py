"""A session as a source, in real time or as fast as it is read."""

import threading
import time
from pathlib import Path

import numpy as np

from edge.core.contracts import AudioCounters, AudioPeriod, CameraCounters, Frame, Sounding, Source
from edge.core.errors import EndOfStreamError, SessionError
from edge.sound.burst import make_burst
from edge.sources.alsa.alignment import Aligner, DelayTracker
from edge.sources.session.frame_reader import FrameReader
from edge.sources.session.reader import Session, load_session
from edge.sources.session.writer import SILENCE

_PATIENCE_NS = 2_000_000_000  # a reader further behind loses the oldest, as with a sound card


def open_replay(session: Session | Path, *, realtime: bool, loop: bool = False) -> Source:
    """Sound and images of a session; its clock starts now on CLOCK_MONOTONIC.

    realtime: nothing comes before its time, and a slow reader loses items, as with devices; else
    each read returns the next item at once and none is lost. loop: start over at the end, without
    end. Raises SessionError.
    """
    if not isinstance(session, Session):
        session = load_session(session)
    start_ns = time.monotonic_ns()
    return Source(
        kind=session.source,
        audio=ReplayAudio(session, start_ns, realtime, loop),
        frames=ReplayFrames(session, start_ns, realtime, loop),
        description=session.description or session.path.name,
        empty_until_ns=start_ns + round(session.empty_until_s * 1e9),
        notes=list(session.notes),
    )


class ReplayAudio:
    """AudioSource of a session. Keeps the recording's faults; a period in which the excitation is
    not found is "no reference".
    """

    adjustable = False

    def __init__(self, session: Session, start_ns: int, realtime: bool, loop: bool):
        self.counters = AudioCounters()
        self._session, self._start_ns = session, start_ns
        self._realtime, self._loop = realtime, loop
        self._aligners: dict[int, Aligner] = {}
        self._delay = DelayTracker()
        self._next = 0
        self._closed = False

    def read(self, timeout_s: float) -> AudioPeriod | None:
        """Next period or burst; None when its end is more than `timeout_s` away. Raises
        EndOfStreamError.
        """
        s = self._session
        if self._realtime:
            while self._lag_ns() > _PATIENCE_NS and (
                self._loop or self._next + self._length() < s.periods
            ):
                self.counters.dropped += self._length()
                self._next += self._length()
        self._check_end()
        length = self._length()
        if self._realtime and not _sleep_until(self._time_ns() + length * s.period_ns, timeout_s):
            return None
        period = self._period(length)
        self._next += length
        self.counters.periods += 1
        return period

    def set_muted(self, muted: bool) -> None:
        """Does nothing: no loudspeaker plays, and the recording is what it is."""

    def set_gain(self, gain: float) -> None:
        """Does nothing, for the same reason."""

    def set_continuous(self, on: bool) -> None:
        """Does nothing, for the same reason."""

    def probe(self, periods: int, gain: float) -> None:
        """Does nothing, for the same reason."""

    def close(self) -> None:
        """Nothing is open; later reads raise EndOfStreamError."""
        self._closed = True

    def _check_end(self) -> None:
        if self._closed or (self._next >= self._session.periods and not self._loop):
            raise EndOfStreamError(
                f"{self._session.path}: all {self._session.periods} periods are read"
            )

    def _time_ns(self) -> int:
        """CLOCK_MONOTONIC of the next period's first sample."""
        turn, at = divmod(self._next, self._session.periods)
        return self._start_ns + turn * self._session.span_ns + int(self._session.audio_times_ns[at])

    def _length(self) -> int:
        """Periods that come at once: a burst with the silent one after it, else one."""
        return 1 + max(0, int(self._session.sounding[self._next % self._session.periods]))

    def _lag_ns(self) -> int:
        return time.monotonic_ns() - self._time_ns() - self._length() * self._session.period_ns

    def _period(self, length: int) -> AudioPeriod:
        s = self._session
        at, burst, gain = self._next % s.periods, length - 1, 1.0
        n = s.excitation.period_samples
        sounding: Sounding = "burst" if burst else "continuous"
        if s.sounding[at] == SILENCE:
            sounding = "silence"
        else:
            gain = float(s.gains[at])
        raw = s.audio[at * n : (at + length) * n]
        samples = np.ascontiguousarray(raw[:, s.mic_channels].T, np.float32) / np.float32(32768)
        reference = None
        if s.reference_channel is None:
            samples /= np.float32(gain)
        else:
            reference = raw[:, s.reference_channel].astype(np.float32) / np.float32(32768)
        fault, delay = s.faults.get(at, ""), 0.0
        if sounding != "silence" and not fault:
            found = self._aligner(burst).find(samples if reference is None else reference[None])
            if found is None:
                fault = "no reference"
            elif reference is None:
                whole = length * n
                delay = (found.lag + whole / 2) % whole - whole / 2
                delay = delay if burst else self._delay.update(delay)
        return AudioPeriod(
            self._next,
            self._time_ns(),
            samples,
            reference,
            delay,
            fault,
            sounding=sounding,
            burst=burst,
            gain=gain,
        )

    def _aligner(self, burst: int) -> Aligner:
        if burst not in self._aligners:
            s = self._session
            excitation = make_burst(s.excitation, burst) if burst else s.excitation
            rig = s.rig if s.reference_channel is None else None
            self._aligners[burst] = Aligner(excitation, rig)
        return self._aligners[burst]


class ReplayFrames:
    """FrameSource of a session."""

    def __init__(self, session: Session, start_ns: int, realtime: bool, loop: bool):
        self.counters = CameraCounters()
        self._session, self._start_ns, self._realtime = session, start_ns, realtime
        times = session.frame_times_ns
        # When looping, the sound's length is that of a turn, so that both stay in step.
        self._count = int(np.searchsorted(times, session.span_ns)) if loop else len(times)
        self._loop = loop and self._count > 0
        self._turn, self._next = 0, 0
        self._reader: FrameReader | None = None
        self._closed = False
        self._reading = threading.Lock()

    def read(self, timeout_s: float) -> Frame | None:
        """Next image (in real time: the newest that is due); None when it is more than `timeout_s`
        away.

        Raises EndOfStreamError, or SessionError where the video is damaged or the session holds
        only sound.
        """
        if len(self._session.frame_times_ns) == 0:
            raise SessionError(
                f"{self._session.path / 'frame_times.npy'}: lists no image; "
                "record the session with a camera"
            )
        with self._reading:
            return self._read(timeout_s)

    def close(self) -> None:
        """Close the video once a read in progress is done; later reads raise EndOfStreamError."""
        self._closed = True
        with self._reading:
            if self._reader is not None:
                self._reader.close()
                self._reader = None

    def _read(self, timeout_s: float) -> Frame | None:
        self._start_turn()
        if self._realtime:
            if not _sleep_until(self._time_ns(self._next), timeout_s):
                return None
            while (
                self._next + 1 < self._count
                and self._time_ns(self._next + 1) <= time.monotonic_ns()
            ):
                self._open().skip()
                self._next += 1
                self.counters.dropped += 1
        frame = Frame(
            self._turn * len(self._session.frame_times_ns) + self._next,
            self._time_ns(self._next),
            self._open().read(),
        )
        self._next += 1
        self.counters.frames += 1
        return frame

    def _start_turn(self) -> None:
        if not self._closed and self._loop and self._next >= self._count:
            self._turn, self._next = self._turn + 1, 0
            if self._reader is not None:
                self._reader.close()
                self._reader = None
        if self._closed or self._next >= self._count:
            raise EndOfStreamError(f"{self._session.path}: all {self._count} images are read")

    def _open(self) -> FrameReader:
        if self._reader is None:
            camera = self._session.rig.camera
            self._reader = FrameReader(self._session.path, (camera.width, camera.height))
        return self._reader

    def _time_ns(self, at: int) -> int:
        return (
            self._start_ns
            + self._turn * self._session.span_ns
            + int(self._session.frame_times_ns[at])
        )


def _sleep_until(t_ns: int, timeout_s: float) -> bool:
    """Wait for `t_ns` on CLOCK_MONOTONIC; after `timeout_s` give up and return False."""
    wait_s = (t_ns - time.monotonic_ns()) / 1e9
    if wait_s > timeout_s:
        time.sleep(max(0.0, timeout_s))
        return False
    if wait_s > 0:
        time.sleep(wait_s)
    return True
