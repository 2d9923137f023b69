"""The empty room's response, which is subtracted from each response to leave the pose kernel.

The learned room is fitted to each live response on the part before a body can be heard, and follows
its drift from period to period (drift/tracker.py). While nobody is seen it is learned fast. While
somebody walks, what keeps its place meanwhile becomes part of it within seconds, as a chair that
was pulled or a door that was opened (static_echoes.py); where somebody who keeps still may be
heard, nothing does. change_log.py notes what was changed and when.

The first FIRST_PERIODS periods that agree while nobody is in view are the empty room at once.
Somebody who keeps still out of the camera's view then becomes part of it until it is learned anew,
so the caller starts only once the room is empty.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edge.core.arrays import BoolArray, ComplexArray, FloatArray
from edge.core.rig import Rig
from edge.sound.room import saved_room
from edge.sound.room.candidate import LatePairs, RoomCandidate, normalised_correlation
from edge.sound.room.change_log import RoomChange
from edge.sound.room.drift.late_reverberation import LateReverberation
from edge.sound.room.drift.tracker import DriftTracker
from edge.sound.room.drift.warp import Warp
from edge.sound.room.furniture import Furniture
from edge.sound.room.learned_room import LearnedRoom
from edge.sound.room.occupant import Occupant, ResponseWindow
from edge.sound.room.room_doubt import RoomDoubt
from edge.sound.room.schedule import LearningSchedule
from edge.sound.room.subtraction import left_db, subtract

log = logging.getLogger(__name__)

FIRST_PERIODS = 8  # that must agree before they count as an empty room
# Less correlated with the learned room than this, a period is a fault (muted, misaligned, another
# rig) and is not used.
_USABLE = 0.4
_LONG_S = 600.0  # the air may be degrees warmer after it


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
        leak_s: float = 1.2,
        track_drift: bool = True,
    ) -> None:
        """period_s: of the excitation [s]; None leaves the drift of reverberation that outlasts it
        unmodelled (drift/late_reverberation.py).

        adapt_s: time constant of learning while nobody is seen [s]; bursts count by their noise.
        leak_s: of learning what keeps its place while somebody walks [s]; inf freezes. track_drift:
        False subtracts the learned response as it is.
        """
        rate, pairs = float(sample_rate_hz), len(rig.pairs)
        self.rejected = 0
        self.residual_db = float("nan")
        self._adapt_s = adapt_s
        self._identity = saved_room.identity(rig, rate, band_hz, window_samples, period_s)
        self._window = ResponseWindow(rig, rate, band_hz, int(window_samples))
        self._schedule = LearningSchedule(period_s)
        self._candidate = RoomCandidate(FIRST_PERIODS)
        self._late_pairs = LatePairs(pairs, FIRST_PERIODS)
        self._furniture = Furniture(
            rate, rig.speed_of_sound_m_s, self._window.direct_samples, leak_s
        )
        self._doubt = RoomDoubt(self._window.direct_samples)
        late = None
        if period_s is not None and track_drift:
            repeats = period_s * rate / len(rig.speakers)
            late = LateReverberation(pairs, self._window.samples, repeats)
        self._drift = DriftTracker(pairs, self._window.direct_samples, late, enabled=track_drift)
        self._room = LearnedRoom()
        self._expected: ComplexArray | None = None  # as it sounded in the newest good period
        self._occupied = False  # somebody was seen since the room was last learned

    @property
    def ready(self) -> bool:
        """An empty room is known."""
        return self._room.response is not None

    @property
    def age_s(self) -> float:
        """Seconds since a period was last learned with nobody in view; inf before the first."""
        return self._room.age_s

    @property
    def settled(self) -> bool:
        """Nothing of the empty room waits for a few more periods with nobody in view: it is of the
        kind of sound that is heard now, and of every pair that can be learned.
        """
        return self._room.periods >= FIRST_PERIODS and self._late_pairs.settled

    @property
    def known(self) -> BoolArray:
        """The pairs (P,) whose kernels the newest period gave. One whose microphone was dead while
        the room was learned, and works again, waits until nobody is in view.
        """
        return self._late_pairs.known

    @property
    def changes(self) -> list[tuple[RoomChange, float]]:
        """What was changed in the room while somebody was in it, the newest last, and how long ago
        it was at the newest period [s].
        """
        now_ns = self._schedule.now_ns or 0
        return [(c, max(0.0, (now_ns - c.t_ns) * 1e-9)) for c in self._furniture.changes]

    @property
    def expected(self) -> ComplexArray | None:
        """The empty room (P, T) as it must sound now; None until one is known. Any thread may read
        it.
        """
        return self._room.response if self._expected is None else self._expected

    @property
    def doubt(self) -> FloatArray | None:
        """1-sigma (T,) of the empty room for sound after silence; None until one is known."""
        room = self._room.response
        return None if room is None else self._doubt.doubt(room, folded=not self._room.of_bursts)

    def step(
        self,
        responses: ComplexArray,
        t_ns: int,
        people: Sequence[Occupant] | None,
        *,
        burst: bool = False,
        noise: FloatArray | None = None,
        program: bool = False,
    ) -> ComplexArray | None:
        """Analytic responses (P, T) of one good period -> pose kernels (P, T) complex64.

        t_ns: on any steady clock. burst: of sound after silence, so that no late reverberation of
        the period before is in it; a room that was learned the other way is learned anew while
        nobody is in view. people: everybody in view, empty for nobody; None where somebody
        may be in the room who is not seen just now: then the last fit is kept and nothing is
        learned. noise: (P, T) 1-sigma that noise alone has in sound after silence, where it is
        known: with nobody in view it counts by that (room_doubt.py). program: it is another
        program's sound, which makes no first empty room.

        Returns None until an empty room was learned, and for a period that does not look like this
        room (counted in `rejected`, nothing is learned from it). `residual_db` tells how much of
        the fitted part is left. The first empty room takes FIRST_PERIODS periods, however soon they
        come: hold back, or pass None, until the room may be empty. Raises ConfigError on a wrong
        shape.
        """
        empty = people is not None and len(people) == 0
        y = self._window.checked(responses)
        elapsed_s = self._schedule.advance(t_ns, burst)
        self._drift.after_silence = burst
        self._room.age_s += elapsed_s
        if elapsed_s > _LONG_S:
            self._drift.warp = None
        if not np.isfinite(y.view(np.float32)).all():
            self.rejected += 1
            return None
        room = self._room.furnished
        if room is None:
            if empty and not program:
                self._consider(y, t_ns, 0.0, burst, noise)
            return None

        length = self._window.before_body(people)
        whole, learned = y, room
        known = self._late_pairs.judge(y, room, self._window.direct_samples)
        if not known.all():
            y, room = (np.where(known[:, None], h, np.complex64(0.0)) for h in (y, room))
        warp, expected = self._drift.expected(y, room, length, elapsed_s)
        kernels = subtract(y, expected)
        self._furniture.subtract(kernels, known)
        fitted = slice(0, max(int(length.max()), self._window.direct_samples))
        if normalised_correlation(y[:, fitted], (y - kernels)[:, fitted]) < _USABLE:
            self.rejected += 1
            if empty and not program:
                self._consider(whole, t_ns, self._adapt_s, burst, noise)
            return None
        self.residual_db = left_db(kernels[:, fitted], y[:, fitted])
        self._expected = y - kernels
        self._doubt.pass_time(elapsed_s, learned, folded=not self._room.of_bursts)
        if program:
            self._drift.warp = warp
            if empty and noise is not None:
                shares = self._doubt.shares(kernels, noise, known)
                self._learn_program(kernels, expected, known, shares)
            return kernels
        self._candidate.forget()
        self._room.hear(of_bursts=burst)
        self._drift.accept(y, expected, length)
        if not empty:
            self._learn_changes(kernels, warp, people, elapsed_s)
        elif self._schedule.settled:
            counts = None if noise is None else self._doubt.shares(kernels, noise, known)
            self._learn(y, expected, known, counts)
            self._learn_pairs(whole, t_ns)
        return kernels

    def remember(self, responses: ComplexArray) -> None:
        """Learn the drift of late reverberation from responses (P, T) of the empty room."""
        room = self._room.response
        if self._drift.late is not None and room is not None:
            self._drift.late.observe(responses, room, self._schedule.now_ns or 0)

    def forget(self) -> None:
        """Learn the empty room from nothing, as at the very start."""
        self._expected, self._occupied = None, False
        for part in (
            self._room, self._drift, self._schedule, self._candidate, self._late_pairs,
            self._furniture, self._doubt,
        ):  # fmt: skip
            part.forget()

    def save(self, path: Path) -> None:
        """Write the empty room and the rig that it belongs to (.npz), whole or not at all. Raises
        ConfigError if not.
        """
        self._room.save(path, self._identity, self._drift.late)

    def load(self, path: Path) -> None:
        """Read what `save` wrote.

        Raises ConfigError when it cannot be read or belongs to another rig, OtherSignalError to
        another signal.
        """
        self._room.load(path, self._window.shape, self._identity, self._drift.late)
        self._drift.warp, self._occupied = None, True
        for part in (self._candidate, self._late_pairs, self._furniture, self._doubt):
            part.forget()

    def _consider(
        self, y: ComplexArray, t_ns: int, patience_s: float, burst: bool, noise: FloatArray | None
    ) -> None:
        """Begin with a new empty room once enough periods have agreed."""
        room = self._candidate.add(y, t_ns, patience_s)
        if room is None:
            return
        if self.ready and self._drift.late is not None:
            self._drift.late.forget()
        self._room.begin(room, of_bursts=burst)
        self._expected = None
        self._schedule.learn()
        self._has_learned()
        if noise is not None:
            self._doubt.begin(noise, FIRST_PERIODS, room)

    def _learn(
        self, y: ComplexArray, expected: ComplexArray, known: BoolArray, shares: FloatArray | None
    ) -> None:
        """Nobody is seen: follow the live response, from where drift has taken the learned one.
        shares: (P, T) of it that count, where its noise is known.
        """
        share = _share(self._schedule.learn() / self._adapt_s)
        self._room.follow(y, expected, known, share if shares is None else shares)
        returned = self._occupied
        self._has_learned(by_noise=shares is not None)
        if known.all() and not self._room.of_bursts and self._schedule.late_due(at_once=returned):
            self.remember(y)

    def _learn_program(
        self, kernels: ComplexArray, expected: ComplexArray, known: BoolArray, shares: FloatArray
    ) -> None:
        """Nobody is seen: what is left is the room's, as far as it is not noise."""
        self._expected = self._room.take_noisy(expected + shares * kernels, known)
        self._furniture.hear_anew()
        self._drift.reset()

    def _learn_pairs(self, y: ComplexArray, t_ns: int) -> None:
        """Nobody is seen: learn the pairs that are not known, each by itself."""
        for pair, response in self._late_pairs.learned(y, t_ns):
            log.info("the empty room of pair %d is learned", pair)
            self._room.take_pair(pair, response)

    def _has_learned(self, *, by_noise: bool = False) -> None:
        self._drift.reset()
        if not by_noise:
            self._doubt.forget()
        self._occupied = False
        self._furniture.forget()

    def _learn_changes(
        self, kernels: ComplexArray, warp: Warp, people: Sequence[Occupant] | None, elapsed_s: float
    ) -> None:
        """Somebody is seen: what keeps its place while they walk is the room's."""
        self._drift.warp, self._occupied = warp, True
        self._schedule.learn()
        now_ns = self._schedule.now_ns or 0
        self._furniture.step(kernels, people, elapsed_s, self._room, warp, now_ns)


def _share(time_constants: float) -> float:
    """Weight of the new response in an exponential average."""
    return float(1.0 - np.exp(-time_constants))
