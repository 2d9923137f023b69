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

from edge.core.arrays import Complex128Array, ComplexArray
from edge.sound.room.drift import LateChange, Warp, fit, fit_from_afar, identity, inverse, warped
from edge.sound.room.late_model import LateModel, NormalEquations, ResponseSums, no_equations

_ROUNDS, _FIT_STEPS = 3, 2
_INTERVAL_NS = 3_600_000_000_000
_MEMORY_NS = 24 * _INTERVAL_NS  # older responses weigh less, by e in this time
_FARTHEST = 3e-3  # stretch within an interval; half a degree is 0.9e-3
# Up to this turn [rad], root mean square over the late parts, their change is taken to be linear in
# the stretch.
_LINEAR_RAD = 0.3
# Misfit over response, both weighted with time against spreading. Above the first it is another
# room, from which nothing is learned; where it leaps by the second, and above the third, which is
# more than noise and drift leave, so many times in a row, something was moved.
_SAME_ROOM = 0.5
_LEAP = 2.0
_LEAST_LEAP = 0.15
_LEAPS = 3
_GAINS = (0.3, 3.0)  # since the interval began: beyond, a microphone is off
_STATE = ("tail_gram", "tail_heard")  # names in saved files


class _Interval:
    """Responses that share an early part. first: (P, T), the one that all others are relative to.
    warp, misfit: of the latest. leaps: of the misfit, in a row.
    """

    def __init__(self, first: ComplexArray, began_ns: int | None) -> None:
        """began_ns: None = with the next response."""
        self.first, self.began_ns = first, began_ns
        self.warp, self.misfit, self.leaps = identity(len(first)), 1.0, 0
        self.sums = ResponseSums(*first.shape)


@dataclass(eq=False)
class _Anchor:
    """The room that the caller knows, seen from the interval. warp: its drift since the interval
    began; late: (P, T, K) of that room, None where it is unknown or this is another room.
    """

    warp: Warp
    same_room: bool
    late: Complex128Array | None
    change: LateChange | None = None


class LateReverberation:
    """What arrives one and two periods late, for each pair (P) and frequency (T) of a room's
    responses.
    """

    def __init__(self, pairs: int, samples: int, period_samples: float) -> None:
        """period_samples: after how many samples the response repeats (the period's share of one
        loudspeaker).
        """
        self._shape = (pairs, samples)
        self._model = LateModel(samples, period_samples)
        self.forget()

    def forget(self) -> None:
        """Start from nothing."""
        self._before = no_equations(*self._shape)  # of intervals before this one
        self._interval: _Interval | None = None
        self._late: Complex128Array | None = None  # (P, T, K), at the interval's first response
        self._rms_phase = 0.0  # of _late, rad per unit of stretch
        self._room: ComplexArray | None = None
        self._anchor: _Anchor | None = None  # of _room, once it is needed

    def observe(self, response: ComplexArray, room: ComplexArray, t_ns: int) -> None:
        """Learn from one response (P, T) of the empty room; room: its average, to which the next
        calls of `change` refer.

        t_ns: time on any steady clock.
        """
        if self._interval is None:
            self._interval = _Interval(room.copy(), t_ns)
        if self._interval.began_ns is None:
            self._interval.began_ns = t_ns
        self._room, self._anchor = room, None
        warp, misfit = self._drift(self._interval, response)
        over = abs(warp.stretch) > _FARTHEST or t_ns - self._interval.began_ns > _INTERVAL_NS
        if misfit > _SAME_ROOM and not over:
            return
        leapt = misfit > max(_LEAST_LEAP, _LEAP * self._interval.misfit)
        self._interval.leaps = self._interval.leaps + 1 if leapt else 0
        if leapt and self._interval.leaps < _LEAPS:
            return
        if leapt or over:
            # The average still is of the room as it was before something moved.
            first = response if leapt and misfit < _SAME_ROOM else room
            self._interval = self._next_interval(self._interval, first, t_ns)
            warp, misfit = self._drift(self._interval, response)
            if misfit > _SAME_ROOM:
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
        if anchor.late is not None and self._far(anchor.change, stretch):
            anchor.change = self._model.change(anchor.late, stretch)
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
        self._interval, self._room = _Interval(room.copy(), None), room
        with np.errstate(all="ignore"):
            self._solve()
            solved = self._late is not None and bool(
                np.isfinite(self._late.astype(np.complex64)).all()
            )
        if not solved:
            self.forget()
            raise ValueError(f"{_STATE[0]} and {_STATE[1]} have no solution")

    def _next_interval(self, ended: _Interval, first: ComplexArray, t_ns: int) -> _Interval:
        """Keep what the interval taught, relative to the next one's first response."""
        anchor = self._anchored()
        if anchor.same_room:
            age_ns = max(0, t_ns - (ended.began_ns or t_ns))
            kept = self._equations().drifted(self._model, anchor.warp)
            self._before = kept.weighted(np.exp(-age_ns / _MEMORY_NS))
        else:
            self.forget()
        self._interval, self._room, self._anchor = _Interval(first.copy(), t_ns), first, None
        self._solve()
        return self._interval

    def _equations(self) -> NormalEquations:
        """Of all intervals."""
        now = None if self._interval is None else self._interval.sums.equations()
        return self._before if now is None else self._before.plus(now)

    def _solve(self) -> None:
        late = self._equations().solution()
        if late is not None:
            self._late, self._rms_phase = late, self._model.rms_phase(late)

    def _anchored(self) -> _Anchor:
        if self._anchor is None:
            assert self._interval is not None
            assert self._room is not None
            warp, misfit = self._drift(self._interval, self._room)
            same, late = misfit < _SAME_ROOM, None
            if self._late is not None and same:
                late = self._model.drifted(self._late, warp)
            self._anchor = _Anchor(warp, same, late)
        return self._anchor

    def _drift(self, interval: _Interval, response: ComplexArray) -> tuple[Warp, float]:
        """The drift from the interval's first response to this one, and its misfit, 0..1."""
        warp, misfit = self._fit(interval, response, interval.warp)
        if misfit > _SAME_ROOM / 2.0:  # the air may be degrees warmer since the last response
            whole = np.full(len(response), response.shape[1], np.int64)
            direct = float(np.abs(interval.first).argmax(axis=1).max())
            start = fit_from_afar(response, interval.first, whole, direct, _FIT_STEPS)
            other, smaller = self._fit(interval, response, start)
            if smaller < misfit:
                warp, misfit = other, smaller
        return (warp, misfit) if misfit < 1.0 else (identity(len(response)), 1.0)

    def _fit(self, interval: _Interval, response: ComplexArray, start: Warp) -> tuple[Warp, float]:
        """The drift found from `start`, and its misfit."""
        whole = np.full(len(response), response.shape[1], np.int64)
        warp, change = start, None
        for _ in range(_ROUNDS):
            change = None if self._late is None else self._model.change(self._late, warp.stretch)
            warp = fit(response, interval.first, whole, warp, _FIT_STEPS, change)
            if change is None or not self._far(change, warp.stretch):
                break
        within = np.all((warp.gain > _GAINS[0]) & (warp.gain < _GAINS[1]))
        if not (np.isfinite(warp.stretch) and within):
            return warp, 1.0
        first = interval.first if change is None else interval.first + change.at(warp.stretch)
        expected = warped(first, warp)
        known = np.isfinite(expected)
        if known.mean() <= 0.9:
            return warp, 1.0
        time = np.arange(response.shape[1])
        left = np.linalg.norm(np.where(known, response - expected, np.complex64(0.0)) * time)
        return warp, float(left) / max(float(np.linalg.norm(response * time)), 1e-30)

    def _far(self, change: LateChange | None, stretch: float) -> bool:
        return change is None or abs(stretch - change.stretch) * self._rms_phase > _LINEAR_RAD
