"""Reverberation that outlasts the period, separated from the early part by how it drifts.

In the steady state of a periodic signal, what arrives k periods late is heard together with what is
early (time aliasing). Warmer air stretches the response by a: the early part moves by a t, the late
part by a (t + k N), which no stretch of the sum can follow. One response cannot separate the two.
Several of the empty room at different temperatures can: once the early part's drift is undone,
every frequency is a sum of few unknowns with known phase factors, which least squares finds.

Furniture is moved, so the responses of an interval (an hour at most) share an early part of their
own, and only their differences within it count. Figures: export/studies/results/background.md.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from edge.core.arrays import ComplexArray
from edge.sound.room.drift.interval import SAME_ROOM, Interval
from edge.sound.room.drift.late_model import LateModel, LateParts, NormalEquations, no_equations
from edge.sound.room.drift.warp import LateChange, Warp, inverse, warped

_INTERVAL_NS = 3_600_000_000_000
_MEMORY_NS = 24 * _INTERVAL_NS  # older responses weigh less, by e in this time
_FARTHEST = 3e-3  # stretch within an interval; half a degree is 0.9e-3
# Something was moved where the misfit rises by this factor, and above this value, which is more
# than noise and drift leave, so many times in a row.
_LEAP = 2.0
_LEAST_LEAP = 0.15
_LEAPS = 3
_STATE = ("tail_gram", "tail_heard")  # names in saved files


@dataclass(eq=False)
class _Anchor:
    """The room that the caller knows, seen from the interval. warp: its drift since the interval
    began; late: of that room, None where unknown or where this is another room.
    """

    warp: Warp
    same_room: bool
    late: LateParts | None
    change: LateChange | None = None


class LateReverberation:
    """What arrives one and two periods late, for each pair (P) and frequency (T)."""

    def __init__(self, pairs: int, samples: int, period_samples: float) -> None:
        """period_samples: after how many samples a response repeats."""
        self._shape = (pairs, samples)
        self._model = LateModel(samples, period_samples)
        self.forget()

    def forget(self) -> None:
        """Start from nothing."""
        self._before = no_equations(*self._shape)  # of intervals before this one
        self._interval: Interval | None = None
        self._late: LateParts | None = None  # of the interval's first response
        self._room: ComplexArray | None = None
        self._anchor: _Anchor | None = None  # of _room, once it is needed

    def observe(self, response: ComplexArray, room: ComplexArray, t_ns: int) -> None:
        """Learn from one response (P, T) of the empty room; room: its average, to which the next
        calls of `change` refer.

        t_ns: time on any steady clock.
        """
        if self._interval is None:
            self._interval = Interval(room.copy(), t_ns)
        if self._interval.began_ns is None:
            self._interval.began_ns = t_ns
        self._room, self._anchor = room, None
        warp, misfit = self._interval.drift(response, self._late)
        over = abs(warp.stretch) > _FARTHEST or t_ns - self._interval.began_ns > _INTERVAL_NS
        if misfit > SAME_ROOM and not over:
            return
        leapt = misfit > max(_LEAST_LEAP, _LEAP * self._interval.misfit)
        self._interval.leaps = self._interval.leaps + 1 if leapt else 0
        if leapt and self._interval.leaps < _LEAPS:
            return
        if leapt or over:
            # The average still is of the room as it was before something moved.
            first = response if leapt and misfit < SAME_ROOM else room
            self._interval = self._next_interval(self._interval, first, t_ns)
            warp, misfit = self._interval.drift(response, self._late)
            if misfit > SAME_ROOM:
                return
        self._interval.misfit, self._interval.warp = misfit, warp
        undrifted = np.nan_to_num(warped(response, inverse(warp)))
        self._interval.sums.add(undrifted, self._model.turn(warp.stretch))
        self._solve()

    def change(self, stretch: float) -> LateChange | None:
        """By how much the late parts change `room` (P, T) once the air has stretched it by about
        this much; None = nothing known. Kept until the stretch has changed enough to matter.
        """
        if self._late is None:
            return None
        anchor = self._anchored()
        late, change = anchor.late, anchor.change
        if late is not None and (change is None or not late.holds(change, stretch)):
            anchor.change = late.change(stretch)
        return anchor.change

    def state(self) -> dict[str, Any]:
        """What to keep over a restart, relative to `room`; empty when nothing is known."""
        if self._interval is None or self._late is None or not self._anchored().same_room:
            return {}
        kept = self._equations().drifted(self._model, self._anchored().warp)
        return dict(zip(_STATE, (kept.gram, kept.right.astype(np.complex64)), strict=True))

    def restore(self, state: dict[str, Any], room: ComplexArray) -> None:
        """Take what `state` gave, if anything; room: the one saved with it. Raises ValueError where
        it does not fit.
        """
        self.forget()
        if not any(name in state for name in _STATE):
            return
        if not all(name in state for name in _STATE):
            raise ValueError(f"of {', '.join(_STATE)} some are missing")
        found = [np.asarray(state[name]) for name in _STATE]
        for name, a, needed in zip(
            _STATE, found, (self._before.gram, self._before.right), strict=True
        ):
            if a.shape != needed.shape or a.dtype.kind != "c" or not np.isfinite(a).all():
                raise ValueError(
                    f"{name} is {a.dtype} {a.shape}, finite complex {needed.shape} is needed"
                )
        self._before = NormalEquations(found[0].astype(complex), found[1].astype(complex))
        self._interval, self._room = Interval(room.copy(), None), room
        with np.errstate(all="ignore"):
            self._solve()
            solved = self._late is not None and bool(
                np.isfinite(self._late.spectra.astype(np.complex64)).all()
            )
        if not solved:
            self.forget()
            raise ValueError(f"{_STATE[0]} and {_STATE[1]} have no solution")

    def _next_interval(self, ended: Interval, first: ComplexArray, t_ns: int) -> Interval:
        """Keep what the interval taught, relative to the next one's first response."""
        anchor = self._anchored()
        if anchor.same_room:
            age_ns = max(0, t_ns - (ended.began_ns or t_ns))
            kept = self._equations().drifted(self._model, anchor.warp)
            self._before = kept.weighted(np.exp(-age_ns / _MEMORY_NS))
        else:
            self.forget()
        self._interval, self._room, self._anchor = Interval(first.copy(), t_ns), first, None
        self._solve()
        return self._interval

    def _equations(self) -> NormalEquations:
        """Of all intervals."""
        now = None if self._interval is None else self._interval.sums.equations()
        return self._before if now is None else self._before.plus(now)

    def _solve(self) -> None:
        self._late = self._equations().solution(self._model) or self._late

    def _anchored(self) -> _Anchor:
        if self._anchor is None:
            assert self._interval is not None
            assert self._room is not None
            warp, misfit = self._interval.drift(self._room, self._late)
            same = misfit < SAME_ROOM
            late = self._late.drifted(warp) if self._late is not None and same else None
            self._anchor = _Anchor(warp, same, late)
        return self._anchor
