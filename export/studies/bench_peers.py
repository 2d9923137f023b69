"""The front end and the networks against the same work in other libraries, pair by pair in one run."""

import importlib.metadata
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from edge.core.inference.tflite import RUNTIMES, Model
from edge.lifting.lifter import MODELS
from edge.lifting.model_card import INT8
from edge.sound.volume import QuantizedVolume
from edge.tools.bench.front_end_peers import (
    fewer_samples,
    half_width_samples,
    numpy_stages,
    pyroomacoustics_stages,
    scipy_int8_stages,
    scipy_stages,
)
from edge.tools.bench.frontend import OURS
from edge.tools.bench.scene import Scene, Stages, error_db, make_scene, our_int8_stages, our_stages
from edge.tools.bench.turns import in_turns

FORMS = ("ray", "volume")
_PACKAGES = {
    "pyroomacoustics": "bench",
    "torch": "peers",
    "onnx": "peers",
    "onnxruntime": "peers",
    "tflite-runtime": "peers",
}


@dataclass(frozen=True)
class PeerRow:
    """One implementation of one work, on one thread. ratio: its time over that of `base`, median
    over the pairs.

    error_db: largest difference from the work's reference, None for that, for int8 and for what
    computes something else. absent: why it was not run.
    """

    work: str
    name: str
    median_ms: float = float("nan")
    p95_ms: float = float("nan")
    base: str = ""
    ratio: float = float("nan")
    error_db: float | None = None
    absent: str = ""


def bench_peers(
    repetitions: int = 40, voxels: tuple[int, int, int] = (48, 64, 64)
) -> tuple[PeerRow, ...]:
    """Every peer that is installed; the rest is named with what installs it. One thread each."""
    rows = list(_front_end(repetitions, voxels))
    for form in FORMS:
        rows += _networks(form, repetitions)
    return tuple(rows)


def _front_end(repetitions: int, voxels: tuple[int, int, int]) -> list[PeerRow]:
    scene = make_scene(voxels)
    makers: dict[str, Callable[[Scene], Stages]] = {
        OURS: our_int8_stages,
        "posekernel float32": our_stages,
        "numpy": numpy_stages,
        "scipy, numpy": scipy_stages,
        "scipy, numpy int8": scipy_int8_stages,
        "pyroomacoustics, numpy": pyroomacoustics_stages,
        "PyTorch": torch_stages,
    }
    calls, absent = _made({name: partial(make, scene) for name, make in makers.items()})

    return [
        *_measured("front end", calls, scene.recording, OURS, "numpy", repetitions),
        *(PeerRow("front end", name, absent=why) for name, why in absent.items()),
    ]


def _networks(form: str, repetitions: int) -> list[PeerRow]:
    """Both files on every TFLite runtime, and the float network in PyTorch and ONNX Runtime."""
    name = f"lifter_{form}"
    shapes = Model(MODELS / f"{name}.tflite").input_shapes
    rng = np.random.default_rng(0)
    inputs = [rng.standard_normal(s).astype(np.float32) for s in shapes]
    makers: dict[str, Callable[[], Callable[[], Any]]] = {}
    for runtime in RUNTIMES:
        for kind, suffix in (("int8", INT8), ("float", "")):
            makers[f"{runtime} {kind}"] = partial(
                _tflite, f"{name}{suffix}.tflite", runtime, inputs
            )
    makers["PyTorch float"] = partial(_torch, name, inputs)
    makers["ONNX Runtime float"] = partial(_onnx, name, inputs)
    calls, absent = _made(makers)
    base = next(iter(calls))
    reference = next(n for n in calls if n.endswith("float"))
    stages = {peer: (_given_before(call),) for peer, call in calls.items()}
    return [
        *_measured(f"network {form}", stages, None, base, reference, repetitions),
        *(PeerRow(f"network {form}", peer, absent=why) for peer, why in absent.items()),
    ]


def _given_before(call: Callable[[], Any]) -> Callable[[Any], Any]:
    """A stage that has its input already, in a form of its own, which is not to be timed."""
    return lambda _: call()


def _made(makers: Mapping[str, Callable[[], Any]]) -> tuple[dict[str, Any], dict[str, str]]:
    """What could be made, and why the rest could not."""
    from edge.core.errors import ModelError

    made, absent = {}, {}
    for name, make in makers.items():
        try:
            made[name] = make()
        except (ImportError, ModelError) as e:
            package = next(
                (p for p in _PACKAGES if p.replace("-", "_") in str(e).replace("-", "_")), ""
            )
            extra = _PACKAGES.get(package, "peers")
            absent[name] = (
                f"not installed ({' '.join(str(e).split())}); pip install 'posekernel[{extra}]'"
            )
    return made, absent


def _measured(
    work: str,
    candidates: Mapping[str, Sequence[Callable[[Any], Any]]],
    given: Any,
    base: str,
    reference: str,
    repetitions: int,
) -> list[PeerRow]:
    turns = in_turns(candidates, given, repetitions)
    wanted = _flat(turns[reference].result)
    return [
        PeerRow(
            work=work,
            name=name,
            median_ms=float(np.median(t.whole)),
            p95_ms=float(np.percentile(t.whole, 95)),
            base=base,
            ratio=float(np.median(t.whole / turns[base].whole)),
            error_db=None
            if _computes_something_else(name, t.result) or name == reference
            else error_db(_flat(t.result), wanted),
        )
        for name, t in turns.items()
    ]


def _computes_something_else(name: str, result: Any) -> bool:
    """An int8 network is another one; a volume in 8 bits is the same."""
    return name.startswith("pyroomacoustics") or (
        name.endswith("int8") and not isinstance(result, QuantizedVolume)
    )


def _flat(result: Any) -> Any:
    """The outputs of a network, or a volume, as one row; networks order theirs alike."""
    if isinstance(result, QuantizedVolume):
        result = result.values
    parts = result if isinstance(result, list | tuple) else [result]
    return np.concatenate([np.asarray(p, np.float64).ravel() for p in parts])


def _tflite(file: str, runtime: str, inputs: list[Any]) -> Callable[[], Any]:
    return partial(Model(MODELS / file, 1, runtime).run, *inputs)


def _torch_network(name: str) -> Any:
    """The float network with the weights of the file that ships. Raises ImportError, ModelError."""
    from export.train.configuration import config_from
    from export.train.conversion.shipped import load_shipped

    shipped = load_shipped(MODELS / f"{name}.json")
    net = config_from(shipped["config"]).make_network()
    net.load_state_dict(shipped["fusion"])
    return net.eval()


def _torch(name: str, inputs: list[Any]) -> Callable[[], Any]:
    import torch

    torch.set_num_threads(1)
    net, tensors = _torch_network(name), [torch.from_numpy(x) for x in inputs]

    def run() -> list[Any]:
        with torch.inference_mode():
            return [y.numpy() for y in net(*tensors)]

    return run


def _onnx(name: str, inputs: list[Any]) -> Callable[[], Any]:
    import onnx  # noqa: F401  the exporter needs it
    import onnxruntime
    import torch

    file = io.BytesIO()
    names = [f"input_{k}" for k in range(len(inputs))]
    with torch.inference_mode():
        torch.onnx.export(
            _torch_network(name),
            tuple(torch.from_numpy(x) for x in inputs),
            file,
            input_names=names,
            dynamo=False,
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        file.getvalue(), options, providers=["CPUExecutionProvider"]
    )
    return partial(session.run, None, dict(zip(names, inputs, strict=True)))


def torch_stages(scene: Scene) -> Stages:
    """The front end in PyTorch, float32 on one thread: FFTs, a running mean out of a sum, a gather
    from precomputed indices.
    """
    import torch

    torch.set_num_threads(1)
    inverse, index, weight = (torch.from_numpy(a) for a in fewer_samples(scene))
    width = 2 * half_width_samples(scene, scene.fewer) + 1
    before, after = index, index + 1
    n, window = scene.excitation.period_samples // scene.fewer, scene.window_samples // scene.fewer

    def deconvolve(y: Any) -> Any:
        one_sided = torch.zeros((len(y), n), dtype=torch.complex64)
        one_sided[:, : len(inverse)] = (
            torch.fft.rfft(torch.from_numpy(y))[:, : len(inverse)] * inverse
        )
        return torch.fft.ifft(one_sided)[:, :window]

    def envelope(h: Any) -> Any:
        power = (h.real**2 + h.imag**2)[:, None]
        return torch.nn.functional.avg_pool1d(power, width, 1, width // 2)[:, 0].sqrt()

    def volume(e: Any) -> Any:
        return torch.lerp(e.gather(1, before), e.gather(1, after), weight).numpy()

    return deconvolve, envelope, volume


def versions() -> dict[str, str]:
    """Of the peers that are installed."""
    found = {}
    for name in ("numpy", "scipy", *_PACKAGES, "ai-edge-litert"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
