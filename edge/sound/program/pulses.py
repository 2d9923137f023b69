"""Pulses of the band in a response: of taps at the low rate, and what a window from time 0 on loses
of them.
"""

import numpy as np
import scipy.fft

from edge.core.arrays import Array, Complex128Array, ComplexArray, IntArray

# Samples at the responses' rate: how far a pulse reaches before its peak, and how far a response is
# looked at to tell; relative energy of what that does not explain.
_BEFORE, _EARLY, _EARLY_RIDGE = 48, 64, 1e-3


def tap_pulses(at: Array, taps: Array, bins: IntArray) -> Complex128Array:
    """What taps (L,), moved down to 0 Hz, are at samples (T,): (L, T). Both in periods of the bins'
    transforms, which are contiguous.
    """
    apart = 2.0 * np.pi * (at[None] - taps[:, None])
    z = np.exp(1j * apart)
    near = np.abs(z - 1.0) < 1e-9
    total = (1.0 - z ** len(bins)) / np.where(near, 1.0, 1.0 - z)
    return np.asarray(np.where(near, len(bins), total) * np.exp(2j * np.pi * int(bins[0]) * at))


def before_zero(samples: int, bins: IntArray, window: Array) -> ComplexArray:
    """What the pulse of sound that comes soon after time 0 is before it: responses (P, E) @ this
    matrix (E, B) are the B samples before time 0, which a window from time 0 on has lost.

    It is the pulse of the causal response that explains the E samples, by least squares. bins: of
    the band, for a transform of `samples`; window: their amplitudes in the pulse.
    """
    spectrum = np.zeros(samples)
    spectrum[bins] = window
    pulse = scipy.fft.ifft(spectrum) * samples
    pulses = pulse[np.arange(-_BEFORE, _EARLY)[:, None] - np.arange(_EARLY)]
    after = pulses[_BEFORE:]
    ridge = _EARLY_RIDGE * np.eye(_EARLY)
    causal = np.linalg.solve(after.conj().T @ after + ridge, after.conj().T)
    return np.ascontiguousarray((pulses[:_BEFORE] @ causal).T, np.complex64)
