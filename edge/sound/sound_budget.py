"""How much sound was made in the last minute, and how much is left of what the owner allows.

`SoundBudget` is the arithmetic; `SoundUse` fills it from what a source played.
"""

import math
import threading
from collections import deque
from dataclasses import dataclass

import numpy as np

from edge.core.contracts import LEAST_GAIN, AudioPeriod
from edge.sound.ambient import AmbientNoise
from edge.sound.burst import make_burst
from edge.sound.excitation import Excitation
from edge.sound.loudness import Loudness

WINDOW_S = 60.0


@dataclass(frozen=True, slots=True)
class SoundSpent:
    """Of the last minute. average_dba: energy average over the whole minute, dB(A) at 1 m, None
    without any sound. peak_dba: of the loudest sound, while it lasted. seconds: with sound.
    """

    average_dba: float | None
    peak_dba: float | None
    seconds: float


class SoundBudget:
    """Energy average over any minute and highest level, dB(A) at 1 m. Thread-safe.

    Times are seconds of one clock that only goes forward. Energy is that of 0 dB(A) for a second.
    """

    def __init__(self, budget_dba: float, peak_dba: float) -> None:
        """budget_dba: average over a minute, 0: no sound at all, inf: no limit. peak_dba: of each
        sound while it lasts.
        """
        self._sounds: deque[tuple[float, float, float]] = deque()  # dB(A), seconds, time
        self._lock = threading.Lock()
        self.limit(budget_dba, peak_dba)

    def limit(self, budget_dba: float, peak_dba: float) -> None:
        """From now on these are the limits; what was spent stays spent."""
        self.budget_dba, self.peak_dba = budget_dba, peak_dba

    def spend(self, dba: float, seconds: float, t_s: float) -> None:
        """A sound of dB(A) at 1 m, `seconds` long, was made at `t_s`."""
        with self._lock:
            self._sounds.append((dba, seconds, t_s))

    def spent(self, t_s: float) -> SoundSpent:
        """Of the minute before `t_s`."""
        sounds = self._recent(t_s)
        if not sounds:
            return SoundSpent(None, None, 0.0)
        average = 10.0 * math.log10(sum(_energy(*s[:2]) for s in sounds) / WINDOW_S)
        return SoundSpent(average, max(s[0] for s in sounds), sum(s[1] for s in sounds))

    def average_dba(self, t_s: float) -> float:
        """Energy average over the minute before `t_s`; -inf without any sound."""
        average = self.spent(t_s).average_dba
        return -math.inf if average is None else average

    def left(self, t_s: float) -> float:
        """Share 0..1 of a minute's energy that may still be spent at `t_s`."""
        if self.budget_dba <= 0.0:
            return 0.0
        if math.isinf(self.budget_dba):
            return 1.0
        spent = sum(_energy(*s[:2]) for s in self._recent(t_s))
        return max(0.0, 1.0 - spent / _energy(self.budget_dba, WINDOW_S))

    def loudest_gain(self, dba: float, seconds: float, t_s: float) -> float:
        """The highest gain 0..1 at which a sound keeps both limits at `t_s`, 0 where none does.

        dba: of the sound at gain 1. seconds: how long it lasts.
        """
        left = self.left(t_s)
        if left == 0.0:
            return 0.0
        within_peak = 10.0 ** ((self.peak_dba - dba) / 20.0)
        energy = left * _energy(self.budget_dba, WINDOW_S)
        gain = min(1.0, within_peak, math.sqrt(energy / _energy(dba, seconds)))
        return gain if gain >= LEAST_GAIN else 0.0

    def _recent(self, t_s: float) -> list[tuple[float, float, float]]:
        with self._lock:
            while self._sounds and self._sounds[0][2] <= t_s - WINDOW_S:
                self._sounds.popleft()
            return list(self._sounds)


def _energy(dba: float, seconds: float) -> float:
    return 10.0 ** (dba / 10.0) * seconds if math.isfinite(dba) else (math.inf if dba > 0 else 0.0)


# Peak of a loopback [full scale] above which another program plays.
_PLAYING = 1e-3
# Silent periods that follow each other start and end within this.
_JOINED_NS = 20_000_000


class SoundUse:
    """Counts what a source really played, and hears the room while nothing sounds. Other threads
    may read it.

    budget: what was spent of what is allowed. ambient: the room by itself. loudness: what the
    loudspeaker makes of a digital level; set it for a simulated one.
    """

    def __init__(
        self,
        limits_dba: tuple[float, float] | None,
        loudness: Loudness,
        excitation: Excitation,
        ambient: AmbientNoise,
    ) -> None:
        """limits_dba: see `limit`. excitation: the continuous form at its full level."""
        self.loudness, self.ambient = loudness, ambient
        self.budget = SoundBudget(math.inf, math.inf)
        self._excitation = excitation
        self._quiet_ns: int | None = None  # end of the last silent period
        self.limit(limits_dba)

    def limit(self, limits_dba: tuple[float, float] | None) -> None:
        """From now on (budget, peak) are allowed, dB(A) at 1 m, (0, 0): no sound at all; None:
        continuous sound without a budget.
        """
        self.limits_dba = limits_dba
        self.budget.limit(*(limits_dba or (math.inf, math.inf)))

    def dba(self, burst: int, gain: float) -> float:
        """dB(A) at 1 m of a burst of so many periods, 0: the continuous form, while it sounds."""
        signal = make_burst(self._excitation, burst) if burst else self._excitation
        return self.loudness.dba(signal, gain)

    def seconds(self, burst: int) -> float:
        """How long a burst of so many periods sounds; of the continuous form, one period."""
        x = self._excitation
        return max(burst, 1) * x.period_samples / x.sample_rate_hz

    def loudest_gain(self, burst: int, t_s: float) -> float:
        """The highest gain at which a burst keeps the budget at `t_s`; 0 where none does."""
        return self.budget.loudest_gain(self.dba(burst, 1.0), self.seconds(burst), t_s)

    def hear(self, period: AudioPeriod) -> None:
        """Take one period or burst into account; its time is that of the budget."""
        if period.sounding != "silence":
            self._quiet_ns = None
            if period.sounding == "burst" and period.burst == 0:
                return  # the burst itself is counted
            dba, seconds = self.dba(period.burst, period.gain), self.seconds(period.burst)
            self.budget.spend(dba, seconds, period.t_ns * 1e-9)
            return
        x = self._excitation
        end_ns = period.t_ns + round(1e9 * x.period_samples / x.sample_rate_hz)
        played = period.reference is not None and np.abs(period.reference).max() > _PLAYING
        # What sounded decays through the first silent period.
        joined = self._quiet_ns is not None and abs(period.t_ns - self._quiet_ns) < _JOINED_NS
        self._quiet_ns = None if played else end_ns
        if joined and not played and period.samples.any():
            self.ambient(period.samples)
