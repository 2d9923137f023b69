"""How loops are compiled: numba, cached on disk, without the GIL, on one thread (5-10x faster)."""

from collections.abc import Callable
from typing import Any, TypeVar

import rocket_fft  # noqa: F401  gives compiled code its scipy.fft; cached kernels do not load without it
from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])
_kernels: list[Any] = []


def kernel(function: Function) -> Function:
    """Compile a loop over arrays. The public function that calls it checks and allocates."""
    compiled: Function = njit(cache=True, nogil=True)(function)
    _kernels.append(compiled)
    return compiled


def compiled_here() -> int:
    """Number of kernels that were not found on disk, so that this process compiled them."""
    return sum(sum(k.stats.cache_misses.values()) for k in _kernels if hasattr(k, "stats"))
