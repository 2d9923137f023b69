"""Keeps an eye on the microphones, and says which pairs a pose may be made from."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from edge.core.arrays import ComplexArray, FloatArray, IntArray
from edge.core.contracts import Problem
from edge.core.rig import Rig
from edge.sound.health.fault_words import in_words
from edge.sound.health.microphone_health import LOOPBACK, MicrophoneFault, MicrophoneHealth

log = logging.getLogger(__name__)

# Often enough to name a fault within seconds; a judgement takes as long as a deconvolution.
EVERY_S = 0.5
# Faults of periods whose samples all the same are what the microphones gave.
NOT_HEARD = ("no reference", "unsteady")


@dataclass(frozen=True, eq=False)
class UsablePairs:
    """rows: of the rig's pairs (P,), those whose microphone works. rig: with these pairs only, None
    where none is left. why: what is left out and why, "" where nothing is.
    """

    rows: IntArray
    rig: Rig | None
    why: str = ""


class SoundHealth:
    """Fed with every period by one thread; `usable` and `problems` are replaced whole, so that any
    thread may read them.
    """

    def __init__(
        self,
        rig: Rig,
        period_s: float,
        response_rate_hz: float,
        channels: Sequence[int] = (),
        reference: int | None = None,
        every_s: float = EVERY_S,
    ) -> None:
        """channels, reference: raw channels, for the words of a problem. every_s: time between two
        judgements.
        """
        self._rig, self._channels, self._reference = rig, tuple(channels), reference
        self._judge = MicrophoneHealth(rig, period_s, response_rate_hz)
        self._every = max(1, round(every_s / period_s))
        self._heard = 0
        self.usable = UsablePairs(np.arange(len(rig.pairs)), rig)
        self.problems: tuple[Problem, ...] = ()

    def forget(self) -> None:
        """Start anew, as after the devices were opened again."""
        self._judge.forget()
        self._heard = 0
        self.usable, self.problems = UsablePairs(np.arange(len(self._rig.pairs)), self._rig), ()

    def __call__(
        self, samples: FloatArray, responses: ComplexArray | None, reference: FloatArray | None
    ) -> None:
        """Judge a period now and then; see `MicrophoneHealth`."""
        self._heard += 1
        if self._heard % self._every:
            return
        before = {(f.microphone, f.kind, f.other) for f in self._judge.faults}
        faults = self._judge(samples, responses, reference)
        if {(f.microphone, f.kind, f.other) for f in faults} != before:
            self._take(faults)

    def _take(self, faults: tuple[MicrophoneFault, ...]) -> None:
        before = {(r.part, r.kind): r for r in self.problems}
        self.problems = tuple(in_words(f, self._channels, self._reference) for f in faults)
        now = {(r.part, r.kind): r for r in self.problems}
        for key, report in now.items():
            if key not in before:
                log.warning("sound: %s", report)
        for key in before.keys() - now.keys():
            log.info("sound: %s is no longer %s", *key)
        bad = {f.microphone for f in faults if f.spoils}
        pairs = self._rig.pairs
        rows = np.flatnonzero(~np.isin(pairs[:, 1], list(bad)))
        if LOOPBACK in bad:
            rows = rows[:0]
        rig = None
        if len(rows) == len(pairs):
            rig = self._rig
        elif len(rows):
            rig = replace(self._rig, pairs=pairs[rows])
        why = "; ".join(r.what for f, r in zip(faults, self.problems, strict=True) if f.spoils)
        self.usable = UsablePairs(rows, rig, why)
