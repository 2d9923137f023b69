"""A whole frame, image and one period of sound to a pose, with parts of it done by other libraries.

Every candidate is the sensor's own pipeline with one part replaced: the networks' runtime, the
fusion network, or the deconvolution. All take turns, frame by frame, so that other load of the
machine meets all alike.
"""

import importlib.metadata
import io
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import scipy.fft

from edge.core.arrays import Array, ComplexArray, FloatArray
from edge.core.config import Config
from edge.core.contracts import AudioPeriod, Frame
from edge.core.errors import EndOfStreamError, ModelError
from edge.core.inference.execution import execution
from edge.core.inference.tflite import RUNTIMES, Model
from edge.core.typed import convert
from edge.lifting.lifter import MODELS
from edge.lifting.network_lifter import NetworkLifter
from edge.sensor.pipeline import Pipeline
from edge.sensor.plan import SensorPlan, make_plan
from edge.sensor.process.warm_up import warm_up
from edge.sound.deconvolution import TIKHONOV
from edge.sound.excitation import band_window
from edge.sources.session.reader import DEMO_SESSION

FORMS = ("ray", "volume")
OURS = "posekernel"
PACKAGES = (
    "ai-edge-litert",
    "tflite-runtime",
    "torch",
    "onnx",
    "onnxruntime",
    "mediapipe",
    "numpy",
    "scipy",
)
_REMEDY = "pip install 'posekernel[peers]'"


@dataclass(frozen=True)
class PeerRow:
    """One candidate with one lifter. Milliseconds of a frame with a person in view.

    ratio: its time over ours, median over the frames. apart_mm: from joint to joint of the two
    poses, median. absent: why it was not run.
    """

    lifter: str
    name: str
    median_ms: float = float("nan")
    p95_ms: float = float("nan")
    ratio: float = float("nan")
    apart_mm: float = float("nan")
    absent: str = ""


def bench_peers(rounds: int = 3, frames: int | None = None) -> tuple[PeerRow, ...]:
    """Every candidate that is installed; the others are named with what installs them.

    rounds: over the shipped session, after one that is not timed. frames: only so many of it.
    """
    return tuple(row for form in FORMS for row in _compare(form, rounds, frames))


def _compare(form: str, rounds: int, frames: int | None) -> list[PeerRow]:
    plan = session_plan(form)
    how = execution(plan.config)
    makers: dict[str, Callable[[], Pipeline]] = {OURS: partial(make_pipeline, plan)}
    for runtime, variant in product(RUNTIMES, ("int8", "float")):
        if (runtime, variant) != (how.runtime, how.variant):
            other = session_plan(form, variant, runtime)
            makers[f"networks in {runtime}, {variant}"] = partial(make_pipeline, other)
    makers |= {
        "fusion network in PyTorch": partial(_with_fusion, plan, _Torch, form),
        "fusion network in ONNX Runtime": partial(_with_fusion, plan, _OnnxRuntime, form),
        "deconvolution in numpy": partial(_with_deconvolution, plan, np.fft, np.float64),
        "deconvolution in scipy": partial(_with_deconvolution, plan, scipy.fft, np.float32),
    }
    pipelines, absent = {}, {}
    for name, make in makers.items():
        try:
            pipelines[name] = make()
        except (ImportError, ModelError) as e:
            absent[name] = f"not installed ({' '.join(str(e).split())}); {_REMEDY}"
    times, joints = _in_turns(pipelines, recorded_frames(plan)[:frames], rounds)
    return [
        *(
            PeerRow(
                lifter=form,
                name=name,
                median_ms=float(np.median(t)),
                p95_ms=float(np.percentile(t, 95)),
                ratio=float(np.median(t / times[OURS])),
                apart_mm=1e3 * _apart_m(joints[name], joints[OURS]),
            )
            for name, t in times.items()
        ),
        *(PeerRow(form, name, absent=why) for name, why in absent.items()),
    ]


def session_plan(
    form: str, variant: str = "auto", runtime: str = "auto", session: Path = DEMO_SESSION
) -> SensorPlan:
    """A sensor on a session, with this form of lifter on one thread. Raises ConfigError,
    SessionError.
    """
    source = {"kind": "replay", "path": str(session), "realtime": False}
    tables = {
        "device": {"id": "bench-peers"},
        "source": source,
        "lifter": {"kind": form, "variant": variant, "threads": 1},
        "mqtt": {"enabled": False},
        "runtime": {"tflite": runtime},
    }
    return make_plan(convert(tables, Config))


def make_pipeline(plan: SensorPlan) -> Pipeline:
    """The sensor's pipeline, with everything compiled."""
    pipeline = Pipeline(plan.config, plan.rig, plan.excitation, plan.correction)
    warm_up(pipeline)
    return pipeline


def _with_fusion(plan: SensorPlan, runtime: "type[_Torch | _OnnxRuntime]", form: str) -> Pipeline:
    lifter = msgspec.structs.replace(plan.config.lifter, variant="float")
    config = msgspec.structs.replace(plan.config, lifter=lifter)
    network = runtime(f"lifter_{form}")
    pipeline = make_pipeline(replace(plan, config=config))
    assert isinstance(pipeline.pose.lift, NetworkLifter)
    pipeline.pose.lift._fusion = network  # type: ignore[assignment]
    return pipeline


def _with_deconvolution(plan: SensorPlan, fft: Any, dtype: type[np.floating[Any]]) -> Pipeline:
    pipeline = make_pipeline(plan)
    pipeline.deconvolve = PlainDeconvolver(pipeline.deconvolve, plan, fft, dtype)  # type: ignore[assignment]
    return pipeline


def recorded_frames(plan: SensorPlan) -> list[tuple[Frame, AudioPeriod]]:
    """The frames of the session, each with a period of sound of its own."""
    source, pairs = plan.open(), []
    try:
        while True:
            frame, period = source.frames.read(1.0), source.audio.read(1.0)
            if frame is not None and period is not None:
                pairs.append((frame, period))
    except EndOfStreamError:
        return pairs
    finally:
        source.close()


def _in_turns(
    pipelines: dict[str, Pipeline], pairs: list[tuple[Frame, AudioPeriod]], rounds: int
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Times (K,) [ms] and joints (K, J, 3) [m] of each candidate in the frames with a pose."""
    times: dict[str, list[float]] = {name: [] for name in pipelines}
    joints: dict[str, list[Array]] = {name: [] for name in pipelines}
    for turn in range(rounds + 1):
        for pipeline in pipelines.values():
            pipeline.resume()
        for frame, period in pairs:
            for name, pipeline in pipelines.items():
                start = time.perf_counter()
                heard = pipeline.hear(period)
                estimate = pipeline.fuse(pipeline.see(frame, "simulated"), heard, "simulated")
                passed_ms = 1e3 * (time.perf_counter() - start)
                if turn > 0 and estimate is not None:
                    times[name].append(passed_ms)
                    joints[name].append(estimate.people[0].pose.joints)
    return (
        {name: np.array(t) for name, t in times.items()},
        {name: np.array(j) for name, j in joints.items()},
    )


def _apart_m(joints: Array, others: Array) -> float:
    return float(np.median(np.linalg.norm(joints - others, axis=-1)))


class PlainDeconvolver:
    """What `Deconvolver` computes in its shortest form: transforms of the whole period, of which
    every k-th sample is kept. For rigs without a correction.
    """

    def __init__(self, ours: Any, plan: SensorPlan, fft: Any, dtype: type[np.floating[Any]]):
        """fft: `numpy.fft` or `scipy.fft`. dtype: of the samples that it is given."""
        x, self._n = plan.excitation, plan.excitation.period_samples
        self.sample_rate_hz, self.band_hz = ours.sample_rate_hz, ours.band_hz
        self.window_samples, self.period_samples = ours.window_samples, self._n
        self._decimation = round(x.sample_rate_hz / ours.sample_rate_hz)
        self._fft, self._dtype = fft, dtype
        self._window = band_window(np.fft.rfftfreq(self._n, 1.0 / x.sample_rate_hz), x.band_hz)
        self._inverse = self._regularised(x.spectrum)
        self._gain = self._n / np.sum((self._inverse * x.spectrum).real)
        self._mic = plan.rig.pairs[:, 1]
        periodic = self._n // self._decimation
        self._lag = plan.rig.pairs[:, 0] * (periodic // len(plan.rig.speakers))

    def __call__(
        self, samples: FloatArray, reference: FloatArray | None = None, delay_samples: float = 0.0
    ) -> ComplexArray:
        """See `Deconvolver`."""
        heard = self._fft.rfft(samples.astype(self._dtype))
        if reference is not None:
            inverse = self._regularised(self._fft.rfft(reference.astype(self._dtype)))
        else:
            bins = np.arange(heard.shape[1])
            inverse = self._inverse * np.exp(2j * np.pi * delay_samples / self._n * bins)
        one_sided = np.zeros((len(samples), self._n), heard.dtype)
        one_sided[:, : heard.shape[1]] = heard * (self._gain * inverse)
        analytic = self._fft.ifft(one_sided)[:, :: self._decimation]
        window = self.window_samples
        rows = [analytic[m, t : t + window] for m, t in zip(self._mic, self._lag, strict=True)]
        return np.array(rows, np.complex64)

    def _regularised(self, spectrum: ComplexArray) -> Any:
        power = np.abs(spectrum) ** 2
        return self._window * np.conj(spectrum) / (power + TIKHONOV * power.max())


class _Torch:
    """The float fusion network in PyTorch, on one thread. Raises ImportError, ModelError."""

    def __init__(self, name: str) -> None:
        import torch

        torch.set_num_threads(1)
        self._torch, self._net = torch, _torch_network(name)

    def run(self, *inputs: FloatArray) -> list[FloatArray]:
        """See `Model.run`."""
        with self._torch.inference_mode():
            return [y.numpy() for y in self._net(*map(self._torch.from_numpy, inputs))]


class _OnnxRuntime:
    """The float fusion network in ONNX Runtime, on one thread. Raises ImportError, ModelError."""

    def __init__(self, name: str) -> None:
        import onnx  # noqa: F401  the exporter needs it
        import onnxruntime
        import torch

        shapes = Model(MODELS / f"{name}.tflite").input_shapes
        self._names = [f"input_{k}" for k in range(len(shapes))]
        file = io.BytesIO()
        with torch.inference_mode():
            zeros = tuple(torch.zeros(shape) for shape in shapes)
            network = _torch_network(name)
            torch.onnx.export(network, zeros, file, input_names=self._names, dynamo=False)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            file.getvalue(), options, providers=["CPUExecutionProvider"]
        )

    def run(self, *inputs: FloatArray) -> list[FloatArray]:
        """See `Model.run`."""
        return list(self._session.run(None, dict(zip(self._names, inputs, strict=True))))


def _torch_network(name: str) -> Any:
    """The float network with the weights of the file that ships. Raises ImportError, ModelError."""
    # These import torch.
    from export.train.conversion.shipped import load_shipped
    from export.train.train_config import config_from

    shipped = load_shipped(MODELS / f"{name}.json")
    net = config_from(shipped["config"]).make_network()
    net.load_state_dict(shipped["fusion"])
    return net.eval()


def versions() -> dict[str, str]:
    """Of the packages that are compared, as far as they are installed."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
