"""What was changed in the room while somebody is in it: learned while they walk, and noted.

static_echoes.py tells it from people; change_log.py says what was changed, where and when.
"""

import logging
from collections.abc import Sequence

from edge.core.arrays import BoolArray, ComplexArray
from edge.sound.room.change_log import ChangeLog, RoomChange
from edge.sound.room.drift.warp import Warp, inverse, warped
from edge.sound.room.learned_room import LearnedRoom
from edge.sound.room.occupant import Occupant
from edge.sound.room.static_echoes import StaticEchoes

log = logging.getLogger(__name__)

_ECHO_M = 0.1  # extent in range over which an echo is told from what moves


class Furniture:
    """Chairs, doors and whatever else keeps its place, beside the room that was learned empty."""

    def __init__(
        self, sample_rate_hz: float, speed_of_sound_m_s: float, direct_samples: int, leak_s: float
    ) -> None:
        """direct_samples, leak_s: see `StaticEchoes`."""
        width = int(2.0 * _ECHO_M / speed_of_sound_m_s * sample_rate_hz) + 1
        self._echoes = StaticEchoes(width, direct_samples, sample_rate_hz, leak_s)
        self._log = ChangeLog(sample_rate_hz, speed_of_sound_m_s)

    @property
    def changes(self) -> list[RoomChange]:
        """The newest ones that were noted, in their order."""
        return self._log.changes

    def forget(self) -> None:
        """What stands there now is the empty room's; the changes that were noted stay."""
        self.hear_anew()
        self._log.forget()

    def hear_anew(self) -> None:
        """What was heard so far, and is not the room's yet, counts no longer."""
        self._echoes.forget()

    def subtract(self, kernels: ComplexArray, known: BoolArray) -> None:
        """Take what keeps its place, and is not the room's yet, out of kernels (P, T), in place.
        known: (P,) the pairs that have kernels.
        """
        if self._echoes.found is not None:
            kernels -= self._echoes.found
            kernels[~known] = 0.0

    def step(
        self,
        kernels: ComplexArray,
        people: Sequence[Occupant] | None,
        elapsed_s: float,
        room: LearnedRoom,
        warp: Warp,
        now_ns: int,
    ) -> None:
        """Learn from kernels (P, T) that `subtract` has seen; add to the room what keeps its place.

        people, elapsed_s: see `StaticEchoes.step`. warp: the drift from the room to these kernels.
        now_ns: on the clock of the periods.
        """
        if not self._echoes.step(kernels, people, elapsed_s):
            return
        changed = room.furnish(warped(self._echoes.take(), inverse(warp)))
        change = self._log.step(changed, kernels, now_ns)
        if change is not None:
            log.info(
                "the room was changed at %.1f-%.1f m: what stands there now is learned",
                change.from_m,
                change.to_m,
            )
