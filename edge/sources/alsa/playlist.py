"""What is played when: silence, the continuous excitation or a burst, on one grid of periods."""

import threading
from collections import deque
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from edge.core.arrays import Array
from edge.core.contracts import LEAST_GAIN
from edge.core.errors import ConfigError
from edge.sound.burst import MAX_PERIODS, make_burst
from edge.sound.excitation import Excitation, speaker_signals

# How far the time at which a frame is heard may be from what the buffers say.
UNSURE_S = 0.25
_RESTART_RAMP_S = 0.005
_KEPT = 64  # periods, and stretches of continuous sound, that are remembered

Block = npt.NDArray[Any]


@dataclass(eq=False, slots=True)
class Burst:
    """A burst on its way: `periods` of the grid, then a silent one.

    position: playback frame at which it begins. run: number of breaks of the playback before it.
    sounds_ns: about when its first frame is heard, CLOCK_MONOTONIC. fault: why it did not sound
    whole, "" where it does.
    """

    periods: int
    gain: float
    position: int = 0
    run: int = 0
    sounds_ns: int = 0
    fault: str = ""


class Playlist:
    """Read by one thread, that of the playback; changed by others, and asked by the reader of the
    recording.

    muted, gain (0.001..1), continuous: set from any thread. `adopt` makes mute and gain act at
    once; the rest begins at the next boundary of the grid. Bursts and the continuous excitation
    keep 2 * UNSURE_S apart, so that a search meets one of them only. located: the run whose place
    in the recording the reader knows; until it does, one burst at a time is on its way.
    """

    def __init__(
        self,
        excitation: Excitation,
        speakers: int,
        channels: int,
        dtype: np.dtype[Any],
        *,
        muted: bool,
    ) -> None:
        """channels, dtype: of the playback. A single speaker plays on all channels."""
        self.muted, self.gain, self.continuous = muted, 1.0, True
        self.located: int | None = None
        self._n, self._rate = excitation.period_samples, excitation.sample_rate_hz
        self._signal = _played(excitation, speakers, channels, dtype)
        self._dtype = dtype
        self._burst_signals = [
            _played(make_burst(excitation, k), speakers, channels, dtype)
            for k in range(1, MAX_PERIODS + 1)
        ]
        # Each loudspeaker begins N // S samples after the one before.
        self._later = (speakers - 1) * self._n // speakers
        self._guard = -(-round(2 * UNSURE_S * self._rate) // self._n) + 1
        self._lock = threading.Lock()
        self._acting = muted, 1.0
        self._run = 0
        self._plan: dict[int, Burst | Literal["on", "fading", "silent"]] = {}
        self._decided = 0  # periods
        self._on, self._start, self._ramp = False, 0, self._n  # the continuous excitation
        self._on_from = self._burst_from = self._burst_end = 0  # periods
        self._waiting: Burst | None = None
        self._latest: Burst | None = None
        self._bursts: deque[Burst] = deque()  # not passed
        self._heard_on: deque[list[int]] = deque(maxlen=_KEPT)  # [from, to] ns

    def probe(self, periods: int, gain: float) -> None:
        """Ask for a burst. Dropped while muted, continuous, or while another is on its way."""
        if not 1 <= periods <= MAX_PERIODS:
            raise ConfigError(f"a burst of {periods} periods: 1 to {MAX_PERIODS} are possible")
        with self._lock:
            busy = self._waiting is not None or self._decided < self._burst_end
            if self._bursts and self.located != self._run:
                busy = True
            if not (self.muted or self.continuous or busy):
                self._waiting = Burst(periods, min(max(gain, LEAST_GAIN), self.gain))

    def next_burst(self) -> Burst | None:
        """The first one that was given to the card and not to the reader's caller."""
        with self._lock:
            return self._bursts[0] if self._bursts else None

    def pass_burst(self) -> None:
        """The first burst is delivered, or lost."""
        with self._lock:
            self._bursts.popleft()

    def is_continuous(self, start_ns: int, end_ns: int) -> bool:
        """Whether the continuous excitation may be heard between these times."""
        unsure = round(UNSURE_S * 1e9)
        with self._lock:
            return any(
                on < end_ns + unsure and off > start_ns - unsure for on, off in self._heard_on
            )

    def adopt(self, written: int, heard: int, now_ns: int) -> bool:
        """Take over mute and gain. True where sound is queued that they change: the card must drop
        what it holds, frames `heard` to `written`.
        """
        muted, gain = self.muted, self.gain
        with self._lock:
            if self._acting == (muted, gain):
                return False
            queued = range(heard // self._n, -(-written // self._n))
            sounds = any(self._audible(self._plan.get(period, "silent")) for period in queued)
            self._acting = muted, gain
            if muted:
                self._waiting = None
                self._end_continuous(written // self._n + 1, now_ns)
        if sounds:
            cause = "muted" if muted else "the level was changed"
            self.interrupted(written, heard, cause, self._n)
        return sounds

    def interrupted(self, written: int, heard: int, cause: str, ramp: int = 0) -> None:
        """The playback goes on from frame `written`, and `heard` frames were heard before: no burst
        between the two has sounded whole. The continuous excitation rises over `ramp` samples.
        """
        with self._lock:
            self._run += 1
            self._start = written
            self._ramp = ramp or max(1, round(_RESTART_RAMP_S * self._rate))
            for burst in self._bursts:
                end = burst.position + burst.periods * self._n + self._later
                if burst.position < written and heard < end:
                    burst.fault = burst.fault or cause

    def heard(self, frame: int, now_ns: int) -> None:
        """This frame of the playback is heard now: so is known when bursts on their way will be."""
        with self._lock:
            for burst in self._bursts:
                if burst.run == self._run:
                    later = burst.position - frame
                    burst.sounds_ns = now_ns + later * 1_000_000_000 // self._rate

    def block(self, position: int, frames: int, first_ns: int) -> Block:
        """What to write: frames (frames, channels) from `position` on, the first of which is heard
        at about `first_ns`.
        """
        out = np.zeros((frames, self._signal.shape[1]), self._dtype)
        at = position
        with self._lock:
            while at < position + frames:
                period, offset = divmod(at, self._n)
                count = min(self._n - offset, position + frames - at)
                begins_ns = first_ns + (at - offset - position) * 1_000_000_000 // self._rate
                self._fill(out[at - position : at - position + count], period, offset, begins_ns)
                at += count
        return out

    def _fill(self, rows: Block, period: int, offset: int, begins_ns: int) -> None:
        while self._decided <= period:
            self._plan[self._decided] = self._decide(self._decided, begins_ns)
            self._plan.pop(self._decided - _KEPT, None)
            self._decided += 1
        sound = self._plan.get(period, "silent")
        at = period * self._n + offset + np.arange(len(rows))
        if isinstance(sound, Burst):
            if offset == 0 and period * self._n == sound.position:
                sound.sounds_ns, sound.run = begins_ns, self._run
            if not sound.fault:
                signal = self._burst_signals[sound.periods - 1]
                rows[:] = np.round(signal[at - sound.position] * sound.gain)
        elif self._audible(sound):
            envelope = self._acting[1] * np.clip((at - self._start) / self._ramp, 0.0, 1.0)
            if sound == "fading":
                envelope *= 1.0 - (at - period * self._n) / self._n
            rows[:] = np.round(self._signal[offset : offset + len(rows)] * envelope[:, None])

    def _decide(self, period: int, begins_ns: int) -> Burst | Literal["on", "fading", "silent"]:
        """What sounds in a period, decided when its first frame is asked for."""
        muted, _ = self._acting
        wanted = self.continuous and not muted
        if self._on and wanted:
            return "on"
        if self._on:
            self._end_continuous(period + 1, begins_ns + self._n * 1_000_000_000 // self._rate)
            return "fading"
        if period < self._burst_end:
            return self._latest or "silent"
        if wanted and period >= self._on_from:
            self._on, self._start, self._ramp = True, period * self._n, self._n
            self._heard_on.append([begins_ns, 1 << 62])
            return "on"
        burst = self._waiting
        if burst is not None and not wanted and period >= self._burst_from:
            self._latest, self._waiting = burst, None
            burst.position = period * self._n
            self._burst_end = period + burst.periods + 1
            self._on_from = self._burst_end + self._guard
            self._bursts.append(burst)
            return burst
        return "silent"

    def _end_continuous(self, period: int, off_ns: int) -> None:
        if self._on:
            self._on = False
            self._burst_from = period + self._guard
            self._heard_on[-1][1] = off_ns

    def _audible(self, sound: Burst | Literal["on", "fading", "silent"]) -> bool:
        if isinstance(sound, Burst):
            return not sound.fault
        return sound != "silent" and not self._acting[0]


def _played(excitation: Excitation, speakers: int, channels: int, dtype: np.dtype[Any]) -> Array:
    """Interleaved samples (samples, channels) at full level, in the units of `dtype`."""
    signals = speaker_signals(excitation, speakers)
    out = np.zeros((excitation.period_samples, channels))
    out[:, :] = signals[0][:, None] if speakers == 1 else 0.0
    out[:, :speakers] = signals.T
    return out * float(2 ** (8 * dtype.itemsize - 1) - 1)
