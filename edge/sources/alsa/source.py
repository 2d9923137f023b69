"""A microphone array as a source: periods and bursts of the recording, cut on the excitation.

All signal work happens in `read`, on the caller's thread; `duplex` plays and records.
"""

import time
from dataclasses import dataclass

import numpy as np

from edge.core.arrays import FloatArray
from edge.core.config import AudioConfig
from edge.core.contracts import LEAST_GAIN, AudioCounters, AudioPeriod
from edge.core.errors import DeviceError
from edge.core.rig import Rig
from edge.sound.excitation import Excitation
from edge.sources.alsa.alignment import Aligner, Alignment, DelayTracker
from edge.sources.alsa.burst_finder import BurstFinder
from edge.sources.alsa.card import alsa_module
from edge.sources.alsa.duplex import Duplex
from edge.sources.alsa.playlist import Burst
from edge.sources.alsa.ring import Segment, Stretch

# A jump beyond this means that frames were lost without notice; a slow drift is followed by cutting
# anew.
_GAP_SAMPLES = 2.0
_RECUT_SAMPLES = 0.75
# Circular deconvolution needs steady state: the period before must have had the same level.
_STEADY_DB = 1.0


def list_devices() -> list[str]:
    """ALSA capture devices as audio.capture takes them. Raises DeviceError without pyalsaaudio."""
    alsaaudio = alsa_module()
    return sorted(alsaaudio.pcms(alsaaudio.PCM_CAPTURE))


@dataclass(frozen=True, slots=True)
class _Located:
    """A burst that was looked for. start: its first frame. delay: what cutting there leaves."""

    burst: Burst
    start: int
    delay: float
    fault: str


class AlsaAudio:
    """The AudioSource of a real array.

    With a reference channel, periods are cut on it and contain it; without, they are cut on the
    direct sound (rig.direct_arrival_s), and `delay_samples` is what cutting at whole samples
    leaves. Faults: "capture xrun", "playback xrun", "reopened", "gap" (frames lost without notice),
    "no reference" (the excitation is not found) and "unsteady" (its level differs from the period
    before, as after a start). A burst can be "muted" or have "the level was changed" meanwhile; a
    loss of playback in silence is no fault. Silence is cut into periods, and goes on after a burst;
    what is left of a period before one is dropped.
    """

    def __init__(
        self, audio: AudioConfig, excitation: Excitation, rig: Rig, *, muted: bool = False
    ):
        """Open both devices and start to play, silence when muted. Raises DeviceError for a card
        that is absent or changes the configured format.
        """
        self.counters = AudioCounters()
        self.adjustable = audio.plays
        self._audio, self._excitation, self._n = audio, excitation, excitation.period_samples
        if audio.playback_channels < len(rig.speakers):
            raise DeviceError(
                f"audio.playback_channels is {audio.playback_channels}, but the rig has "
                f"{len(rig.speakers)} speakers: one channel per speaker is needed"
            )
        self._has_reference = audio.reference_channel >= 0
        self._aligner = Aligner(excitation, None if self._has_reference else rig)
        self._delay = DelayTracker()
        self._cursor = 0
        self._index = 0
        self._losses = 0
        self._aligned: Segment | None = None
        self._level_db: float | None = None
        self._located: _Located | None = None
        self._duplex = Duplex(audio, excitation, len(rig.speakers), self.counters, muted=muted)
        self._ring, self._playlist = self._duplex.ring, self._duplex.playlist
        self._finder = BurstFinder(
            excitation, None if self._has_reference else rig, self._playlist, self._ring
        )

    def read(self, timeout_s: float) -> AudioPeriod | None:
        """Next period or burst; None when none came in time. Raises DeviceError when closed."""
        deadline = time.monotonic() + timeout_s
        needed = self._needed()
        while self._ring.wait(needed, deadline, self._duplex.closed):
            if (more := self._needed()) > needed:  # a burst was begun meanwhile
                needed = more
                continue
            period = self._next()
            if period is not None:
                self._index += 1
                self.counters.periods += 1
                return period
            needed = self._needed()
        if self._duplex.closed.is_set():
            raise DeviceError(f"{self._audio.capture}: read after close; open the device again")
        return None

    def set_muted(self, muted: bool) -> None:
        """Silence the loudspeaker within one ALSA period; recording goes on."""
        self._playlist.muted = muted

    def set_gain(self, gain: float) -> None:
        """Play at this share, 0.001..1, within one ALSA period; responses stay as at 1."""
        self._playlist.gain = min(max(gain, LEAST_GAIN), 1.0)

    def set_continuous(self, on: bool) -> None:
        """Play the continuous excitation, or only bursts, from the next period on."""
        self._playlist.continuous = on

    def probe(self, periods: int, gain: float) -> None:
        """One burst, when what is in the card's buffer is played; see `AudioSource`. Raises
        ConfigError for another number of periods than 1..5.
        """
        if self._audio.plays:
            self._playlist.probe(periods, gain)

    def close(self) -> None:
        """Stop sound and release both devices, within a second; safe to call twice."""
        self._duplex.close()

    def _needed(self) -> int:
        """The frame before which all must be recorded for what comes next."""
        n, located = self._n, self._located
        if located is not None:
            if located.start >= self._cursor + n:
                return self._cursor + n
            return max(located.start, self._cursor) + (located.burst.periods + 1) * n
        if (burst := self._burst_here()) is None:
            return self._cursor + n
        return self._last_end(burst)

    def _last_end(self, burst: Burst) -> int:
        """Where a burst ends, with its silent period, that begins as late as it can."""
        start, margin = self._finder.expected(burst)
        return max(start, self._cursor) + margin + (burst.periods + 1) * self._n

    def _burst_here(self) -> Burst | None:
        """The burst that may begin within a period from here; those that were missed are passed."""
        while (burst := self._playlist.next_burst()) is not None:
            start, margin = self._finder.expected(burst)
            if self._located is not None or start + margin >= self._cursor:
                break
            self._playlist.pass_burst()
            self.counters.dropped += burst.periods + 1
        if burst is None or self._cursor + self._n <= start - margin:
            return None
        return burst

    def _next(self) -> AudioPeriod | None:
        """The period at the cursor, or the burst; None where another try is needed."""
        n = self._n
        if self._located is None and (burst := self._burst_here()) is not None:
            self._locate(burst)
            return None
        if self._located is not None and self._located.start < self._cursor + n:
            return self._take_burst(self._located)
        stretch = self._ring.cut(self._cursor, n)
        if stretch is None:
            self._skip()
            return None
        self._follow(stretch)
        length_ns = n * 1_000_000_000 // self._excitation.sample_rate_hz
        end_ns = stretch.t_ns + length_ns
        if not self._audio.plays or not self._playlist.is_continuous(stretch.t_ns, end_ns):
            return self._take_silence(stretch)
        return self._take_continuous(stretch)

    def _locate(self, burst: Burst) -> None:
        end = self._last_end(burst)
        if not self._ring.wait(end, 0.0, self._duplex.closed):
            return  # it is known only now that it comes later
        stretch = self._ring.cut(self._cursor, end - self._cursor)
        if stretch is None:
            self._skip()
            return
        self._follow(stretch)
        start, delay = max(self._finder.expected(burst)[0], self._cursor), 0.0
        fault = burst.fault or (stretch.lost.cause if stretch.lost is not None else "")
        if not fault:
            samples, reference = self._channels(stretch, burst.gain)
            signals = samples if reference is None else reference[None]
            found = self._finder.find(burst, self._cursor, signals)
            if found is None:
                fault = "no reference"
            else:
                start = max(round(found), self._cursor)
                delay = found - start if reference is None else 0.0
        self._located = _Located(burst, start, delay, fault)

    def _take_burst(self, located: _Located) -> AudioPeriod | None:
        burst, self._located = located.burst, None
        self._playlist.pass_burst()
        start = max(located.start, self._cursor)
        length = (burst.periods + 1) * self._n
        stretch = self._ring.cut(start, length)
        if stretch is None:
            self._skip()
            return None
        self._cursor = start + length
        return AudioPeriod(
            self._index,
            stretch.t_ns,
            *self._channels(stretch, burst.gain),
            located.delay,
            located.fault,
            start,
            "burst",
            burst.periods,
            burst.gain,
        )

    def _take_silence(self, stretch: Stretch) -> AudioPeriod:
        """A period in which nothing is played on purpose: only a loss in the recording is a fault,
        and the next period begins after it.
        """
        self._aligned = self._level_db = None
        frame, lost = self._cursor, stretch.lost
        self._cursor = frame + self._n if lost is None else lost.start
        heard = self._channels(stretch, 1.0)
        fault = "" if lost is None else lost.cause
        return AudioPeriod(self._index, stretch.t_ns, *heard, 0.0, fault, frame, "silence")

    def _take_continuous(self, stretch: Stretch) -> AudioPeriod | None:
        n, frame, gain = self._n, self._cursor, self._playlist.gain
        samples, reference = self._channels(stretch, gain)
        delay = 0.0
        if stretch.broken is not None:
            # After a loss in the recording the next period begins at once; after a playback xrun
            # the rest of this period is wrong, too.
            fault = stretch.broken.cause
            self._cursor = stretch.broken.start if stretch.broken.spliced else frame + n
        else:
            found = self._aligner.find(samples if reference is None else reference[None])
            if found is not None and self._aligned is not stretch.segment:
                self._aligned = stretch.segment
                self._delay.reset()
                if offset := round(found.lag):
                    self._cursor += offset
                    return None
            self._cursor += n
            fault = self._judge(found)
            if reference is None:
                delay = self._delay.samples or 0.0
        return AudioPeriod(
            self._index, stretch.t_ns, samples, reference, delay, fault, frame, gain=gain
        )

    def _channels(self, stretch: Stretch, gain: float) -> tuple[FloatArray, FloatArray | None]:
        """Microphones (M, n), less the gain where no reference says it, and the reference (n,)."""
        frames = stretch.frames
        scale = np.float32(2.0 ** (1 - 8 * frames.dtype.itemsize))
        samples = np.ascontiguousarray(frames[:, self._audio.mic_channels].T, np.float32) * scale
        if not self._has_reference:
            return samples / np.float32(gain), None
        return samples, frames[:, self._audio.reference_channel].astype(np.float32) * scale

    def _judge(self, found: Alignment | None) -> str:
        """The fault of a period against the cut and level so far, "" for none."""
        if found is None:
            self._aligned, self._level_db = None, None
            return "no reference"
        n = self._n
        drift = (found.lag + n / 2) % n - n / 2
        steady = self._level_db is not None and abs(found.level_db - self._level_db) < _STEADY_DB
        self._level_db = found.level_db
        if abs(drift) > _GAP_SAMPLES:
            self.counters.gaps += 1
            self._cursor += round(drift)
            self._delay.reset()
            return "gap"
        self._delay.update(drift)
        if abs(drift) > _RECUT_SAMPLES:
            self._cursor += round(drift)
        return "" if steady else "unsteady"

    def _follow(self, stretch: Stretch) -> None:
        """Bursts are expected elsewhere after a loss in the recording."""
        losses = stretch.segment.losses if stretch.lost is None else stretch.lost.losses
        if losses != self._losses:
            self._losses = losses
            self._finder.forget()

    def _skip(self) -> None:
        """The caller was away for longer than the ring holds: go on at the oldest whole period that
        is left, and count what is lost.
        """
        n = self._n
        late = -(-(self._ring.oldest() - self._cursor) // n) + 1
        self._cursor += late * n
        self._index += late
        self._located = None
        self.counters.dropped += late
