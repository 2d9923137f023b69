"""What a period of raw sound tells of its channels: silent, stuck, clipped, copied or humming."""

from typing import Literal

import numpy as np
import numpy.typing as npt
import scipy.fft

from edge.core.arrays import FloatArray, IntArray

FaultKind = Literal[
    "silent", "constant", "clipped", "copy", "hum", "deaf", "soft", "loud", "exchanged"
]
# (microphone, kind, the other microphone) -> what was measured, in words.
Found = dict[tuple[int, FaultKind, int | None], str]

# A channel at its highest or lowest value for this share of a period is clipped: a sound that is
# not reaches its extremes once or twice. A loud enough one, as silence has few values, too.
_CLIPPED_SHARE, _CLIPPED_LEVEL = 0.005, 0.05
# Real microphones have noise of their own and hear other reflections; copies differ by rounding.
_COPY_RESIDUAL = 10.0 ** (-45.0 / 10.0)
# Mains hum: the lines of 50 or 60 Hz and their multiples against the siblings' and full scale.
_MAINS_HZ, _HUM_BELOW_HZ = (50.0, 60.0), 1000.0
_HUM_ABOVE_SIBLINGS_DB, _HUM_DBFS = 20.0, -50.0
# Window (N,), the numbers of the spectral lines of all mains, and which of these each mains has.
_MainsLines = tuple[FloatArray, IntArray, list[npt.NDArray[np.bool_]]]


class RawSoundFaults:
    """Judges periods (C, N) of raw sound of one length."""

    def __init__(self, period_s: float) -> None:
        """period_s: length of the periods [s]."""
        self._period_s = period_s
        self._lines: _MainsLines | None = None

    def __call__(self, samples: FloatArray) -> Found:
        """samples: (C, N), full scale = 1. Of every group of copies all but the first are named."""
        found: Found = {}
        high, low = samples.max(axis=1), samples.min(axis=1)
        varied = np.flatnonzero(high != low)
        for m in np.flatnonzero(high == low):
            kind: FaultKind = "constant" if high[m] else "silent"
            found[int(m), kind, None] = f"every sample is {high[m]:.4g}"
        at_limit = (samples == high[:, None]).mean(axis=1) + (samples == low[:, None]).mean(axis=1)
        clipped = (at_limit > _CLIPPED_SHARE) & (np.maximum(high, -low) > _CLIPPED_LEVEL)
        for m in varied[clipped[varied]]:
            found[int(m), "clipped", None] = (
                f"{100 * at_limit[m]:.1f} % of the samples at the limit"
            )
        found |= _copies(samples, varied)
        return found | self._hum(samples, varied[~clipped[varied]])

    def _hum(self, samples: FloatArray, mics: IntArray) -> Found:
        if len(mics) == 0:
            return {}
        window, every, mains = self._mains_lines(samples.shape[1])
        power = np.abs(scipy.fft.rfft(samples * window, axis=1)[:, every]) ** 2
        level = 10 * np.log10([[np.sum(row[of]) + 1e-20 for of in mains] for row in power])
        found: Found = {}
        for m in mics:
            others = [k for k in mics if k != m]
            usual = np.median(level[others], axis=0) if others else np.full(len(mains), -200.0)
            for hz, own, sibling in zip(_MAINS_HZ, level[m], usual, strict=True):
                if own > _HUM_DBFS and own - sibling > _HUM_ABOVE_SIBLINGS_DB:
                    found.setdefault((int(m), "hum", None), f"{own:.0f} dBFS of {hz:.0f} Hz hum")
        return found

    def _mains_lines(self, n: int) -> _MainsLines:
        if self._lines is None or len(self._lines[0]) != n:
            window = np.asarray(np.hanning(n), np.float64)
            lines = [
                np.round(np.arange(hz, _HUM_BELOW_HZ, hz) * self._period_s).astype(int)
                for hz in _MAINS_HZ
            ]
            every = np.unique(np.concatenate(lines))
            every = every[every > 0]
            scaled = np.asarray(window * (2.0 / np.sum(window)), np.float32)
            self._lines = scaled, np.asarray(every, np.int64), [np.isin(every, of) for of in lines]
        return self._lines


def _copies(samples: FloatArray, varied: IntArray) -> Found:
    rows = samples[varied].astype(np.float64)
    rows -= rows.mean(axis=1, keepdims=True)
    products = rows @ rows.T
    power = np.diag(products)
    residual = 1.0 - products**2 / np.maximum(np.outer(power, power), 1e-300)
    found: Found = {}
    for j in range(1, len(varied)):
        same = np.flatnonzero(residual[:j, j] < _COPY_RESIDUAL)
        if len(same):
            found[int(varied[j]), "copy", int(varied[same[0]])] = "the same signal"
    return found
