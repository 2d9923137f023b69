"""The one adapter to both TFLite runtimes: ai-edge-litert if installed, else tflite-runtime."""

import hashlib
import importlib
import re
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from edge.core.errors import ModelError

Tensor = npt.NDArray[Any]
Shape = tuple[int, ...]
_MODULES = {
    "ai-edge-litert": "ai_edge_litert.interpreter",
    "tflite-runtime": "tflite_runtime.interpreter",
}
Runtime = Literal["ai-edge-litert", "tflite-runtime"]
RUNTIMES: tuple[Runtime, ...] = get_args(Runtime)  # the preferred one first


class Model:
    """A TFLite file ready to run, on XNNPACK with `threads` threads. Not to be shared between
    threads.

    Inputs and outputs are ordered by tensor name with numbers counted as numbers (Identity,
    Identity_1, ..., Identity_10), which is the order of the graph's author and, unlike the file's
    own, survives conversion and quantisation. runtime: one of RUNTIMES, "" for the first that is
    installed. sha256: of the file, as its card says. Raises ModelError when the file is missing,
    corrupt, or not the one that its card or SHA256SUMS beside it lists.
    """

    def __init__(
        self, path: Path, threads: int = 1, runtime: str = "", sha256: str | None = None
    ) -> None:
        self.path = path
        content = _read_checked(path, sha256)
        self.runtime, interpreter = load_runtime(runtime)
        try:
            self._interpreter = interpreter(model_content=content, num_threads=threads)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as e:
            raise ModelError(
                f"{path}: found {len(content)} bytes that {self.runtime} cannot load "
                f"({_one_line(e)}), a complete TFLite model is needed: install the file again"
            ) from e
        self._inputs = sorted(self._interpreter.get_input_details(), key=_natural_name)
        self._outputs = sorted(self._interpreter.get_output_details(), key=_natural_name)
        # Of each input and output, in the order that `run` takes and gives them.
        self.input_shapes: tuple[Shape, ...] = tuple(_shape(d) for d in self._inputs)
        self.output_shapes: tuple[Shape, ...] = tuple(_shape(d) for d in self._outputs)

    def run(self, *inputs: Tensor) -> list[Tensor]:
        """One inference. inputs: one array per input, of its shape and dtype. Returns copies of the
        outputs.

        Raises ModelError when an array does not fit the model.
        """
        if len(inputs) != len(self._inputs):
            raise ModelError(
                f"{self.path}: found {len(inputs)} input arrays, the model needs "
                f"{len(self._inputs)}"
            )
        for detail, shape, x in zip(self._inputs, self.input_shapes, inputs, strict=True):
            if x.shape != shape or x.dtype != detail["dtype"]:
                raise ModelError(
                    f"{self.path}: input {detail['name']} was given {x.dtype} {x.shape}, "
                    f"the model needs {np.dtype(detail['dtype'])} {shape}"
                )
            self._interpreter.set_tensor(detail["index"], x)
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(d["index"]) for d in self._outputs]


def load_runtime(name: str = "") -> tuple[str, Any]:
    """Name and Interpreter class of a runtime, "" for the first installed. Raises ModelError."""
    for runtime in (name,) if name else RUNTIMES:
        try:
            return runtime, importlib.import_module(_MODULES[runtime]).Interpreter
        except (ImportError, AttributeError):  # tflite-runtime fails with either under numpy 2
            pass
    if name:
        raise ModelError(
            f"the TFLite runtime {name} is not installed here, or not for this numpy: pip install "
            f"{name}"
        )
    raise ModelError(
        "no TFLite runtime is installed: pip install ai-edge-litert, or on Python 3.11 without a "
        "wheel for it, tflite-runtime"
    )


def _read_checked(path: Path, carded: str | None) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as e:
        raise ModelError(
            f"{path}: the model cannot be read ({e.strerror}): check the path or install the file "
            "again"
        ) from e
    found = hashlib.sha256(content).hexdigest()
    for by, needed in (("SHA256SUMS", _listed_sum(path)), ("its card", carded)):
        if needed is not None and found != needed:
            raise ModelError(
                f"{path}: found SHA-256 {found[:16]}..., {by} needs {needed[:16]}...: the file is "
                "damaged or of another version, install it again"
            )
    return content


def _listed_sum(path: Path) -> str | None:
    try:
        lines = (path.parent / "SHA256SUMS").read_text().splitlines()
    except OSError:
        return None
    sums = {
        name.lstrip("*"): digest for digest, _, name in (line.partition("  ") for line in lines)
    }
    return sums.get(path.name)


def _natural_name(detail: dict[str, Any]) -> list[tuple[int, str]]:
    return [(int(s), "") if s.isdigit() else (-1, s) for s in re.split(r"(\d+)", detail["name"])]


def _shape(detail: dict[str, Any]) -> Shape:
    return tuple(int(n) for n in detail["shape"])


def _one_line(e: Exception) -> str:
    return " ".join(str(e).split())
