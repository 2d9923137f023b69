"""The learned room as it must sound now: its drift, followed from period to period.

Drift is slow, but things are moved at once, and also before the first body that can be heard, where
drift is fitted. What has suddenly become different there is left out of the fit, or it would shift
the whole room.
"""

import numpy as np

from edge.core.arrays import Array, ComplexArray, IntArray
from edge.sound.room.drift import LateChange, Warp, fit, fit_from_afar, identity, warped
from edge.sound.room.late_reverberation import LateReverberation

_FIT_STEPS = 2
_LATE_ROUNDS = 3
_GAINS = (0.1, 10.0)  # beyond, a microphone is off
# An energy left by the last drift that is so many times the usual one is a change, unless the last
# drift is older than this.
_SUDDEN, _FRESH_S = 8.0, 2.0
_HALF_WIDTH = 5  # samples over which energies are compared, to both sides
# The usual energy is followed by e-fold in this many periods, upwards in three times as many.
_USUAL_PERIODS = 200.0


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
        self._usual: Array | None = None  # (P, T) energy that the drift leaves, 0 where unknown

    def forget(self) -> None:
        """Another room: nothing is known of its drift."""
        self.warp = self._usual = None
        if self.late is not None:
            self.late.forget()

    def reset(self) -> None:
        """The room was learned from this very period: no drift since."""
        self.warp = identity(self._pairs)

    def expected(
        self, y: ComplexArray, room: ComplexArray, length: IntArray, elapsed_s: float
    ) -> tuple[Warp, ComplexArray]:
        """The drift that takes the learned room to y (P, T), and the room under it (P, T), NaN
        where it was never recorded.

        length: (P,) samples of y that hold no body; the drift is fitted to these. elapsed_s: since
        the last call.
        """
        warp = self.warp
        late = self._late_change(0.0 if warp is None else warp.stretch)
        if self._enabled and warp is not None and elapsed_s < _FRESH_S:
            y = self._without_changes(
                y, room if late is None else room + late.at(warp.stretch), length, warp
            )
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

    def _without_changes(
        self, y: ComplexArray, room: ComplexArray, length: IntArray, warp: Warp
    ) -> ComplexArray:
        """y (P, T) with the room under the last drift where it has suddenly become different."""
        until = min(int(length.max()) + _HALF_WIDTH, y.shape[1])
        if until < 2 * self._direct_samples:
            return y
        # The direct sound tells offsets and gains of this very period.
        direct = np.minimum(length, self._direct_samples)
        near = fit(y, room, direct, warp, 1, same_stretch=True)
        expected = warped(np.ascontiguousarray(room[:, :until]), near)
        known = np.isfinite(expected)
        left = np.where(known, y[:, :until] - expected, np.complex64(0.0))
        energy = _pooled(left.real**2 + left.imag**2)
        fitted = np.arange(until) < length[:, None]
        if self._usual is None:
            self._usual = np.zeros(y.shape)
        usual = self._usual[:, :until]
        usual[(usual == 0.0) & fitted] = energy[(usual == 0.0) & fitted]
        sudden = fitted & known & (energy > _SUDDEN * usual) & (usual > 0.0)
        usual[fitted] += (np.minimum(energy, 1.33 * usual) - usual)[fitted] / _USUAL_PERIODS
        if not sudden.any():
            return y
        steady = y.copy()
        steady[:, :until][sudden] = expected[sudden]
        return steady

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


def _pooled(energy: Array) -> Array:
    """Mean (P, T) over _HALF_WIDTH samples to both sides; beyond the ends there is silence."""
    total = np.cumsum(np.pad(energy, ((0, 0), (_HALF_WIDTH + 1, _HALF_WIDTH))), axis=1)
    width = 2 * _HALF_WIDTH + 1
    return np.asarray((total[:, width:] - total[:, :-width]) / width)
