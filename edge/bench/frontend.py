"""How fast the sound front end is, against plain numpy, the best scipy form and pyroomacoustics, in one interleaved run."""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.fft
from scipy.ndimage import uniform_filter1d

from edge.deconvolution import TIKHONOV, Deconvolver
from edge.devices import FloatArray
from edge.excitation import Excitation, band_window, make_excitation
from edge.pose_kernel import make_kernels
from edge.rig import Camera, Rig, speed_of_sound
from edge.volume import Grid, Volume

Array = npt.NDArray[np.float64]
STAGES = ("deconvolution", "envelope", "volume")
BAND_HZ = (2_000.0, 7_500.0)
WINDOW_S = 0.04
_WARM_UP = 3


@dataclass(frozen=True)
class Row:
    """One implementation. Times in ms, over all repetitions. absent: why it was not run, or ""."""

    name: str
    median_ms: float = float("nan")
    p95_ms: float = float("nan")
    ratio: float = float("nan")
    stages_ms: dict[str, float] = field(default_factory=dict)
    error_db: float | None = None
    absent: str = ""


@dataclass(frozen=True)
class BenchResult:
    """ratio: to the first row, median over the repetitions. error_db: worst voxel against numpy, None where not comparable."""

    microphones: int
    samples: int
    voxels: tuple[int, int, int]
    repetitions: int
    rows: tuple[Row, ...]

    def row(self, name: str) -> Row:
        """The row of that name."""
        return next(r for r in self.rows if r.name == name)


# One implementation: three functions, each fed with what the one before gave.
Stages = tuple[Callable[[Any], Any], Callable[[Any], Any], Callable[[Any], Any]]


@dataclass(frozen=True, eq=False)
class Scene:
    """What every implementation is given. recording: (M, N) float32, one period.

    deconvolve: ours. fewer: the recording's sample rate over that of our responses; the faster peers may leave out as much.
    """

    excitation: Excitation
    rig: Rig
    grid: Grid
    window_samples: int
    recording: FloatArray
    deconvolve: Deconvolver
    fewer: int


def bench_frontend(repetitions: int = 40, voxels: tuple[int, int, int] = (48, 64, 64)) -> BenchResult:
    """Deconvolution, envelope and volume of one period of 6 microphones, 4800 samples at 48 kHz. voxels: (Z, Y, X)."""
    scene = make_scene(voxels)
    candidates: dict[str, Stages] = {"posekernel": our_stages(scene), "numpy": numpy_stages(scene), "scipy": scipy_stages(scene)}
    absent = ""
    try:
        candidates["pyroomacoustics"] = pyroomacoustics_stages(scene)
    except ImportError as e:
        absent = f"not installed ({e}); pip install posekernel[bench]"

    results, times = {}, {name: np.empty((repetitions, len(STAGES))) for name in candidates}
    for i in range(-_WARM_UP, repetitions):
        for name, stages in candidates.items():
            value: Any = scene.recording
            for s, stage in enumerate(stages):
                start = time.perf_counter()
                value = stage(value)
                if i >= 0:
                    times[name][i, s] = 1e3 * (time.perf_counter() - start)
            results[name] = value
    ours = times["posekernel"].sum(axis=1)
    rows = [
        Row(
            name=name,
            median_ms=float(np.median(t.sum(axis=1))),
            p95_ms=float(np.percentile(t.sum(axis=1), 95)),
            ratio=float(np.median(t.sum(axis=1) / ours)),
            stages_ms={stage: float(np.median(t[:, s])) for s, stage in enumerate(STAGES)},
            error_db=None if name == "pyroomacoustics" else error_db(results[name], results["numpy"]),
        )
        for name, t in times.items()
    ]
    if absent:
        rows.append(Row("pyroomacoustics", absent=absent))
    microphones, samples = scene.recording.shape
    return BenchResult(microphones, samples, scene.grid.shape, repetitions, tuple(rows))


def print_result(result: BenchResult) -> None:
    """The result as a table."""
    z, y, x = result.voxels
    size = f"{result.microphones} x {result.samples} samples, {x} x {y} x {z} voxels"
    print(f"front end: {size}, one thread, {result.repetitions} runs")
    print(f"{'':16}{'median':>10}{'95 %':>10}{'ratio':>8}   {'   '.join(f'{s:>13}' for s in STAGES)}   {'error':>8}")
    for r in result.rows:
        if r.absent:
            print(f"{r.name:16}absent: {r.absent}")
            continue
        stages = "   ".join(f"{r.stages_ms[s]:10.3f} ms" for s in STAGES)
        error = "another result" if r.error_db is None else f"{r.error_db:5.0f} dB" if np.isfinite(r.error_db) else "reference"
        print(f"{r.name:16}{r.median_ms:7.2f} ms{r.p95_ms:7.2f} ms{r.ratio:7.1f}x   {stages}   {error:>8}")
    print("pyroomacoustics has the deconvolution only; its envelope and volume are plain numpy.")


def run_bench(args: argparse.Namespace) -> int:
    """`posekernel bench --stage frontend [--json]`: prints the result, returns the exit status."""
    result = bench_frontend()
    if args.json:
        data = asdict(result)
        for row in data["rows"]:
            row.update({k: None for k, v in row.items() if isinstance(v, float) and not np.isfinite(v)})
        print(json.dumps(data))
    else:
        print_result(result)
    return 0


def make_scene(
    voxels: tuple[int, int, int],
    microphones: int = 6,
    sample_rate_hz: int = 48_000,
    band_hz: tuple[float, float] = BAND_HZ,
) -> Scene:
    """A ring of microphones of 46.3 mm radius, the speaker 10 cm below; one echo per microphone in noise. voxels: (Z, Y, X)."""
    angle = 2.0 * np.pi / microphones * np.arange(microphones)
    rig = Rig(
        speakers=np.array([[0.0, 0.1, 0.0]]),
        mics=0.0463 * np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=-1),
        pairs=np.array([[0, m] for m in range(microphones)]),
        camera=Camera(640, 480, 520.0, 520.0, 320.0, 240.0),
        speed_of_sound_m_s=speed_of_sound(20.0),
    )
    excitation = make_excitation(sample_rate_hz, band_hz, 0.1, -12.0)
    z, y, x = (0.05 * n for n in voxels)
    grid = Grid((-x / 2, x / 2), (-y / 2, y / 2), (1.0, 1.0 + z), 0.05)
    echo = np.exp(-2j * np.pi * np.arange(len(excitation.spectrum)) / 0.1 * rig.arrival_s([0.3, 0.2, 2.4])[:, None])
    recording = np.fft.irfft(excitation.spectrum * echo, excitation.period_samples)
    recording += 0.01 * np.random.default_rng(0).standard_normal(recording.shape)
    deconvolve = Deconvolver(excitation, rig, WINDOW_S)
    fewer = round(sample_rate_hz / deconvolve.sample_rate_hz)
    return Scene(excitation, rig, grid, round(WINDOW_S * sample_rate_hz), recording.astype(np.float32), deconvolve, fewer)


def our_stages(scene: Scene) -> Stages:
    """What the sensor runs."""
    deconvolve = scene.deconvolve
    rate, band = deconvolve.sample_rate_hz, deconvolve.band_hz
    volume = Volume(scene.rig, scene.grid, rate, deconvolve.window_samples)
    out = np.empty((volume.pairs, *scene.grid.shape), np.float32)
    return deconvolve, lambda h: volume.pool(make_kernels(h, rate, band).envelope), lambda e: volume.gather(e, out)


def one_sided_inverse(scene: Scene) -> npt.NDArray[np.complex128]:
    """The one-sided inverse (N // 2 + 1,) that gives a unit path an envelope of 1."""
    n = scene.excitation.period_samples
    window = band_window(np.fft.rfftfreq(n, 1.0 / scene.excitation.sample_rate_hz), scene.excitation.band_hz)
    x = scene.excitation.spectrum.astype(np.complex128)
    power = np.abs(x) ** 2
    tikhonov = TIKHONOV * power.max()
    inverse = window * np.conj(x) / (power + tikhonov)
    return np.asarray(inverse * n / np.sum(window * power / (power + tikhonov)))


def half_width_samples(scene: Scene, fewer: int = 1) -> int:
    """Half a voxel of range, in every `fewer`-th sample."""
    return round(scene.grid.step_m / scene.rig.speed_of_sound_m_s * scene.excitation.sample_rate_hz / fewer)


def numpy_stages(scene: Scene) -> Stages:
    """The obvious form: float64 FFTs, np.convolve, np.interp."""
    inverse, half = one_sided_inverse(scene), half_width_samples(scene)
    samples = np.arange(scene.window_samples)
    position = scene.rig.arrival_s(scene.grid.centres.reshape(-1, 3)) * scene.excitation.sample_rate_hz

    def deconvolve(y: FloatArray) -> Any:
        one_sided = np.zeros(y.shape, np.complex128)
        one_sided[:, : len(inverse)] = np.fft.rfft(y) * inverse
        return np.fft.ifft(one_sided)[:, : scene.window_samples]

    def envelope(h: Any) -> Any:
        ones = np.ones(2 * half + 1)
        count = np.convolve(np.ones(h.shape[1]), ones, "same")
        return np.array([np.sqrt(np.convolve(np.abs(row) ** 2, ones, "same") / count) for row in h])

    def volume(e: Any) -> Any:
        return np.array([np.interp(p, samples, row, right=0.0) for p, row in zip(position, e, strict=True)])

    return deconvolve, envelope, volume


def fewer_samples(scene: Scene) -> tuple[npt.NDArray[np.complex64], npt.NDArray[np.intp], FloatArray]:
    """For peers that sample responses as we do: the inverse up to their Nyquist frequency, look-up indices and weights (P, V)."""
    window = scene.window_samples // scene.fewer
    inverse = (one_sided_inverse(scene)[: scene.excitation.period_samples // scene.fewer // 2] / scene.fewer).astype(np.complex64)
    rate = scene.excitation.sample_rate_hz / scene.fewer
    position = scene.rig.arrival_s(scene.grid.centres.reshape(-1, 3)) * rate
    index = np.minimum(position.astype(np.intp), window - 2)
    return inverse, index, np.where(position < window, position - index, 0).astype(np.float32)


def scipy_stages(scene: Scene) -> Stages:
    """The fastest form without a compiler: float32 FFTs, running means, np.take from indices made before, our sample rate."""
    inverse, index, weight = fewer_samples(scene)
    half, window = half_width_samples(scene, scene.fewer), scene.window_samples // scene.fewer

    def deconvolve(y: FloatArray) -> Any:
        one_sided = np.zeros((len(y), y.shape[1] // scene.fewer), np.complex64)
        one_sided[:, : len(inverse)] = scipy.fft.rfft(y)[:, : len(inverse)] * inverse
        return scipy.fft.ifft(one_sided, overwrite_x=True)[:, :window]

    def envelope(h: Any) -> Any:
        return np.sqrt(uniform_filter1d(h.real**2 + h.imag**2, 2 * half + 1, axis=-1, mode="constant"))

    def volume(e: Any) -> Any:
        out = np.empty(index.shape, np.float32)
        step = np.diff(e, axis=-1)
        for p in range(len(e)):
            np.take(step[p], index[p], out=out[p], mode="clip")
            out[p] *= weight[p]
            out[p] += np.take(e[p], index[p], mode="clip")
        return out

    return deconvolve, envelope, volume


def pyroomacoustics_stages(scene: Scene) -> Stages:
    """Its own deconvolution, channel by channel (linear, so exact for one sweep, not for a period), then plain numpy."""
    import pyroomacoustics

    _, envelope, volume = numpy_stages(scene)
    threshold = 1e-3 * float(np.abs(scene.excitation.spectrum).max()) / np.sqrt(2 * scene.excitation.period_samples)

    def responses(y: FloatArray) -> Any:
        h = [
            pyroomacoustics.experimental.deconvolve(row, scene.excitation.samples, length=scene.window_samples, thresh=threshold)
            for row in y
        ]
        n = 2 * scene.window_samples
        spectrum = np.fft.fft(h, n)
        spectrum[:, n // 2 :] = 0.0
        return 2.0 * np.fft.ifft(spectrum)[:, : scene.window_samples]

    return responses, envelope, volume


def error_db(found: Any, reference: Any) -> float:
    """Largest difference relative to the largest value [dB]."""
    difference = np.abs(np.reshape(found, reference.shape) - reference).max() / np.abs(reference).max()
    return 20.0 * float(np.log10(difference)) if difference > 0.0 else -float("inf")
