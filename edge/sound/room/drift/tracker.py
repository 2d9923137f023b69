"""The learned room as it must sound now: its drift, followed from period to period.

Drift is slow, but things are moved at once, and also before the first body that can be heard, where
drift is fitted. What has suddenly become different there is left out of the fit, or it would shift
the whole room.
"""

import numpy as np

from edge.core.arrays import Array, ComplexArray, IntArray
from edge.core.jit import kernel
from edge.sound.room.drift.late_reverberation import LateReverberation
from edge.sound.room.drift.warp import LateChange, Warp, fit, fit_from_afar, identity, warped

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
        self.after_silence = False  # what is heard now has no reverberation of a period before
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
        before = self.warp
        warp, expected = self._follow(y, room, length, before)
        if not self._enabled or before is None or self._usual is None or elapsed_s >= _FRESH_S:
            return warp, expected
        near = length.max() < 2 * self._direct_samples
        if not near and _is_sudden(y, expected, length, self._usual, False):
            steady = self._without_changes(y, room, length, before)
            warp, expected = self._follow(steady, room, length, before)
        return warp, expected

    def accept(self, y: ComplexArray, expected: ComplexArray, length: IntArray) -> None:
        """This period is of this room: what its drift leaves is usual. Of `expected`, as it was
        called and as it answered.
        """
        if self._usual is None:
            self._usual = np.zeros(y.shape)
        _is_sudden(y, expected, length, self._usual, True)

    def _follow(
        self, y: ComplexArray, room: ComplexArray, length: IntArray, warp: Warp | None
    ) -> tuple[Warp, ComplexArray]:
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

    def _without_changes(
        self, y: ComplexArray, room: ComplexArray, length: IntArray, warp: Warp
    ) -> ComplexArray:
        """y (P, T) with the room under the last drift where it has suddenly become different."""
        assert self._usual is not None
        late = self._late_change(warp.stretch)
        room = room if late is None else room + late.at(warp.stretch)
        # The direct sound tells offsets and gains of this very period.
        direct = np.minimum(length, self._direct_samples)
        expected = warped(room, fit(y, room, direct, warp, 1, same_stretch=True))
        left = np.nan_to_num(y - expected)
        fitted = np.arange(y.shape[1]) < length[:, None]
        energy = _pooled(left.real**2 + left.imag**2)
        sudden = fitted & (energy > _SUDDEN * self._usual) & (self._usual > 0.0)
        return np.where(sudden & np.isfinite(expected), expected, y)

    def _late_change(self, stretch: float) -> LateChange | None:
        return None if self.late is None or self.after_silence else self.late.change(stretch)

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


@kernel
def _is_sudden(
    y: ComplexArray, expected: ComplexArray, length: IntArray, usual: Array, learn: bool
) -> bool:
    """Whether what is left over the first `length` (P,) samples is somewhere _SUDDEN times the
    usual energy (P, T). learn: follow the usual one instead.
    """
    for p in range(y.shape[0]):
        until = length[p]
        total = np.zeros(until + 1)
        for t in range(until):
            z = y[p, t] - expected[p, t]
            energy = z.real * z.real + z.imag * z.imag
            total[t + 1] = total[t] + (0.0 if np.isnan(energy) else energy)
        for t in range(until):
            low, high = max(t - _HALF_WIDTH, 0), min(t + _HALF_WIDTH + 1, until)
            energy = (total[high] - total[low]) / (high - low)
            if not learn:
                if usual[p, t] > 0.0 and energy > _SUDDEN * usual[p, t]:
                    return True
            elif usual[p, t] == 0.0:
                usual[p, t] = 3.0 * energy  # one period may be quiet by chance
            else:
                usual[p, t] += (min(energy, 1.33 * usual[p, t]) - usual[p, t]) / _USUAL_PERIODS
    return False
