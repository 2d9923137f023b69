"""Optional packages: imported when they are needed, named when they are missing."""

import importlib
import sys
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from edge.core.errors import ConfigError
from export.stopping import delayed_signals

T = TypeVar("T")
Progress = Callable[[Iterable[Any], int], Iterable[Any]]


def optional(module: str, purpose: str, extra: str = "export") -> Any:
    """The module, for `purpose`. Raises ConfigError that names the extra to install."""
    try:
        with delayed_signals():
            return importlib.import_module(module)
    except ImportError as e:
        raise ConfigError(
            f"{purpose} needs {e.name or module}, which cannot be imported ({e}): "
            f"pip install 'posekernel[{extra}]'"
        ) from e


def progress_bar(
    items: Iterable[T] | None = None, *, terminal_only: bool = True, **options: Any
) -> Any:
    """tqdm's bar. terminal_only: none where stderr is a file. Raises ConfigError without tqdm."""
    tqdm = optional("tqdm", "a progress bar").tqdm
    return tqdm(items, disable=terminal_only and not sys.stderr.isatty(), **options)
