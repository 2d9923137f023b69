"""Reverberation that outlasts the period, told from what is early by how it drifts.

In the steady state of a periodic signal, what arrives k periods late is heard together with what is early (time aliasing). Warmer
air stretches the response by a: the early part moves by a t, that part by a (t + k N), which no stretch of the sum gives. One
response cannot tell the two apart. Several of the empty room, heard at other temperatures, can: once each is stretched back,
every frequency is a sum of few unknowns turned by known phases, which least squares finds.

Furniture is moved, so all responses of an hour share an early part of their own and only what they differ in within that hour
counts. Figures: export/results/background.md.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.fft

from edge.drift import Late, Warp, fit, identity, inverse, warped

Array = npt.NDArray[np.float64]
ComplexArray = npt.NDArray[np.complex64]
Spectra = npt.NDArray[np.complex128]

# Periods after which reverberation is told apart: what is later still is too faint to matter.
_LATE = 2
# Of least squares, in squared turns per response: little is believed of what has drifted by less than about 0.17 rad.
_DAMPING = 0.03
_ROUNDS, _FIT_STEPS = 3, 2
# Hours with responses that count, as an exponential average.
_HOURS, _HOUR_NS = 24.0, 3_600_000_000_000
_FARTHEST = 3e-3  # stretch within an hour; half a degree is 0.9e-3
# Up to this turn at half the sample rate [rad] the late parts' change is taken to be in proportion to the stretch.
_STRAIGHT_RAD = 0.3
# Of the misfit over the response: above the first it is another room, from which nothing is learned; where it leaps by the
# second, something was moved, if it is more than noise and drift leave.
_LIKE, _LEAP, _LEAST_LEAP = 0.5, 2.0, 0.05
_STATE = ("tail_gram", "tail_heard", "tail_weight")


class _Hour:
    """Sums over responses that share an early part. first: (P, T), in whose coordinates all are. warp, misfit: the last one's."""

    def __init__(self, first: ComplexArray, began_ns: int | None) -> None:
        """began_ns: None = with the first response."""
        pairs, samples = first.shape
        self.began_ns = began_ns
        self.first, self.warp, self.count = first, identity(pairs), 0
        self.misfit = 1.0
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
        """Normal equations (T, K, K), (P, T, K) of the late parts, the early one eliminated."""
        mean = self._turns / max(self.count, 1)
        gram = self._gram - mean.conj()[:, :, None] * self._turns[:, None, :]
        return gram, self._heard - mean.conj() * self._spectra[..., None]


class AliasedTail:
    """What arrives one and two periods late, for each pair (P) and frequency (T) of a room's responses."""

    def __init__(self, pairs: int, samples: int, period_samples: float) -> None:
        """period_samples: after how many samples the response repeats (the period's share of one loudspeaker)."""
        self._shape = (pairs, samples)
        k = np.arange(1, _LATE + 1)
        self._phases = 2.0 * np.pi * period_samples / samples * np.arange(samples)[:, None] * k  # (T, K) per unit of stretch
        self._farthest_rad = np.pi * period_samples * _LATE
        self.forget()

    def forget(self) -> None:
        """Start from nothing."""
        pairs, samples = self._shape
        self._weight = 0.0
        self._gram: Spectra = np.zeros((samples, _LATE, _LATE), complex)
        self._heard: Spectra = np.zeros((pairs, samples, _LATE), complex)
        self._hour: _Hour | None = None
        self._late: Spectra | None = None  # (P, T, K) in the hour's coordinates
        self._room: ComplexArray | None = None
        self._room_warp: Warp | None = None  # None: not known yet for this room
        self._anchored: Spectra | None = None  # as _late, in the room's coordinates
        self._change: Late | None = None

    def observe(self, response: ComplexArray, room: ComplexArray, t_ns: int) -> None:
        """Learn from one response (P, T) of the empty room; room: its average, which the next calls of `change` are about.

        t_ns: time on any steady clock.
        """
        if self._hour is None:
            self._hour = _Hour(room.copy(), t_ns)
        if self._hour.began_ns is None:
            self._hour.began_ns = t_ns
        warp, expected = self._fit(self._hour, response, self._hour.warp)
        misfit = float(np.linalg.norm(np.nan_to_num(response - expected))) / max(float(np.linalg.norm(response)), 1e-30)
        leapt = misfit > max(_LEAST_LEAP, _LEAP * self._hour.misfit)
        self._room, self._room_warp = room, None
        if leapt or misfit > _LIKE or abs(warp.stretch) > _FARTHEST or t_ns - self._hour.began_ns > _HOUR_NS:
            self._hour = self._next_hour(self._hour, t_ns)
            if misfit > _LIKE:
                return
            warp, _ = self._fit(self._hour, response, self._hour.warp)
        self._hour.misfit = misfit
        self._hour.warp = warp
        spectrum = scipy.fft.fft(np.nan_to_num(warped(response, inverse(warp))), axis=1)
        self._hour.add(self._turn(warp.stretch), spectrum)
        self._solve()

    def change(self, stretch: float) -> Late | None:
        """What `room` gains (P, T), in its own coordinates, once the air has stretched it by about so much; None = nothing known.

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
        if self._hour is None or self._late is None:
            return {}
        gram, heard, weight = self._totals()
        gram, heard = self._carried(gram, heard, self._anchor())
        return dict(zip(_STATE, (gram, heard.astype(np.complex64), np.array(weight)), strict=True))

    def restore(self, state: dict[str, Any], room: ComplexArray) -> None:
        """Take what `state` gave, if anything; room: the one saved with it. Raises ValueError where it does not fit."""
        self.forget()
        if not any(name in state for name in _STATE):
            return
        if not all(name in state for name in _STATE):
            raise ValueError(f"of {', '.join(_STATE)} some are missing")
        gram, heard, weight = (np.asarray(state[name]) for name in _STATE)
        for name, found, needed in ((_STATE[0], gram, self._gram), (_STATE[1], heard, self._heard)):
            if found.shape != needed.shape or found.dtype.kind != "c" or not np.isfinite(found).all():
                raise ValueError(f"{name} is {found.dtype} {found.shape}, finite complex {needed.shape} is needed")
        if weight.shape != () or weight.dtype.kind != "f" or not 0.0 < float(weight) < 1e9:
            raise ValueError(f"{_STATE[2]} is {weight}, a positive number is needed")
        self._gram, self._heard, self._weight = gram.astype(complex), heard.astype(complex), float(weight)
        self._hour, self._room = _Hour(room.copy(), None), room
        with np.errstate(all="ignore"):
            self._solve()
            sound = self._late is not None and bool(np.isfinite(self._late.astype(np.complex64)).all())
        if not sound:
            self.forget()
            raise ValueError(f"{_STATE[0]} and {_STATE[1]} have no solution")

    def _next_hour(self, hour: _Hour, t_ns: int) -> _Hour:
        """Keep what the hour told; the next begins with the present room, in whose coordinates all is from then on."""
        assert self._room is not None
        gram, heard, weight = self._totals()
        self._gram, self._heard = self._carried(gram, heard, self._anchor())
        keep = 1.0 - 1.0 / _HOURS if hour.count else 1.0
        self._gram, self._heard, self._weight = keep * self._gram, keep * self._heard, keep * weight
        self._hour, self._room_warp = _Hour(self._room.copy(), t_ns), None
        self._solve()
        return self._hour

    def _totals(self) -> tuple[Spectra, Spectra, float]:
        """Normal equations of all hours, and how many responses they are of."""
        if self._hour is None or self._hour.count == 0:
            return self._gram, self._heard, self._weight
        gram, heard = self._hour.equations()
        return self._gram + gram, self._heard + heard, self._weight + self._hour.count

    def _solve(self) -> None:
        gram, heard, weight = self._totals()
        if weight > 0.0:
            damped = gram + _DAMPING * weight * np.eye(_LATE)
            self._late = np.asarray(np.moveaxis(np.linalg.solve(damped, np.moveaxis(heard, 0, -1)), -1, 0))

    def _anchor(self) -> Warp:
        """The room's drift since the hour began, found once."""
        assert self._hour is not None
        assert self._room is not None
        if self._room_warp is None:
            self._room_warp, _ = self._fit(self._hour, self._room, self._hour.warp)
            self._change = None
            if self._late is not None:
                self._anchored = self._under(self._turn(self._room_warp.stretch) * self._late, self._room_warp)
        return self._room_warp

    def _turn(self, stretch: float) -> Spectra:
        return np.asarray(np.exp(1j * self._phases * stretch))

    def _carried(self, gram: Spectra, heard: Spectra, warp: Warp) -> tuple[Spectra, Spectra]:
        """The same equations for the late parts as they are under this drift."""
        turn = self._turn(warp.stretch)
        return turn[:, :, None] * gram * turn.conj()[:, None, :], self._under(turn * heard, warp)

    def _under(self, spectra: Spectra, warp: Warp) -> Spectra:
        """Spectra (P, T, K) of what is under this drift."""
        rows = scipy.fft.ifft(spectra, axis=1).astype(np.complex64)
        parts = [np.nan_to_num(warped(np.ascontiguousarray(rows[..., k]), warp)) for k in range(_LATE)]
        return np.asarray(scipy.fft.fft(np.stack(parts, axis=-1), axis=1), complex)

    def _fit(self, hour: _Hour, response: ComplexArray, start: Warp) -> tuple[Warp, ComplexArray]:
        """The drift from the hour's first response to this one, and what the first is under it."""
        whole = np.full(len(response), response.shape[1], np.int64)
        if self._late is None:
            warp = fit(response, hour.first, whole, start, _FIT_STEPS)
            return warp, warped(hour.first, warp)
        warp, change = start, self._changed(self._late, start.stretch)
        for _ in range(_ROUNDS):
            warp = fit(response, hour.first, whole, warp, _FIT_STEPS, change)
            if not self._far(change, warp.stretch):
                break
            change = self._changed(self._late, warp.stretch)
        return warp, warped(hour.first + change.under(warp.stretch), warp)

    def _far(self, change: Late | None, stretch: float) -> bool:
        return change is None or abs(stretch - change.at) * self._farthest_rad > _STRAIGHT_RAD

    def _changed(self, late: Spectra, stretch: float) -> Late:
        """By how much the late parts change when they are stretched by this: each frequency turns."""
        turn = self._turn(stretch)
        spectra = np.stack([(late * (turn - 1.0)).sum(axis=-1), (late * (1j * self._phases * turn)).sum(axis=-1)])
        gain, slope = scipy.fft.ifft(spectra, axis=2).astype(np.complex64)
        return Late(gain, slope, stretch)
