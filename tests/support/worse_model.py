"""A model that loads, runs, fits its card, and is merely worse than the one it was made of."""

import contextlib
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.core.inference.tflite import Model


def worse(path: Path, factor: float = 3.0) -> bytes:
    """A float .tflite with the largest layer's weights scaled by `factor`."""
    content = path.read_bytes()
    constants = [
        w
        for w in _tensors(Model(path)._interpreter)
        if w.dtype == np.float32 and content.count(w.tobytes()) == 1
    ]
    weights = max(constants, key=lambda w: w.size)
    return content.replace(weights.tobytes(), (np.float32(factor) * weights).tobytes())


def _tensors(interpreter: Any) -> Iterator[npt.NDArray[Any]]:
    """Every tensor that holds something before the model has run."""
    for detail in interpreter.get_tensor_details():
        with contextlib.suppress(ValueError):  # scratch memory of the runtime
            yield interpreter.get_tensor(detail["index"])


def sums(files: dict[str, bytes]) -> bytes:
    """SHA256SUMS of files by name, so that the checksums match what is in them."""
    return "".join(
        f"{hashlib.sha256(content).hexdigest()}  {name}\n"
        for name, content in sorted(files.items())
    ).encode()


def carded(card: bytes, files: dict[str, bytes]) -> bytes:
    """A model's card with the checksums of these files by name."""
    data = json.loads(card)
    for entry in data["files"].values():
        if entry["name"] in files:
            entry["sha256"] = hashlib.sha256(files[entry["name"]]).hexdigest()
    return json.dumps(data).encode()
