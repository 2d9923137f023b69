"""The expected room taken out of a live response, and how much of the response that leaves."""

import numpy as np

from edge.core.arrays import ComplexArray
from edge.core.jit import kernel


def subtract(live: ComplexArray, expected: ComplexArray) -> ComplexArray:
    """What is left of the live response: (P, T) complex64, as are both.

    Where nothing is expected (NaN), `expected` becomes the live response and nothing is left.
    """
    left = np.empty_like(live)
    _subtract(live, expected, left)
    return left


def left_db(left: ComplexArray, live: ComplexArray) -> float:
    """Level of what is left, relative to the live response [dB]."""
    ratio = max(float(np.linalg.norm(left)), 1e-12) / max(float(np.linalg.norm(live)), 1e-12)
    return 20.0 * float(np.log10(ratio))


@kernel
def _subtract(live: ComplexArray, expected: ComplexArray, out: ComplexArray) -> None:
    for p in range(out.shape[0]):
        for t in range(out.shape[1]):
            if np.isnan(expected[p, t]):
                expected[p, t] = live[p, t]
            out[p, t] = live[p, t] - expected[p, t]
