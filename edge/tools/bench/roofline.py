"""How near the heavy stages come to what this machine could do: their operations and bytes against
measured limits.
"""

import importlib
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge.core.inference.tflite import load_runtime
from edge.lifting.lifter import MODELS
from edge.tools.bench.front_end import GROUP, FrontEnd
from edge.tools.bench.machine import Limits
from edge.tools.bench.measure import Row
from edge.tools.bench.speed import NetworkRow

# What an element of the result costs; anything else that a network does only moves bytes.
_PER_ELEMENT = ("ADD", "MUL", "SUB", "LOGISTIC", "MAXIMUM", "RELU", "PRELU", "HARD_SWISH")


@dataclass(frozen=True)
class Work:
    """Arithmetic operations (a multiplication and an addition are two) and bytes read and written,
    each array counted once.
    """

    operations: float
    bytes: float


@dataclass(frozen=True)
class Point:
    """One stage under the roof. of_arithmetic, of_bandwidth: shares of the limits; bound: which is
    nearer.

    The limits are of float32 on one thread, so what computes in 8 bits, int8 networks and the
    volume, may exceed the first.
    """

    name: str
    operations: float
    bytes: float
    median_ms: float
    of_arithmetic: float
    of_bandwidth: float
    bound: str


def roofline(
    rows: Iterable[Row], end: FrontEnd, networks: Iterable[NetworkRow], limits: Limits
) -> tuple[Point, ...]:
    """Points of the front end's stages and of every network on one thread of the preferred runtime."""
    times = {r.name: r.median_ms for r in rows if r.group == GROUP}
    points = [
        _point("deconvolution", deconvolution_work(end), times["deconvolution"], limits),
        _point("volume", volume_work(end), times["volume"], limits),
    ]
    runtime = load_runtime()[0]
    points += [
        _point(n.file, network_work(MODELS / n.file), n.median_ms, limits)
        for n in networks
        if (n.threads, n.runtime) == (1, runtime)
    ]
    return tuple(points)


def deconvolution_work(end: FrontEnd) -> Work:
    """A real FFT of (M, N), a product with the inverse, a shorter complex one back; one window a
    microphone is kept.
    """
    heard = end.deconvolve
    samples, back = heard.period_samples, heard.period_samples // end.fewer
    bins = back // 2
    operations = 2.5 * samples * math.log2(samples) + 6.0 * bins + 5.0 * back * math.log2(back)
    moved = (
        4.0 * samples
        + 8.0 * (samples // 2 + 1)
        + 8.0 * bins
        + 3 * 8.0 * back
        + 2 * 8.0 * heard.window_samples
    )
    return Work(heard.mics * operations, heard.mics * moved)


def volume_work(end: FrontEnd) -> Work:
    """The look-up table is read, each voxel written, one byte each.

    In vectors each voxel is the sum of two products, rounded. Voxel by voxel, each pair's finer row
    is made, four operations a point, and read.
    """
    gather = end.volume.gather_of_codes
    pairs = end.volume.pairs
    voxels = float(pairs * math.prod(end.volume.grid.shape))
    fine = float(pairs * gather.fine_points)
    tables = float(sum(table.nbytes for table in gather.tables))
    operations = 6.0 * voxels if gather.vectors else 4.0 * fine
    return Work(operations, tables + 2.0 * fine + voxels + 4.0 * pairs * end.volume.window_samples)


def network_work(path: Path) -> Work:
    """Of the graph as it is stored: every tensor that an operator reads or writes is moved once for
    it. Raises ModelError.
    """
    _, interpreter = load_runtime()
    graph = interpreter(
        model_content=path.read_bytes(), experimental_op_resolver_type=_plain(interpreter)
    )
    graph.allocate_tensors()
    tensors = {t["index"]: t for t in graph.get_tensor_details()}
    operations = moved = 0.0
    for op in graph._get_ops_details():
        inputs, outputs = (
            [tensors[i] for i in op[key] if i in tensors] for key in ("inputs", "outputs")
        )
        moved += sum(_nbytes(t) for t in [*inputs, *outputs])
        operations += _operations(op["op_name"], inputs, outputs)
    return Work(operations, moved)


def _operations(name: str, inputs: list[dict[str, Any]], outputs: list[dict[str, Any]]) -> float:
    size = float(np.prod(outputs[0]["shape"])) if outputs else 0.0
    if name in ("CONV_2D", "FULLY_CONNECTED"):  # weights: outputs first
        return 2.0 * size * float(np.prod(inputs[1]["shape"][1:]))
    if name == "DEPTHWISE_CONV_2D":  # weights: one, rows, columns, channels
        return 2.0 * size * float(np.prod(inputs[1]["shape"][1:3]))
    return size if name in _PER_ELEMENT else 0.0


def _nbytes(tensor: dict[str, Any]) -> float:
    return float(np.prod(tensor["shape"])) * float(np.dtype(tensor["dtype"]).itemsize)


def _plain(interpreter: Any) -> Any:
    """No delegate: it would hide the operators that it takes over."""
    return importlib.import_module(
        interpreter.__module__
    ).OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES


def _point(name: str, work: Work, median_ms: float, limits: Limits) -> Point:
    seconds = median_ms / 1e3
    arithmetic = work.operations / seconds / 1e9 / limits.gflop_s
    bandwidth = work.bytes / seconds / 1e9 / limits.bandwidth(work.bytes)
    bound = "arithmetic" if arithmetic > bandwidth else "bandwidth"
    return Point(name, work.operations, work.bytes, median_ms, arithmetic, bandwidth, bound)
