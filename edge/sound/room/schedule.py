"""When the empty room may be learned, and how much a period counts."""

# After a silence, as between pings, late reverberation is missing for so many periods: nothing is
# learned from them.
_SILENCE_S = 1.0
_SETTLING_PERIODS = 3
_SETTLING_S = 0.35
_LATE_EVERY_S = 0.4
# After a silence (pings are rare while nobody is seen) one period must not replace what many had
# averaged.
_LONGEST_STEP_S = 1.0
_LONGEST_BURST_S = 5.0  # of bursts


class LearningSchedule:
    """Keeps the time from period to period, on any steady clock [ns]."""

    def __init__(self, period_s: float | None) -> None:
        """period_s: of the excitation [s], None where it is not known."""
        period_s = period_s or 0.0
        self._silence_s = max(_SILENCE_S, 2.0 * _SETTLING_PERIODS * period_s)
        settling_s = max(min(_SETTLING_PERIODS * period_s, _SETTLING_S), period_s)
        self._settling_ns = round(1e9 * settling_s)
        self.now_ns: int | None = None
        self._after_silence, self._longest_s = False, _LONGEST_STEP_S
        self._settled_ns = self._learned_ns = self._late_due_ns = 0

    def advance(self, t_ns: int, burst: bool = False) -> float:
        """A period, or a burst, came at t_ns; seconds since the one before, 0 for the first."""
        before, self.now_ns = self.now_ns, t_ns
        elapsed_s = 0.0 if before is None else max(0.0, (t_ns - before) / 1e9)
        if before is not None and t_ns < before:  # another clock
            self._settled_ns = self._learned_ns = self._late_due_ns = t_ns
        # A camera may be so slow that every period comes after a pause: then it is no silence.
        self._after_silence = elapsed_s > self._silence_s and not self._after_silence
        if self._after_silence:
            self._settled_ns = t_ns + self._settling_ns
        self._longest_s = _LONGEST_STEP_S
        if burst:  # always comes after silence, and is analysed so
            self._settled_ns, self._longest_s = t_ns, _LONGEST_BURST_S
        return elapsed_s

    def forget(self) -> None:
        """The next period is the first."""
        self.now_ns = None

    @property
    def settled(self) -> bool:
        """The loudspeaker has sounded long enough for the room to be in its steady state."""
        return self._now >= self._settled_ns

    def learn(self) -> float:
        """The room is learned from this period; seconds that it stands for."""
        step_s = min(max(0.0, (self._now - self._learned_ns) / 1e9), self._longest_s)
        self._learned_ns = self._now
        return step_s

    def late_due(self, at_once: bool) -> bool:
        """Whether late reverberation is to be learned from this period, too."""
        if not at_once and self._now < self._late_due_ns:
            return False
        self._late_due_ns = self._now + round(_LATE_EVERY_S * 1e9)
        return True

    @property
    def _now(self) -> int:
        return self.now_ns or 0
