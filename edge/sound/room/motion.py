"""Whether somebody moves: then echoes come and go in range, which those of the room do not."""

import numpy as np

from edge.core.arrays import Array, BoolArray, ComplexArray, IntArray
from edge.core.jit import kernel

# An echo that moves by this range has left its place; breathing moves it by a twentieth of that.
MOTION_M = 0.1
# The live echoes are compared with those of the last seconds.
_MOTION_S = 5.0
# A pooled level (not energy) that rises or falls by this ratio came or went: breathing and
# interference change it by less.
_CHANGE = 2.0
# The change must also be this many times the noise's level; noise alone changes a pooled level by
# about half of its own.
_ABOVE_NOISE = 2.5
# Share of the audible energy that must come or go before the body counts as moving: more than a
# hand, less than a walk.
_MOVED_SHARE = 0.2


class Motion:
    """Tells a body that moves in range from one that keeps still, and from noise."""

    def __init__(self, width_samples: int) -> None:
        """width_samples: levels are means over about so many samples, MOTION_M of range."""
        self._width = width_samples
        self._before: Array | None = None

    def forget(self) -> None:
        """Start anew."""
        self._before = None

    def static_part(
        self, body: ComplexArray, heard_from: IntArray, elapsed_s: float
    ) -> BoolArray | None:
        """Pose kernels of one period (P, T) -> True where no echo came or went in the last seconds;
        None: nobody moved.

        heard_from: (P,) first sample that can hold a body; before it, the rest of the direct sound
        comes and goes.
        """
        now = np.empty(body.shape)
        _pooled(body, self._width // 2, now)
        before = self._before
        if before is None:
            self._before = now
            return None
        self._before = before + (1.0 - np.exp(-elapsed_s / _MOTION_S)) * (now - before)
        more, less = np.sqrt(np.maximum(now, before)), np.sqrt(np.minimum(now, before))
        threshold = _ABOVE_NOISE * np.median(more, axis=1, keepdims=True)
        audible = (more > threshold) & (np.arange(body.shape[1]) >= heard_from[:, None])
        changed = audible & (more > _CHANGE * less) & (more - less > threshold)
        loudness = np.square(np.where(audible, more, 0.0))
        return ~changed if loudness[changed].sum() > _MOVED_SHARE * loudness.sum() else None


@kernel
def _pooled(body: ComplexArray, half: int, out: Array) -> None:
    """Mean energy over 2 half + 1 samples about each; beyond the ends there is silence."""
    samples = body.shape[1]
    total = np.empty(samples + 1)
    total[0] = 0.0
    for p in range(body.shape[0]):
        for t in range(samples):
            z = body[p, t]
            total[t + 1] = total[t] + (z.real * z.real + z.imag * z.imag)
        for t in range(samples):
            out[p, t] = (total[min(t + half + 1, samples)] - total[max(t - half, 0)]) / (
                2 * half + 1
            )
