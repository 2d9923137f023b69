"""What an array plays in each period: silence, the continuous excitation, a burst, and what other
programs play.
"""

from dataclasses import dataclass, replace

import numpy as np

from edge.core.arrays import FloatArray
from edge.core.contracts import LEAST_GAIN, Sounding
from edge.sound.burst import MAX_PERIODS, make_burst
from edge.sound.excitation import Excitation


@dataclass(frozen=True, slots=True)
class PlayedPeriod:
    """One period of the playback. own: (N,) of the sensor's own accord. mixed: with what other
    programs play. burst: k, where a burst begins here. gain, fault: see `AudioPeriod`.
    """

    own: FloatArray
    mixed: FloatArray
    sounding: Sounding
    burst: int = 0
    gain: float = 1.0
    fault: str = ""


class Playback:
    """Decides each period's sound when it is asked for, by what was set until then; see
    `AudioSource` for what can be set.
    """

    def __init__(self, signal: Excitation, program: FloatArray | None) -> None:
        """program: (L,) what other programs play, full scale = 1; repeated."""
        self.continuous, self.muted, self.gain = True, False, 1.0
        self._signal, self._program = signal, program
        self._n = signal.period_samples
        self._bursts = {k: make_burst(signal, k) for k in range(1, MAX_PERIODS + 1)}
        self._pending: tuple[int, float] | None = None
        self._left: list[PlayedPeriod] = []  # of the burst that sounds
        self._steady: float | None = None  # gain of the continuous excitation in the last period
        self._count = 0

    def probe(self, periods: int, gain: float) -> None:
        """A burst from the next period on; dropped where none is possible."""
        if not (self.continuous or self.muted or self._pending or self._left):
            self._pending = periods, min(max(gain, LEAST_GAIN), self.gain)

    def next(self) -> PlayedPeriod:
        """The next period."""
        played = self._own()
        self._steady = played.gain if played.sounding == "continuous" else None
        at = np.arange(self._count * self._n, (self._count + 1) * self._n)
        self._count += 1
        if self._program is None:
            return played
        return replace(played, mixed=played.own + self._program[at % len(self._program)])

    def _own(self) -> PlayedPeriod:
        silence = np.zeros(self._n, np.float32)
        if self._left:
            part = self._left.pop(0)
            return PlayedPeriod(silence, silence, "silence") if self.muted else part
        if self.muted:
            self._pending = None
        elif self._pending is not None:
            (count, gain), self._pending = self._pending, None
            whole = self._bursts[count].samples * np.float32(gain)
            parts = [
                PlayedPeriod(x, x, "burst", 0, gain) for x in whole.reshape(count + 1, self._n)
            ]
            self._left = parts[1:]
            return replace(parts[0], burst=count)
        elif self.continuous:
            x = self._signal.samples * np.float32(self.gain)
            fault = "" if self._steady == self.gain else "unsteady"
            return PlayedPeriod(x, x, "continuous", 0, self.gain, fault)
        return PlayedPeriod(silence, silence, "silence")
