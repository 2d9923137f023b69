"""The inverse of a Hermitian Toeplitz matrix, from its first column alone (Gohberg and Semencul
1972).
"""

import numpy as np
import scipy.fft

from edge.core.arrays import Array, Complex128Array


def inverse_diagonal(column: Complex128Array) -> Array:
    """Diagonal (L,) of the inverse of a Hermitian Toeplitz matrix, from the inverse's first column
    (L,).
    """
    forward = np.abs(column) ** 2
    backward = np.concatenate([[0.0], forward[:0:-1]])
    return np.asarray(np.cumsum(forward - backward) / column[0].real)


def inverse_times(column: Complex128Array, sides: Complex128Array) -> Complex128Array:
    """The inverse of a Hermitian Toeplitz matrix times each of some vectors (P, L), from the
    inverse's first column (L,): products of triangular Toeplitz matrices, as convolutions.
    """
    n = len(column)
    m = scipy.fft.next_fast_len(2 * n)
    backward = np.concatenate([[0.0], column[:0:-1].conj()])
    out = np.zeros(sides.shape, np.complex128)
    spectra = scipy.fft.fft(np.asarray(sides, np.complex128), m)
    for lower, sign in ((column, 1.0), (backward, -1.0)):
        h = scipy.fft.fft(lower, m)
        inner = scipy.fft.ifft(spectra * h.conj())[:, :n]
        out += sign * scipy.fft.ifft(scipy.fft.fft(inner, m) * h)[:, :n]
    return np.asarray(out / column[0].real)
