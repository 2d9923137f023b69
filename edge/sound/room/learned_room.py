"""The empty room as it was learned: from which kind of sound, how much of it, and how long ago."""

import time
from pathlib import Path

import numpy as np

from edge.core.arrays import Array, BoolArray, ComplexArray, FloatArray
from edge.core.errors import ConfigError
from edge.core.jit import kernel
from edge.sound.room import saved_room
from edge.sound.room.drift.late_reverberation import LateReverberation

_MANY = 1000  # periods that stand for a room that is known whole


class LearnedRoom:
    """response: (P, T) with nobody in view, None before the first. age_s: seconds since a period
    was last learned with nobody in view, inf before the first. of_bursts: of sound after silence,
    rather than of sound that goes on. periods: of this kind that are in it, at least.
    """

    def __init__(self) -> None:
        self.response: ComplexArray | None = None
        self.forget()

    def forget(self) -> None:
        """Nothing is known."""
        self.response = None
        self.age_s = float("inf")
        self.of_bursts, self.periods = False, _MANY
        # What was changed since, learned while somebody walked. Kept apart: the drift of late
        # reverberation is known relative to the empty room.
        self._changed: ComplexArray | None = None

    def begin(self, response: ComplexArray, *, of_bursts: bool) -> None:
        """Another room (P, T), known whole."""
        self.of_bursts, self.periods = of_bursts, _MANY
        self._renew(response)

    def hear(self, *, of_bursts: bool) -> None:
        """A period of this kind of sound. A room of the other kind is to be learned anew."""
        if of_bursts != self.of_bursts:
            self.of_bursts, self.periods = of_bursts, 0

    def follow(
        self,
        heard: ComplexArray,
        expected: ComplexArray,
        known: BoolArray,
        share: float | FloatArray,
    ) -> None:
        """Learn from what is heard (P, T) of the known pairs (P,) with nobody in view.

        expected: (P, T) the room as its drift says that it sounds now, so that responses at
        different temperatures are not averaged. share: weight of what is heard, 0..1; (P, T)
        where its noise is known.
        """
        self.periods += 1
        if isinstance(share, float):
            share = max(share, 1.0 / self.periods)  # after a change of kind the mean
        weight = np.float32(share)
        self._renew(self._of_pairs(expected + weight * (heard - expected), known))

    def take_noisy(self, learned: ComplexArray, known: BoolArray) -> ComplexArray:
        """Learned (P, T) of the known pairs (P,) from noisy responses; the room (P, T) now."""
        response = self.response = self._of_pairs(learned, known)
        self._changed = None
        if not self.of_bursts:  # neither kind is learned until it is heard again
            self.of_bursts, self.periods = True, 0
        return response

    def take_pair(self, pair: int, response: ComplexArray) -> None:
        """Of this pair (T,), which was not known."""
        assert self.response is not None
        self.response[pair] = response

    def furnish(self, echoes: ComplexArray) -> ComplexArray:
        """Add echoes (P, T) that keep their place; all that was changed (P, T) since the room was
        last learned with nobody in view.
        """
        if self._changed is None:
            self._changed = np.zeros_like(echoes)
        _add(self._changed, echoes)
        return self._changed

    @property
    def furnished(self) -> ComplexArray | None:
        """(P, T) with what was changed since."""
        if self.response is None or self._changed is None:
            return self.response
        return self.response + self._changed

    def save(self, path: Path, identity: dict[str, Array], late: LateReverberation | None) -> None:
        """Write it (.npz), whole or not at all. Raises ConfigError if not."""
        room = self.furnished
        if room is None:
            raise ConfigError(
                f"{path}: no empty room was learned yet, so there is nothing to save; "
                "record with nobody in view"
            )
        saved_room.save(path, room, time.time() - self.age_s, identity, late, self.of_bursts)

    def load(
        self,
        path: Path,
        shape: tuple[int, int],
        identity: dict[str, Array],
        late: LateReverberation | None,
    ) -> None:
        """Read what `save` wrote, of this shape (P, T). Raises as saved_room.load."""
        response, learned_utc_s, of_bursts = saved_room.load(path, shape, identity, late)
        self.begin(response, of_bursts=of_bursts)
        self.age_s = max(0.0, time.time() - learned_utc_s)

    def _renew(self, response: ComplexArray) -> None:
        self.response, self._changed, self.age_s = response, None, 0.0

    def _of_pairs(self, learned: ComplexArray, known: BoolArray) -> ComplexArray:
        if not known.all():
            assert self.response is not None
            learned[~known] = self.response[~known]
        return learned


@kernel
def _add(changed: ComplexArray, learned: ComplexArray) -> None:
    """In place; what was never recorded (NaN) adds nothing."""
    for p in range(changed.shape[0]):
        for t in range(changed.shape[1]):
            if not np.isnan(learned[p, t]):
                changed[p, t] += learned[p, t]
