"""Reverberation that outlasts the period, told from what is early by how it drifts.

In the steady state of a periodic signal, what arrives k periods late is heard together with what is
early (time aliasing). Warmer air stretches the response by a: the early part moves by a t, that
part by a (t + k N), which no stretch of the sum gives. One response cannot tell the two apart.
Several of the empty room, heard at other temperatures, can: once each is stretched back, every
frequency is a sum of few unknowns turned by known phases, which least squares finds.

Furniture is moved, so all responses of an hour share an early part of their own and only what they
differ in within that hour counts. Figures: export/studies/results/background.md.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.fft

from edge.core.arrays import ComplexArray
from edge.sound.room.drift import Late, Warp, fit, fit_from_afar, identity, inverse, warped

Spectra = npt.NDArray[np.complex128]

# Periods after which reverberation is told apart: what is later still is too faint to matter.
_LATE = 2
# Of least squares, in squared turns: as much as one response tells that has turned by 0.87 rad.
_DAMPING = 0.75
# Turns [rad] that come from errors of the stretch, in still air. However many responses agree on
# less than that, they tell nothing: else late parts are found in noise, the stretch is fitted to
# these, and both grow for ever.
_LEAST_TURN_RAD = 0.1
_ROUNDS, _FIT_STEPS = 3, 2
# What is older counts less, by e in so many hours with responses; an hour's share an early part.
_MEMORY_NS, _HOUR_NS = 24 * 3_600_000_000_000, 3_600_000_000_000
_FARTHEST = 3e-3  # stretch within an hour; half a degree is 0.9e-3
# Up to this turn [rad], root mean square over what is late, the late parts' change is taken to be
# in proportion to the stretch.
_STRAIGHT_RAD = 0.3
# Of the misfit over the response, both weighted by time against spreading: above the first it is
# another room, from which nothing is learned; where it leaps by the second, and is more than noise
# and drift leave, so often running, something was moved.
_LIKE, _LEAP, _LEAST_LEAP, _LEAPS = 0.5, 2.0, 0.15, 3
_GAINS = (0.3, 3.0)  # since the hour began: beyond, a microphone is off
_STATE = ("tail_gram", "tail_heard")


class _Hour:
    """Sums over responses that share an early part. first: (P, T), in whose coordinates all are.
    warp, misfit: the last one's.
    """

    def __init__(self, first: ComplexArray, began_ns: int | None) -> None:
        """began_ns: None = with the first response."""
        pairs, samples = first.shape
        self.began_ns = began_ns
        self.first, self.warp, self.count = first, identity(pairs), 0
        self.misfit, self.leaps = 1.0, 0
        self._turns: Spectra = np.zeros((samples, _LATE), complex)
        self._spectra: Spectra = np.zeros((pairs, samples), complex)
        self._gram: Spectra = np.zeros((samples, _LATE, _LATE), complex)
        self._heard: Spectra = np.zeros((pairs, samples, _LATE), complex)

    def add(self, turn: Spectra, spectrum: Spectra) -> None:
        """One response: turns (T, K) of its late parts, its spectrum (P, T) once stretched back."""
        self.count += 1
        self._turns += turn
        self._spectra += spectrum
        self._gram += turn.conj()[:, :, None] * turn[:, None, :]
        self._heard += turn.conj() * spectrum[..., None]

    def equations(self) -> tuple[Spectra, Spectra]:
        """Normal equations (T, K, K), (P, T, K) of the late parts, the early one eliminated, errors
        of turns allowed for.
        """
        mean = self._turns / max(self.count, 1)
        gram = self._gram - mean.conj()[:, :, None] * self._turns[:, None, :]
        gram += self.count * _LEAST_TURN_RAD**2 * np.eye(_LATE)
        return gram, self._heard - mean.conj() * self._spectra[..., None]


class AliasedTail:
    """What arrives one and two periods late, for each pair (P) and frequency (T) of a room's
    responses.
    """

    def __init__(self, pairs: int, samples: int, period_samples: float) -> None:
        """period_samples: after how many samples the response repeats (the period's share of one
        loudspeaker).
        """
        self._shape = (pairs, samples)
        k = np.arange(1, _LATE + 1)
        self._phases = (
            2.0 * np.pi * period_samples / samples * np.arange(samples)[:, None] * k
        )  # (T, K) per unit of stretch
        self.forget()

    def forget(self) -> None:
        """Start from nothing."""
        pairs, samples = self._shape
        self._gram: Spectra = np.zeros((samples, _LATE, _LATE), complex)
        self._heard: Spectra = np.zeros((pairs, samples, _LATE), complex)
        self._hour: _Hour | None = None
        self._late: Spectra | None = None  # (P, T, K) in the hour's coordinates
        self._usual_rad = 0.0  # their root mean square phase per unit of stretch
        self._room: ComplexArray | None = None
        self._room_warp: Warp | None = None  # None: not known yet for this room
        self._fits = True
        self._anchored: Spectra | None = None  # as _late, in the room's coordinates
        self._change: Late | None = None

    def observe(self, response: ComplexArray, room: ComplexArray, t_ns: int) -> None:
        """Learn from one response (P, T) of the empty room; room: its average, which the next calls
        of `change` are about.

        t_ns: time on any steady clock.
        """
        if self._hour is None:
            self._hour = _Hour(room.copy(), t_ns)
        if self._hour.began_ns is None:
            self._hour.began_ns = t_ns
        self._room, self._room_warp = room, None
        warp, misfit = self._found(self._hour, response)
        over = abs(warp.stretch) > _FARTHEST or t_ns - self._hour.began_ns > _HOUR_NS
        if misfit > _LIKE and not over:
            return
        leapt = misfit > max(_LEAST_LEAP, _LEAP * self._hour.misfit)
        self._hour.leaps = self._hour.leaps + 1 if leapt else 0
        if leapt and self._hour.leaps < _LEAPS:
            return
        if leapt or over:
            # The average still is of the room as it was before something moved.
            self._hour = self._next_hour(
                self._hour, response if leapt and misfit < _LIKE else room, t_ns
            )
            warp, misfit = self._found(self._hour, response)
            if misfit > _LIKE:
                return
        self._hour.misfit, self._hour.warp = misfit, warp
        spectrum = scipy.fft.fft(np.nan_to_num(warped(response, inverse(warp))), axis=1)
        self._hour.add(self._turn(warp.stretch), spectrum)
        self._solve()

    def change(self, stretch: float) -> Late | None:
        """What `room` gains (P, T), in its own coordinates, once the air has stretched it by about
        so much; None = nothing known.

        Computed anew only where the stretch has changed enough to matter.
        """
        if self._late is None:
            return None
        if self._room_warp is None:
            self._anchor()
        if self._anchored is not None and self._far(self._change, stretch):
            self._change = self._changed(self._anchored, stretch)
        return self._change

    def state(self) -> dict[str, Any]:
        """What to keep over a restart, in the coordinates of `room`; empty when nothing is known."""
        if self._hour is None or self._late is None or (warp := self._anchor()) is None:
            return {}
        gram, heard = self._carried(*self._totals(), warp)
        return dict(zip(_STATE, (gram, heard.astype(np.complex64)), strict=True))

    def restore(self, state: dict[str, Any], room: ComplexArray) -> None:
        """Take what `state` gave, if anything; room: the one saved with it. Raises ValueError where
        it does not fit.
        """
        self.forget()
        if not any(name in state for name in _STATE):
            return
        if not all(name in state for name in _STATE):
            raise ValueError(f"of {', '.join(_STATE)} some are missing")
        gram, heard = (np.asarray(state[name]) for name in _STATE)
        for name, found, needed in ((_STATE[0], gram, self._gram), (_STATE[1], heard, self._heard)):
            if (
                found.shape != needed.shape
                or found.dtype.kind != "c"
                or not np.isfinite(found).all()
            ):
                raise ValueError(
                    f"{name} is {found.dtype} {found.shape}, finite complex {needed.shape} is needed"
                )
        self._gram, self._heard = gram.astype(complex), heard.astype(complex)
        self._hour, self._room = _Hour(room.copy(), None), room
        with np.errstate(all="ignore"):
            self._solve()
            solved = self._late is not None and bool(
                np.isfinite(self._late.astype(np.complex64)).all()
            )
        if not solved:
            self.forget()
            raise ValueError(f"{_STATE[0]} and {_STATE[1]} have no solution")

    def _next_hour(self, hour: _Hour, first: ComplexArray, t_ns: int) -> _Hour:
        """Keep what the hour told; the next begins with this response, in whose coordinates all is
        from then on.
        """
        warp = self._anchor()
        if warp is None:
            self.forget()
        else:
            keep = np.exp(-max(0, t_ns - (hour.began_ns or t_ns)) / _MEMORY_NS)
            self._gram, self._heard = (keep * part for part in self._carried(*self._totals(), warp))
        self._hour, self._room, self._room_warp = _Hour(first.copy(), t_ns), first, None
        self._solve()
        return self._hour

    def _totals(self) -> tuple[Spectra, Spectra]:
        """Normal equations of all hours."""
        if self._hour is None or self._hour.count == 0:
            return self._gram, self._heard
        gram, heard = self._hour.equations()
        return self._gram + gram, self._heard + heard

    def _solve(self) -> None:
        gram, heard = self._totals()
        if gram.any():
            damped = gram + _DAMPING * np.eye(_LATE)
            self._late = np.asarray(
                np.moveaxis(np.linalg.solve(damped, np.moveaxis(heard, 0, -1)), -1, 0)
            )
            power = (self._late.real**2 + self._late.imag**2).sum(axis=0)
            self._usual_rad = float(
                np.sqrt((power * self._phases**2).sum() / max(float(power.sum()), 1e-30))
            )

    def _anchor(self) -> Warp | None:
        """The room's drift since the hour began, found once; None where it is not the hour's room."""
        assert self._hour is not None
        assert self._room is not None
        if self._room_warp is None:
            self._room_warp, misfit = self._found(self._hour, self._room)
            self._anchored, self._change, self._fits = None, None, misfit < _LIKE
            if self._late is not None and self._fits:
                self._anchored = self._under(
                    self._turn(self._room_warp.stretch) * self._late, self._room_warp
                )
        return self._room_warp if self._fits else None

    def _turn(self, stretch: float) -> Spectra:
        return np.asarray(np.exp(1j * self._phases * stretch))

    def _carried(self, gram: Spectra, heard: Spectra, warp: Warp) -> tuple[Spectra, Spectra]:
        """The same equations for the late parts as they are under this drift."""
        turn = self._turn(warp.stretch)
        return turn[:, :, None] * gram * turn.conj()[:, None, :], self._under(turn * heard, warp)

    def _under(self, spectra: Spectra, warp: Warp) -> Spectra:
        """Spectra (P, T, K) of what is under this drift."""
        rows = scipy.fft.ifft(spectra, axis=1).astype(np.complex64)
        parts = [
            np.nan_to_num(warped(np.ascontiguousarray(rows[..., k]), warp)) for k in range(_LATE)
        ]
        return np.asarray(scipy.fft.fft(np.stack(parts, axis=-1), axis=1), complex)

    def _found(self, hour: _Hour, response: ComplexArray) -> tuple[Warp, float]:
        """The drift from the hour's first response to this one, and how badly it fits, 0..1."""
        warp, misfit = self._fit(hour, response, hour.warp)
        if misfit > _LIKE / 2.0:  # the air may be degrees warmer since the last response
            whole = np.full(len(response), response.shape[1], np.int64)
            direct = float(np.abs(hour.first).argmax(axis=1).max())
            other, less = self._fit(
                hour, response, fit_from_afar(response, hour.first, whole, direct, _FIT_STEPS)
            )
            warp, misfit = (other, less) if less < misfit else (warp, misfit)
        return (warp, misfit) if misfit < 1.0 else (identity(len(response)), 1.0)

    def _fit(self, hour: _Hour, response: ComplexArray, start: Warp) -> tuple[Warp, float]:
        whole = np.full(len(response), response.shape[1], np.int64)
        warp, change = start, None
        for _ in range(_ROUNDS):
            change = None if self._late is None else self._changed(self._late, warp.stretch)
            warp = fit(response, hour.first, whole, warp, _FIT_STEPS, change)
            if change is None or not self._far(change, warp.stretch):
                break
        if not (
            np.isfinite(warp.stretch) and np.all((warp.gain > _GAINS[0]) & (warp.gain < _GAINS[1]))
        ):
            return warp, 1.0
        expected = warped(
            hour.first if change is None else hour.first + change.under(warp.stretch), warp
        )
        heard = np.isfinite(expected)
        late = np.arange(response.shape[1])
        left = np.linalg.norm(np.where(heard, response - expected, np.complex64(0.0)) * late)
        return warp, float(left) / max(
            float(np.linalg.norm(response * late)), 1e-30
        ) if heard.mean() > 0.9 else 1.0

    def _far(self, change: Late | None, stretch: float) -> bool:
        return change is None or abs(stretch - change.at) * self._usual_rad > _STRAIGHT_RAD

    def _changed(self, late: Spectra, stretch: float) -> Late:
        """By how much the late parts change when they are stretched by this: each frequency turns."""
        spectra = np.zeros((2, *self._shape), np.complex64)
        half = self._shape[1] // 2  # of an analytic signal: the rest is empty
        turn = self._turn(stretch)[:half].astype(np.complex64)
        known, phases = (
            late[:, :half].astype(np.complex64),
            1j * self._phases[:half].astype(np.float32),
        )
        for out, factor in zip(spectra, (turn - np.float32(1.0), phases * turn), strict=True):
            out[:, :half] = known[..., 0] * factor[:, 0]
            for k in range(1, _LATE):
                out[:, :half] += known[..., k] * factor[:, k]
        gain, slope = scipy.fft.ifft(spectra, axis=2)
        return Late(gain, slope, stretch)
