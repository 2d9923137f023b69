"""What noisy responses, as those of soft bursts and of music, tell of the empty room: a Kalman
filter.

How wrong the learned room is (its doubt) begins with what is known of its kind, or with the noise
of the responses that it is the mean of, grows with time, and is seen where two responses, one after
the other, leave the same of it. By it and by the noise each response counts, so that soft bursts
are averaged for as long as it takes, ten seconds of music make a room as good as that of bursts,
and a room that is good already is left alone. Bursts and music stand for sound after silence: in a
room that was learned from the continuous excitation, folded reverberation is wrong.
"""

import numpy as np

from edge.core.arrays import BoolArray, ComplexArray, FloatArray

# Error of a learned room, root mean square in the window, over the peak of its direct sound: of
# sound after silence, and of the continuous form. In simulated homes -64 and -50 dB.
_LEARNED_DB, _FOLDED_DB = -62.0, -48.0
_GROWS_S = 600.0  # until the doubt of a well-learned room has doubled, in power
_WIDTH = 161  # samples over which the doubt is seen ...
_INDEPENDENT, _SURE = 55, 2.0  # ... so many of them independent; 1-sigma by which it must be


class RoomDoubt:
    """The doubt of one empty room. direct_samples: hold the direct sound, which jitters."""

    def __init__(self, direct_samples: int) -> None:
        self._direct = direct_samples
        self._before: tuple[ComplexArray, FloatArray] | None = None
        self._variance: FloatArray | None = None  # (T,) of the room; None: what its kind has

    def forget(self) -> None:
        """The room was learned from better sound, or is another one."""
        self._variance = self._before = None

    def begin(self, noise: FloatArray, count: int, room: ComplexArray) -> None:
        """The room (P, T) is the mean of so many responses with noise (P, T), 1-sigma."""
        of_noise = np.mean(noise.astype(np.float64) ** 2, axis=0) / count
        self._variance = np.asarray(of_noise + _variance(room, _LEARNED_DB), np.float32)

    def doubt(self, room: ComplexArray, *, folded: bool) -> FloatArray:
        """1-sigma (T,) of the room (P, T). folded: it was learned from the continuous form."""
        return np.sqrt(self._of(room, folded))

    def pass_time(self, elapsed_s: float, room: ComplexArray, *, folded: bool) -> None:
        """The room drifts, and things are moved."""
        grown = _variance(room, _LEARNED_DB) * elapsed_s / _GROWS_S
        self._variance = np.asarray(self._of(room, folded) + grown, np.float32)

    def shares(self, left: ComplexArray, noise: FloatArray, known: BoolArray) -> FloatArray:
        """By how much (P, T) of what is left (P, T) the room is to be moved; nobody is in it. Call
        `pass_time` before.

        noise: (P, T) 1-sigma of what is left by noise alone. known: (P,) pairs that tell of it; a
        dead microphone has no noise and leaves nothing.
        """
        assert self._variance is not None
        variance = np.maximum(self._variance, self._found(left, known))
        # A door that slams is in no noise that was heard before.
        loud = _smoothed(np.mean(np.abs(left[known]) ** 2, axis=0)) - variance
        loud[: self._direct] = loud[self._direct : self._direct + 1]
        of_noise = np.maximum(noise.astype(np.float32) ** 2, loud)
        shares = np.asarray(variance / (variance + of_noise), np.float32)
        self._variance = np.asarray(variance * (1.0 - shares[known].mean(axis=0)), np.float32)
        self._before = left, shares
        return shares

    def _found(self, left: ComplexArray, known: BoolArray) -> FloatArray:
        """Variance (T,) of the room that this response and the one before agree on: their noise
        differs.
        """
        if self._before is None or self._before[0].shape != left.shape:
            return np.zeros(left.shape[1], np.float32)
        before, shares = (x[known] for x in self._before)
        left = left[known]
        # The room has taken a share of the one before, noise and all.
        alike = np.real(left * before.conj()) + shares * np.abs(before) ** 2
        spread = np.mean(np.abs(left) * np.abs(before), axis=0)
        by_chance = _smoothed(spread) / np.sqrt(_INDEPENDENT * len(left))
        found = _smoothed(alike.mean(axis=0)) - _SURE * by_chance
        found[: self._direct] = found[self._direct : self._direct + 1]
        return np.asarray(np.maximum(found, 0.0), np.float32)

    def _of(self, room: ComplexArray, folded: bool) -> FloatArray:
        if self._variance is not None:
            return self._variance
        level_db = _FOLDED_DB if folded else _LEARNED_DB
        return np.full(room.shape[1], _variance(room, level_db), np.float32)


def _variance(room: ComplexArray, level_db: float) -> np.float32:
    direct = np.median(np.abs(room).max(axis=1))
    return np.float32((float(direct) * 10.0 ** (level_db / 20.0)) ** 2)


def _smoothed(power: FloatArray) -> FloatArray:
    """Mean over _WIDTH samples, fewer at the ends."""
    kernel = np.ones(min(_WIDTH, len(power)))
    total = np.convolve(power, kernel, "same")
    return np.asarray(total / np.convolve(np.ones(len(power)), kernel, "same"), np.float32)
