"""Whether every microphone still works, judged from what the pose kernels are made of.

A period of raw sound tells a channel that is silent, stuck, clipped, humming or a copy of another;
the direct sound in the impulse responses tells one that is deaf, too soft or too loud beside its
siblings, and two that were exchanged. A verdict needs most of the last periods to agree.
"""

from collections import Counter, deque
from dataclasses import dataclass
from typing import Literal

import numpy as np

from edge.core.arrays import Array, ComplexArray, FloatArray, IntArray
from edge.core.rig import Rig

FaultKind = Literal[
    "silent", "constant", "clipped", "copy", "hum", "deaf", "soft", "loud", "exchanged"
]
# Judgements that are remembered, and the share of them that must agree.
_REMEMBERED, _AGREEING = 8, 0.75
# A channel at its highest or lowest value for this share of a period is clipped: a sound that is
# not reaches its extremes once or twice. A loud enough one, as silence has few values, too.
_CLIPPED_SHARE, _CLIPPED_LEVEL = 0.005, 0.05
# Real microphones have noise of their own and hear other reflections; copies differ by rounding.
_COPY_RESIDUAL = 10.0 ** (-45.0 / 10.0)
# Mains hum: the lines of 50 or 60 Hz and their multiples against the siblings' and full scale.
_MAINS_HZ, _HUM_BELOW_HZ = (50.0, 60.0), 1000.0
_HUM_ABOVE_SIBLINGS_DB, _HUM_DBFS = 20.0, -50.0
# Data sheets give +/- 1 to 3 dB; near surfaces and the loudspeaker's directivity add as much.
_SOFT_DB, _DEAF_DB = 8.0, 25.0
# The direct sound is looked for so far around where the rig says it is [s].
_SEARCH_S, _SLACK_S = 1.0e-3, 0.25e-3
# Exchanged microphones: their arrivals fit this much better the other way round [s].
_EXCHANGED_S = 2.5e-5
_DIRECT_OVER_NOISE = 6.0


@dataclass(frozen=True, slots=True)
class MicrophoneFault:
    """microphone: row of `rig.mics`. figure: what was measured, in words. other: the microphone
    that it copies or is exchanged with.
    """

    microphone: int
    kind: FaultKind
    figure: str
    other: int | None = None


class MicrophoneHealth:
    """Judges the microphones of one rig; call it with periods of sound, a few a second are enough.

    Of every group of copies all but the first are named. Where only two microphones differ in
    level, the softer one is named. `faults` holds what is certain by now.
    """

    def __init__(self, rig: Rig, period_s: float, response_rate_hz: float) -> None:
        """period_s: length of the periods [s]. response_rate_hz: sample rate of the responses."""
        self._rig, self._period_s, self._rate_hz = rig, period_s, response_rate_hz
        self._recent: deque[dict[tuple[int, FaultKind, int | None], str]] = deque(
            maxlen=_REMEMBERED
        )
        self.faults: tuple[MicrophoneFault, ...] = ()

    def forget(self) -> None:
        """Start anew, as after the device was opened again."""
        self._recent.clear()
        self.faults = ()

    def __call__(
        self, samples: FloatArray, responses: ComplexArray | None
    ) -> tuple[MicrophoneFault, ...]:
        """The faults that are certain after this period.

        samples: (M, N) raw sound, full scale = 1. responses: (P, T) impulse responses of it, None
        while the loudspeaker is silent: then only what the raw sound tells is judged, and what the
        responses told before stays.
        """
        found = self._raw_faults(samples)
        if responses is None:
            before = self._recent[-1] if self._recent else {}
            kept = {k: v for k, v in before.items() if k[1] in _NEED_RESPONSES}
            self._recent.append(found | kept)
        else:
            spoilt = {m for m, kind, _ in found if kind != "hum"}
            self._recent.append(found | self._direct_faults(responses, spoilt))
        count = Counter(key for one in self._recent for key in one)
        enough = _AGREEING * self._recent.maxlen if self._recent.maxlen else 0
        newest = {key: figure for one in self._recent for key, figure in one.items()}
        self.faults = tuple(
            MicrophoneFault(m, kind, newest[m, kind, other], other)
            for (m, kind, other), n in sorted(count.items(), key=lambda item: item[0][:2])
            if n >= enough
        )
        return self.faults

    def _raw_faults(self, samples: FloatArray) -> dict[tuple[int, FaultKind, int | None], str]:
        found: dict[tuple[int, FaultKind, int | None], str] = {}
        high, low = samples.max(axis=1), samples.min(axis=1)
        for m, row in enumerate(samples):
            if high[m] == low[m]:
                kind: FaultKind = "constant" if high[m] else "silent"
                found[m, kind, None] = f"every sample is {high[m]:.4g}"
                continue
            share = float(np.mean((row == high[m]) | (row == low[m])))
            if share > _CLIPPED_SHARE and max(high[m], -low[m]) > _CLIPPED_LEVEL:
                found[m, "clipped", None] = f"{100 * share:.1f} % of the samples at the limit"
        varied = [m for m in range(len(samples)) if high[m] != low[m]]
        found |= self._copies(samples, varied)
        clipped = {m for m, kind, _ in found if kind == "clipped"}
        return found | self._hum(samples, [m for m in varied if m not in clipped])

    def _copies(
        self, samples: FloatArray, varied: list[int]
    ) -> dict[tuple[int, FaultKind, int | None], str]:
        rows = samples[varied].astype(np.float64)
        rows -= rows.mean(axis=1, keepdims=True)
        products = rows @ rows.T
        power = np.diag(products)
        residual = 1.0 - products**2 / np.maximum(np.outer(power, power), 1e-300)
        found: dict[tuple[int, FaultKind, int | None], str] = {}
        for j in range(1, len(varied)):
            for i in range(j):
                if residual[i, j] < _COPY_RESIDUAL:
                    found[varied[j], "copy", varied[i]] = "the same signal"
                    break
        return found

    def _hum(
        self, samples: FloatArray, varied: list[int]
    ) -> dict[tuple[int, FaultKind, int | None], str]:
        if not varied:
            return {}
        n = samples.shape[1]
        window = np.hanning(n)
        power = np.abs(np.fft.rfft(samples * window, axis=1)) ** 2 * (2.0 / np.sum(window)) ** 2
        found: dict[tuple[int, FaultKind, int | None], str] = {}
        for mains in _MAINS_HZ:
            lines = np.arange(mains, _HUM_BELOW_HZ, mains)
            bins = np.unique(np.round(lines * self._period_s).astype(int))
            level = 10 * np.log10(power[:, bins[bins > 0]].sum(axis=1) + 1e-20)
            for m in varied:
                others = [level[k] for k in varied if k != m]
                above = level[m] - (np.median(others) if others else -200.0)
                if level[m] > _HUM_DBFS and above > _HUM_ABOVE_SIBLINGS_DB:
                    found.setdefault((m, "hum", None), f"{level[m]:.0f} dBFS of {mains:.0f} Hz hum")
        return found

    def _direct_faults(
        self, responses: ComplexArray, spoilt: set[int]
    ) -> dict[tuple[int, FaultKind, int | None], str]:
        """From the direct sound of the first loudspeaker, microphone by microphone."""
        pairs = self._rig.pairs
        rows = [p for p in range(len(pairs)) if pairs[p, 0] == pairs[0, 0]]
        rows = [p for p in rows if int(pairs[p, 1]) not in spoilt]
        if len(rows) < 2:
            return {}
        expected_s = self._rig.direct_arrival_s[rows]
        envelope = np.abs(responses[rows])
        shift_s = self._common_shift(envelope, expected_s)
        peak, arrival_s = zip(
            *(self._peak(row, at + shift_s) for row, at in zip(envelope, expected_s, strict=True)),
            strict=True,
        )
        level_db = 20 * np.log10(np.maximum(np.array(peak) * expected_s, 1e-12))
        mics = [int(pairs[p, 1]) for p in rows]
        noise = np.median(envelope, axis=1)
        if np.median(np.array(peak) / np.maximum(noise, 1e-12)) < _DIRECT_OVER_NOISE:
            return {}  # too faint a direct sound to compare anything by
        found = _level_faults(level_db, mics)
        sound = [i for i, m in enumerate(mics) if (m, "deaf", None) not in found]
        return found | _exchanged(
            np.array(arrival_s)[sound], expected_s[sound], [mics[i] for i in sound]
        )

    def _common_shift(self, envelope: Array, expected_s: Array) -> float:
        """What alignment leaves of a delay that all microphones share [s]."""
        shifts = np.arange(-_SEARCH_S, _SEARCH_S, 0.25 / self._rate_hz)
        at = (expected_s[:, None] + shifts) * self._rate_hz
        index = np.clip(np.round(at).astype(int), 0, envelope.shape[1] - 1)
        share = np.take_along_axis(envelope, index, axis=1)
        share = share / np.maximum(envelope.max(axis=1, keepdims=True), 1e-12)
        return float(shifts[int(np.argmax(np.median(share, axis=0)))])

    def _peak(self, envelope: Array, at_s: float) -> tuple[float, float]:
        """Highest value within the slack around a time, and its time by a parabola [s]."""
        first = max(1, round((at_s - _SLACK_S) * self._rate_hz))
        last = min(len(envelope) - 2, round((at_s + _SLACK_S) * self._rate_hz))
        k = first + int(np.argmax(envelope[first : last + 1]))
        left, top, right = (float(v) for v in envelope[k - 1 : k + 2])
        bend = left - 2 * top + right
        offset = 0.5 * (left - right) / bend if bend < 0 else 0.0
        return top, (k + float(np.clip(offset, -0.5, 0.5))) / self._rate_hz


_NEED_RESPONSES = ("deaf", "soft", "loud", "exchanged")


def _level_faults(level_db: Array, mics: list[int]) -> dict[tuple[int, FaultKind, int | None], str]:
    found: dict[tuple[int, FaultKind, int | None], str] = {}
    for i, m in enumerate(mics):
        below = float(np.median(np.delete(level_db, i)) - level_db[i])
        if below > _DEAF_DB:
            found[m, "deaf", None] = f"{below:.0f} dB below the others"
        elif below > _SOFT_DB:
            found[m, "soft", None] = f"{below:.0f} dB below the others"
        elif below < -_SOFT_DB and len(mics) > 2:
            found[m, "loud", None] = f"{-below:.0f} dB above the others"
    return found


def _exchanged(
    arrival_s: Array, expected_s: Array, mics: list[int]
) -> dict[tuple[int, FaultKind, int | None], str]:
    """The one exchange of two microphones that makes the arrivals fit, if it is plainly better."""

    def misfit(order: IntArray) -> float:
        late = arrival_s - expected_s[order]
        return float(np.sqrt(np.mean((late - np.median(late)) ** 2)))

    n = len(mics)
    if n < 3:
        return {}
    order = np.arange(n)
    as_configured = misfit(order)
    best, pair = as_configured, None
    for j in range(1, n):
        for i in range(j):
            swapped = order.copy()
            swapped[[i, j]] = j, i
            if (fit := misfit(swapped)) < best:
                best, pair = fit, (i, j)
    if pair is None or as_configured - best < _EXCHANGED_S or best > 0.5 * as_configured:
        return {}
    a, b = mics[pair[0]], mics[pair[1]]
    figure = f"arrivals fit to {1e6 * best:.0f} us exchanged, {1e6 * as_configured:.0f} us as is"
    return {(a, "exchanged", b): figure, (b, "exchanged", a): figure}
