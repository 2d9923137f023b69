"""What the direct sound in the responses tells of the microphones: deaf, soft, loud, exchanged."""

from itertools import combinations

import numpy as np

from edge.core.arrays import Array, ComplexArray
from edge.core.rig import Rig
from edge.sound.health.raw_sound_faults import Found

# Data sheets give +/- 1 to 3 dB; near surfaces and the loudspeaker's directivity add as much.
_SOFT_DB, _DEAF_DB = 8.0, 25.0
# The direct sound is looked for so far around where the rig says it is [s].
_SEARCH_S, _SLACK_S = 1.0e-3, 0.1e-3
# Exchanged microphones: so far their arrivals must be apart to be told [s], and so well must the
# array fit the other way round [s], and in relation. Good arrays are off by up to 1.4e-5 s.
_EXCHANGED_S, _FITS_S, _FITS_BETTER = 2.0e-5, 4.0e-5, 0.4
_DIRECT_OVER_NOISE = 6.0


class DirectSoundFaults:
    """Judges responses of one rig by the direct sound of its first loudspeaker."""

    def __init__(self, rig: Rig, rate_hz: float) -> None:
        """rate_hz: sample rate of the responses."""
        self._rate_hz = rate_hz
        first = np.flatnonzero(rig.pairs[:, 0] == rig.pairs[0, 0])
        _, once = np.unique(rig.pairs[first, 1], return_index=True)
        self._pairs = first[once]
        self._mics = rig.pairs[self._pairs, 1]
        self._expected_s = rig.direct_arrival_s[self._pairs]
        # Exchanged microphones are off by as much as the arrivals differ.
        self._slack_s = _SLACK_S + float(np.ptp(self._expected_s))
        self._shifts = np.arange(-_SEARCH_S, _SEARCH_S, 0.25 / rate_hz)

    def __call__(self, responses: ComplexArray, spoilt: set[int]) -> Found:
        """responses: (P, T). spoilt: microphones that are not looked at."""
        kept = np.array([int(m) not in spoilt for m in self._mics])
        if kept.sum() < 2:
            return {}
        mics = [int(m) for m in self._mics[kept]]
        expected_s = self._expected_s[kept]
        envelope = np.abs(responses[self._pairs[kept]])
        shift_s = self._common_shift(envelope, expected_s)
        found = [
            self._peak(row, at + shift_s) for row, at in zip(envelope, expected_s, strict=True)
        ]
        peak, arrival_s = np.array(found).T
        noise = np.median(envelope, axis=1)
        if np.median(peak / np.maximum(noise, 1e-12)) < _DIRECT_OVER_NOISE:
            return {}  # too faint a direct sound to compare anything by
        # A microphone that is deaf has no arrival, and one that is exchanged has another distance.
        level_db = 20 * np.log10(np.maximum(peak, 1e-12))
        deaf = {m for m, kind, _ in _level_faults(level_db, expected_s, mics) if kind == "deaf"}
        alive = [i for i, m in enumerate(mics) if m not in deaf]
        exchanged = _exchanged(arrival_s[alive], expected_s[alive], [mics[i] for i in alive])
        distance_s = expected_s.copy()
        for m, _, other in exchanged:
            distance_s[mics.index(m)] = expected_s[mics.index(other)]  # type: ignore[arg-type]
        return _level_faults(level_db, distance_s, mics) | exchanged

    def _common_shift(self, envelope: Array, expected_s: Array) -> float:
        """What alignment leaves of a delay that all microphones share [s]."""
        at = (expected_s[:, None] + self._shifts) * self._rate_hz
        index = np.clip(np.round(at).astype(int), 0, envelope.shape[1] - 1)
        share = np.take_along_axis(envelope, index, axis=1)
        share = share / np.maximum(envelope.max(axis=1, keepdims=True), 1e-12)
        return float(self._shifts[int(np.argmax(np.median(share, axis=0)))])

    def _peak(self, envelope: Array, at_s: float) -> tuple[float, float]:
        """Highest value within the slack around a time, and its time by a parabola [s]."""
        first = max(1, round((at_s - self._slack_s) * self._rate_hz))
        last = max(first, min(len(envelope) - 2, round((at_s + self._slack_s) * self._rate_hz)))
        k = first + int(np.argmax(envelope[first : last + 1]))
        left, top, right = (float(v) for v in envelope[k - 1 : k + 2])
        bend = left - 2 * top + right
        offset = 0.5 * (left - right) / bend if bend < 0 else 0.0
        return top, (k + float(np.clip(offset, -0.5, 0.5))) / self._rate_hz


def _level_faults(level_db: Array, distance_s: Array, mics: list[int]) -> Found:
    level_db = level_db + 20 * np.log10(distance_s)
    found: Found = {}
    for i, m in enumerate(mics):
        below = float(np.median(np.delete(level_db, i)) - level_db[i])
        if below > _DEAF_DB:
            found[m, "deaf", None] = f"{below:.0f} dB below the others"
        elif below > _SOFT_DB:
            found[m, "soft", None] = f"{below:.0f} dB below the others"
        elif below < -_SOFT_DB and len(mics) > 2:
            found[m, "loud", None] = f"{-below:.0f} dB above the others"
    return found


def _exchanged(arrival_s: Array, expected_s: Array, mics: list[int]) -> Found:
    """The one exchange of two microphones that makes the arrivals fit, if it is plainly better."""
    n = len(mics)
    if n < 2:
        return {}
    pairs = list(combinations(range(n), 2))
    order = np.tile(np.arange(n), (len(pairs) + 1, 1))
    for row, (i, j) in enumerate(pairs):
        order[row, [i, j]] = j, i
    late = arrival_s - expected_s[order]
    misfit = np.std(late - np.median(late, axis=1, keepdims=True), axis=1)
    as_configured, k = float(misfit[-1]), int(np.argmin(misfit))
    best = float(misfit[k])
    # So far apart the two would be if nothing else were wrong.
    apart_s = float(np.sqrt(max(as_configured**2 - best**2, 0.0) * n / 2))
    if apart_s < _EXCHANGED_S or best > min(_FITS_BETTER * as_configured, _FITS_S):
        return {}
    a, b = (mics[i] for i in pairs[k])
    figure = f"arrivals fit to {1e6 * best:.0f} us exchanged, {1e6 * as_configured:.0f} us as is"
    return {(a, "exchanged", b): figure, (b, "exchanged", a): figure}
