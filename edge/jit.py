"""The one way in which loops are compiled: numba, cached on disk, without the GIL, one thread (more were 5-10x slower)."""

from collections.abc import Callable
from typing import Any, TypeVar

import rocket_fft  # noqa: F401  gives compiled code its scipy.fft; cached kernels do not load without it
from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """Compile a loop over arrays. What it is given must have been checked and allocated by its public twin."""
    compiled: Function = njit(cache=True, nogil=True)(function)
    return compiled
