"""A model that loads, runs, and is merely worse than the one it was made of."""

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.tflite import Model


def worse(path: Path, factor: float = 3.0) -> bytes:
    """The content of a float .tflite with its largest weights, those of one layer, scaled by `factor`."""
    content = path.read_bytes()
    constants = [w for w in _tensors(Model(path)._interpreter) if w.dtype == np.float32 and content.count(w.tobytes()) == 1]
    weights = max(constants, key=lambda w: w.size)
    return content.replace(weights.tobytes(), (np.float32(factor) * weights).tobytes())


def _tensors(interpreter: Any) -> Iterator[npt.NDArray[Any]]:
    """Every tensor that holds something before the model has run."""
    for detail in interpreter.get_tensor_details():
        with contextlib.suppress(ValueError):  # scratch memory of the runtime
            yield interpreter.get_tensor(detail["index"])


def sums(files: dict[str, bytes]) -> bytes:
    """SHA256SUMS of files by name, so that the checksums match what is in them."""
    return "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in sorted(files.items())).encode()
