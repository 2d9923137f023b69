"""The learned room as it must sound now: its drift, followed from period to period."""

import numpy as np

from edge.core.arrays import ComplexArray, IntArray
from edge.sound.room.drift import LateChange, Warp, fit, fit_from_afar, identity, warped
from edge.sound.room.late_reverberation import LateReverberation

_FIT_STEPS = 2
_LATE_ROUNDS = 3
_GAINS = (0.1, 10.0)  # beyond, a microphone is off


class DriftTracker:
    """The drift of one rig's room. late: how late reverberation drifts; None leaves it out."""

    def __init__(
        self, pairs: int, direct_samples: int, late: LateReverberation | None, *, enabled: bool
    ) -> None:
        """direct_samples: latest arrival of the direct sound. enabled: False = no drift at all."""
        self.late = late
        # None: not known, the air may be degrees warmer than when the room was learned.
        self.warp: Warp | None = None
        self._pairs, self._direct_samples, self._enabled = pairs, direct_samples, enabled

    def reset(self) -> None:
        """The room was learned from this very period: no drift since."""
        self.warp = identity(self._pairs)

    def expected(
        self, y: ComplexArray, room: ComplexArray, length: IntArray
    ) -> tuple[Warp, ComplexArray]:
        """The drift that takes the learned room to y (P, T), and the room under it (P, T), NaN
        where it was never recorded.

        length: (P,) samples of y that hold no body; the drift is fitted to these.
        """
        warp = self.warp
        late = self._late_change(0.0 if warp is None else warp.stretch)
        for _ in range(_LATE_ROUNDS):
            warp = self._fit(y, room, length, warp, late)
            before, late = late, self._late_change(warp.stretch)
            if late is before:
                break
        assert warp is not None
        finite = np.isfinite(warp.stretch + warp.gain.sum() + warp.offset.sum())
        within = bool(
            np.isfinite(warp.stretch) and np.all((warp.gain > _GAINS[0]) & (warp.gain < _GAINS[1]))
        )
        if not within and not finite:
            warp, late = identity(self._pairs), None
        expected = warped(room if late is None else room + late.at(warp.stretch), warp)
        # No later fit begins from a microphone that is off.
        return warp if within else identity(self._pairs), expected

    def _late_change(self, stretch: float) -> LateChange | None:
        return None if self.late is None else self.late.change(stretch)

    def _fit(
        self,
        y: ComplexArray,
        room: ComplexArray,
        length: IntArray,
        start: Warp | None,
        late: LateChange | None,
    ) -> Warp:
        if not self._enabled:
            return identity(self._pairs)
        if length.max() < self._direct_samples:
            return start or identity(self._pairs)
        if start is None:
            return fit_from_afar(y, room, length, self._direct_samples, _FIT_STEPS)
        return fit(y, room, length, start, _FIT_STEPS, late)
