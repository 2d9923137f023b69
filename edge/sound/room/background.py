"""The empty room: what is subtracted from each response to leave what the body adds.

The learned response is fitted to each live one on the part before a body can be heard (drift.py),
tracked from period to period. It is learned fast while nobody is seen; while somebody is, only what
stays while the body moves leaks in slowly. Noise and breathing are no evidence of that: it takes
energy that comes and goes in range (motion.py).

The first FIRST_PERIODS periods that are alike while `person` is False are the empty room at once.
Somebody who keeps still out of the camera's view then becomes part of it until that is learned
anew, so the caller starts only once the room is empty.
"""

import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge.core.arrays import Array, ComplexArray, IntArray
from edge.core.errors import ConfigError
from edge.core.jit import kernel
from edge.core.rig import Rig
from edge.sound.room import saved_room as room_file
from edge.sound.room.drift import Late, Warp, fit, fit_from_afar, identity, inverse, warped
from edge.sound.room.late_reverberation import AliasedTail
from edge.sound.room.motion import MOTION_M, Motion

# Periods that must agree before they count as an empty room, and how alike (normalised correlation)
# they must be.
FIRST_PERIODS = 8
_ALIKE = 0.7
# Less like the learned room than this, a period is a fault (muted, misaligned, another rig) and is
# not used.
_USABLE = 0.4
_FIT_STEPS = 2
_TAIL_ROUNDS = 3
_TAIL_EVERY_S = 0.4
# After a silence, as between pings, what is late is missing for so many periods: nothing is learned
# from them.
_SILENCE_S, _SETTLING_PERIODS, _SETTLING_S = 1.0, 3, 0.35
_GAINS = (0.1, 10.0)
_LONG_S = 600.0  # the air may be degrees warmer after it
# The body's pulse begins before its time of arrival, by about the inverse of the bandwidth.
_PULSES_BEFORE_ARRIVAL = 1.5
# After a silence (pings are rare while nobody is seen) one period must not replace what many had
# averaged.
_LONGEST_STEP_S = 1.0


class Background:
    """Empty-room response of one rig; call `step` once per good period."""

    def __init__(
        self,
        rig: Rig,
        sample_rate_hz: float,
        band_hz: tuple[float, float],
        window_samples: int,
        *,
        period_s: float | None = None,
        adapt_s: float = 15.0,
        leak_s: float = 300.0,
        track_drift: bool = True,
    ) -> None:
        """period_s: of the excitation [s]; None leaves reverberation that outlasts it to drift
        unmodelled (aliased_tail.py).

        adapt_s: time constant of learning while nobody is seen [s]. leak_s: time constant of
        learning while somebody is seen and moves [s]; inf freezes. A body that keeps its place, for
        instance breathing in a chair, is not learned. track_drift: False subtracts the learned
        response as it is.
        """
        self.rig, self.sample_rate_hz, self.band_hz = rig, float(sample_rate_hz), band_hz
        self.window_samples = int(window_samples)
        self.adapt_s, self.leak_s, self.track_drift = adapt_s, leak_s, track_drift
        self.rejected = 0
        self.residual_db = float("nan")
        self._shape = (len(rig.pairs), self.window_samples)
        self._margin_s = _PULSES_BEFORE_ARRIVAL / (band_hz[1] - band_hz[0])
        self._room: ComplexArray | None = None
        self._warp: Warp | None = None
        self._period_s, self._tail = period_s, None
        if period_s is not None and track_drift:
            self._tail = AliasedTail(
                len(rig.pairs),
                self.window_samples,
                period_s * self.sample_rate_hz / len(rig.speakers),
            )
        self._settled_ns, self._learned_ns, self._tail_due_ns = 0, 0, 0
        self._silence, self._silence_s = (
            False,
            max(_SILENCE_S, 2.0 * _SETTLING_PERIODS * (period_s or 0.0)),
        )
        self._settling_ns = round(
            1e9 * max(min(_SETTLING_PERIODS * (period_s or 0.0), _SETTLING_S), period_s or 0.0)
        )
        self._motion = Motion(self._sample_count(2.0 * MOTION_M / rig.speed_of_sound_m_s))
        self._occupied = False
        self._candidate: ComplexArray | None = None
        self._candidate_periods = 0
        self._candidate_since_ns = 0
        self._last_ns: int | None = None
        self._age_s = float("inf")

    @property
    def ready(self) -> bool:
        """An empty room is known."""
        return self._room is not None

    @property
    def age_s(self) -> float:
        """Seconds since a period was last learned with nobody in view; inf before the first."""
        return self._age_s

    def step(
        self,
        responses: ComplexArray,
        t_ns: int,
        person: bool,
        first_arrival_s: npt.ArrayLike | None = None,
    ) -> ComplexArray | None:
        """Analytic responses (P, T) of one good period -> pose kernels (P, T) complex64.

        t_ns: on any steady clock. person: somebody may be in the room. first_arrival_s: (P,)
        earliest time at which a body can be heard [s]; None with a person keeps the last fit.
        Returns None until an empty room was learned, and for a period that does not look like this
        room (counted in `rejected`, nothing is learned from it). `residual_db` tells how much of
        the fitted part is left. The first empty room takes FIRST_PERIODS periods, however soon they
        come: hold back, or pass person=True, until the room may be empty. Raises ConfigError on a
        wrong shape.
        """
        y = np.ascontiguousarray(responses, np.complex64)
        if y.shape != self._shape:
            raise ConfigError(
                f"responses have shape {y.shape}, the background was made for {self._shape}"
            )
        elapsed_s = 0.0 if self._last_ns is None else max(0.0, (t_ns - self._last_ns) / 1e9)
        if self._last_ns is not None and t_ns < self._last_ns:  # another clock
            self._settled_ns, self._learned_ns, self._tail_due_ns = t_ns, t_ns, t_ns
        self._last_ns = t_ns
        # Where every step comes after a silence, it is not one: so slow is the camera.
        self._silence = elapsed_s > self._silence_s and not self._silence
        if elapsed_s > _LONG_S:
            self._warp = None
        if self._silence:
            self._settled_ns = t_ns + self._settling_ns
        self._age_s += elapsed_s
        if not np.isfinite(y.view(np.float32)).all():
            self.rejected += 1
            return None
        if self._room is None:
            if not person:
                self._consider(y, t_ns, 0.0)
            return None

        length = self._bodyless(person, first_arrival_s)
        warp, expected = self._expected(y, self._room, length)
        body = np.empty_like(y)
        _subtract(y, expected, body)
        part = slice(0, max(int(length.max()), self._direct_samples))
        if _likeness(y[:, part], (y - body)[:, part]) < _USABLE:
            self.rejected += 1
            if not person:
                self._consider(y, t_ns, self.adapt_s)
            return None
        self._candidate = None
        self.residual_db = _ratio_db(body[:, part], y[:, part])
        if person:
            self._leak(body, warp, np.maximum(length, self._direct_samples), elapsed_s, t_ns)
        elif t_ns >= self._settled_ns:
            self._learn(y, expected, t_ns)
        return body

    def remember(self, responses: ComplexArray) -> None:
        """Learn from responses (P, T) of the empty room how it drifts; it is not taken to be like
        that now.
        """
        if self._tail is not None and self._room is not None:
            self._tail.observe(responses, self._room, self._last_ns or 0)

    def forget(self) -> None:
        """Learn the empty room from nothing, as at the very start."""
        self._room = self._warp = self._candidate = self._last_ns = None
        self._occupied, self._age_s = False, float("inf")
        self._motion.forget()
        if self._tail is not None:
            self._tail.forget()

    def save(self, path: Path) -> None:
        """Write the empty room and the rig that it belongs to (.npz), whole or not at all. Raises
        ConfigError if not.
        """
        if self._room is None:
            raise ConfigError(
                f"{path}: no empty room was learned yet, so there is nothing to save; record with nobody in view"
            )
        tail = {} if self._tail is None else self._tail.state()
        room_file.write(path, self._room, time.time() - self._age_s, self._fingerprint(), tail)

    def load(self, path: Path) -> None:
        """Read what `save` wrote.

        Raises ConfigError when it cannot be read or belongs to another rig, OtherSignalError to
        another signal.
        """
        room, learned_utc_s, data = room_file.read(path, self._shape, self._fingerprint())
        if self._tail is not None:
            try:
                self._tail.restore(data, room)
            except ValueError as e:
                raise room_file.damaged(path, e) from e
        self._room, self._warp, self._occupied, self._candidate = room, None, True, None
        self._motion.forget()
        self._age_s = max(0.0, time.time() - learned_utc_s)

    @property
    def _direct_samples(self) -> int:
        return self._sample_count(float(np.max(self.rig.direct_arrival_s)) + self._margin_s)

    def _sample_count(self, seconds: float) -> int:
        return int(seconds * self.sample_rate_hz) + 1

    def _fingerprint(self) -> dict[str, Array]:
        return {
            "speakers_m": np.asarray(self.rig.speakers, np.float64),
            "mics_m": np.asarray(self.rig.mics, np.float64),
            "pairs": np.asarray(self.rig.pairs, np.float64),
            "sample_rate_hz": np.array(self.sample_rate_hz),
            "band_hz": np.array(self.band_hz, np.float64),
            "window_samples": np.array(float(self.window_samples)),
            "period_s": np.array(np.nan if self._period_s is None else self._period_s),
        }

    def _bodyless(self, person: bool, first_arrival_s: npt.ArrayLike | None) -> IntArray:
        """How many samples of each pair (P,) hold no body; 0 where that is not known."""
        pairs = self._shape[0]
        if not person:
            return np.full(pairs, self.window_samples, np.int64)
        if first_arrival_s is None:
            return np.zeros(pairs, np.int64)
        until = (
            np.broadcast_to(np.asarray(first_arrival_s, np.float64), (pairs,)) - self._margin_s
        ) * self.sample_rate_hz
        return np.clip(np.nan_to_num(until), 0, self.window_samples).astype(np.int64)

    def _expected(
        self, y: ComplexArray, room: ComplexArray, length: IntArray
    ) -> tuple[Warp, ComplexArray]:
        """The drift from the learned room to y, and the room under it."""
        start = self._warp
        late = self._late(0.0 if start is None else start.stretch)
        for _ in range(_TAIL_ROUNDS):
            start = self._fit(y, room, length, start, late)
            before, late = late, self._late(start.stretch)
            if late is before:
                break
        assert start is not None
        steady = bool(
            np.isfinite(start.stretch)
            and np.all((start.gain > _GAINS[0]) & (start.gain < _GAINS[1]))
        )
        if not steady and not np.isfinite(start.stretch + start.gain.sum() + start.offset.sum()):
            start, late = identity(len(room)), None
        expected = warped(room if late is None else room + late.under(start.stretch), start)
        return start if steady else identity(
            len(room)
        ), expected  # no fit begins from a microphone that is off

    def _late(self, stretch: float) -> Late | None:
        return None if self._tail is None else self._tail.change(stretch)

    def _fit(
        self,
        y: ComplexArray,
        room: ComplexArray,
        length: IntArray,
        start: Warp | None,
        late: Late | None,
    ) -> Warp:
        pairs = self._shape[0]
        if not self.track_drift:
            return identity(pairs)
        if length.max() < self._direct_samples:
            return start or identity(pairs)
        if start is None:  # just loaded: the air may be degrees warmer than then
            return fit_from_afar(y, room, length, self._direct_samples, _FIT_STEPS)
        return fit(y, room, length, start, _FIT_STEPS, late)

    def _consider(self, y: ComplexArray, t_ns: int, patience_s: float) -> None:
        """Take y for a new empty room once enough periods, over at least `patience_s`, agreed with
        each other.
        """
        if self._candidate is None or _likeness(y, self._candidate) < _ALIKE:
            self._candidate, self._candidate_periods, self._candidate_since_ns = y.copy(), 1, t_ns
            return
        self._candidate_periods += 1
        self._candidate += (y - self._candidate) / np.float32(self._candidate_periods)
        if (
            self._candidate_periods >= FIRST_PERIODS
            and t_ns - self._candidate_since_ns >= patience_s * 1e9
        ):
            if self._room is not None and self._tail is not None:
                self._tail.forget()
            self._room, self._candidate = self._candidate, None
            self._warp, self._occupied, self._age_s, self._learned_ns = (
                identity(self._shape[0]),
                False,
                0.0,
                t_ns,
            )
            self._motion.forget()

    def _learn(self, y: ComplexArray, expected: ComplexArray, t_ns: int) -> None:
        """Nobody is seen: follow the live response, from where drift has taken the learned one: no
        average over temperatures.
        """
        elapsed_s = min(max(0.0, (t_ns - self._learned_ns) / 1e9), _LONGEST_STEP_S)
        self._room = expected + _share(elapsed_s / self.adapt_s) * (y - expected)
        self._learned_ns = t_ns
        returned = self._occupied
        self._warp, self._occupied, self._age_s = identity(self._shape[0]), False, 0.0
        self._motion.forget()
        if returned or t_ns >= self._tail_due_ns:
            self._tail_due_ns = t_ns + round(_TAIL_EVERY_S * 1e9)
            self.remember(y)

    def _leak(
        self, body: ComplexArray, warp: Warp, heard_from: IntArray, elapsed_s: float, t_ns: int
    ) -> None:
        """Somebody is seen: what stays while the rest moves is the room's, for instance a chair
        that was put down.
        """
        assert self._room is not None
        self._warp, self._occupied, self._learned_ns = warp, True, t_ns
        stays = self._motion.stays(body, heard_from, elapsed_s)
        if stays is not None:
            learned = warped(np.where(stays, body, np.complex64(0.0)), inverse(warp))
            _add(self._room, learned, _share(elapsed_s / self.leak_s))


@kernel
def _subtract(live: ComplexArray, expected: ComplexArray, out: ComplexArray) -> None:
    """Nothing is left where nothing is expected (NaN): there `expected` becomes what is heard."""
    for p in range(out.shape[0]):
        for t in range(out.shape[1]):
            if np.isnan(expected[p, t]):
                expected[p, t] = live[p, t]
            out[p, t] = live[p, t] - expected[p, t]


@kernel
def _add(room: ComplexArray, learned: ComplexArray, share: np.float32) -> None:
    """In place; what was never recorded (NaN) adds nothing."""
    for p in range(room.shape[0]):
        for t in range(room.shape[1]):
            if not np.isnan(learned[p, t]):
                room[p, t] += share * learned[p, t]


def _share(time_constants: float) -> np.float32:
    """Of the new, in one step."""
    return np.float32(1.0 - np.exp(-time_constants))


def _likeness(a: ComplexArray, b: ComplexArray) -> float:
    """Normalised correlation, -1..1; 0 when one is silent."""
    norm = float(np.linalg.norm(a)) * float(np.linalg.norm(b))
    return float(np.vdot(a, b).real) / norm if norm > 0.0 else 0.0


def _ratio_db(a: ComplexArray, b: ComplexArray) -> float:
    return 20.0 * float(
        np.log10(max(float(np.linalg.norm(a)), 1e-12) / max(float(np.linalg.norm(b)), 1e-12))
    )
