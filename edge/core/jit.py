"""How loops are compiled: numba, cached on disk, without the GIL, on one thread (more were 5-10
times slower).

The cache only saves time, so no trouble with it stops a program: where no folder can be written
nothing is kept, and a damaged or full cache is passed over.
"""

import logging
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import rocket_fft  # noqa: F401  gives compiled code its scipy.fft; cached kernels do not load without it
from numba import njit
from numba.core.caching import FunctionCache

Function = TypeVar("Function", bound=Callable[..., Any])
REMEDY = "set NUMBA_CACHE_DIR to a folder with space that this user can write: start-up is slow"
_kernels: list[Any] = []
_log = logging.getLogger(__name__)


def kernel(function: Function) -> Function:
    """Compile a loop over arrays. The public function that calls it checks and allocates."""
    compiled: Function = njit(nogil=True)(function)
    if hasattr(compiled, "_cache"):  # not under NUMBA_DISABLE_JIT
        with suppress(RuntimeError):  # numba found no folder that it can write
            compiled._cache = _Cache(function)
    _kernels.append(compiled)
    return compiled


def compiled_here() -> int:
    """Number of kernels that were not found on disk, so that this process compiled them."""
    return sum(sum(k.stats.cache_misses.values()) for k in _kernels if hasattr(k, "stats"))


def compiling() -> bool:
    """Whether kernels are compiled at all; not under NUMBA_DISABLE_JIT."""
    return any(hasattr(k, "stats") for k in _kernels)


def cache_folder() -> Path | None:
    """Where compiled kernels are kept; None where they are not."""
    folders = [k.stats.cache_path for k in _kernels if hasattr(k, "stats")]
    return Path(folders[0]) if folders and folders[0] else None


class _Cache(FunctionCache):  # type: ignore[misc]  # numba publishes no types
    """numba's, which would raise whatever the disk and what lies on it give."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            return super().load_overload(sig, target_context)
        except Exception as e:  # a damaged pickle raises anything
            _say_once(f"{type(e).__name__}: {e}")
            with suppress(OSError):
                self.flush()  # else every start finds the same
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        try:
            super().save_overload(sig, data)
        except OSError as e:
            _say_once(str(e))


@cache
def _say_once(why: str) -> None:
    _log.warning("compiled kernels could not be read or kept (%s); %s", why, REMEDY)
