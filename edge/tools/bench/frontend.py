"""How fast the sound front end is, against plain numpy, the best scipy form and pyroomacoustics, in
one interleaved run.
"""

import argparse
import json
from dataclasses import asdict, dataclass, field

import numpy as np

from edge.tools.bench.front_end_peers import (
    numpy_stages,
    pyroomacoustics_stages,
    scipy_int8_stages,
    scipy_stages,
)
from edge.tools.bench.scene import Stages, error_db, make_scene, our_int8_stages, our_stages
from edge.tools.bench.turns import in_turns

STAGES = ("deconvolution", "envelope", "volume")
OURS = "posekernel int8"


@dataclass(frozen=True)
class Row:
    """One implementation. Times in ms, over all repetitions, settled. absent: why it was not run,
    or "".

    first_ms, first_ratio: of a first call, with caches full of something else.
    """

    name: str
    median_ms: float = float("nan")
    p95_ms: float = float("nan")
    ratio: float = float("nan")
    first_ms: float = float("nan")
    first_ratio: float = float("nan")
    stages_ms: dict[str, float] = field(default_factory=dict)
    error_db: float | None = None
    absent: str = ""


@dataclass(frozen=True)
class BenchResult:
    """ratio: to the first row, median over the repetitions. error_db: worst voxel against numpy,
    None where not comparable.
    """

    microphones: int
    samples: int
    voxels: tuple[int, int, int]
    repetitions: int
    rows: tuple[Row, ...]

    def row(self, name: str) -> Row:
        """The row of that name."""
        return next(r for r in self.rows if r.name == name)


def bench_frontend(
    repetitions: int = 40, voxels: tuple[int, int, int] = (48, 64, 64)
) -> BenchResult:
    """Deconvolution, envelope and volume of one period of 6 microphones, 4800 samples at 48 kHz.
    voxels: (Z, Y, X).
    """
    scene = make_scene(voxels)
    candidates: dict[str, Stages] = {
        OURS: our_int8_stages(scene),
        "posekernel float32": our_stages(scene),
        "numpy": numpy_stages(scene),
        "scipy": scipy_stages(scene),
        "scipy int8": scipy_int8_stages(scene),
    }
    absent = ""
    try:
        candidates["pyroomacoustics"] = pyroomacoustics_stages(scene)
    except ImportError as e:
        absent = f"not installed ({e}); pip install posekernel[bench]"

    turns = in_turns(candidates, scene.recording, repetitions)
    ours, reference = turns[OURS], turns["numpy"].result
    rows = [
        Row(
            name=name,
            median_ms=float(np.median(t.whole)),
            p95_ms=float(np.percentile(t.whole, 95)),
            ratio=float(np.median(t.whole / ours.whole)),
            first_ms=float(np.median(t.first)),
            first_ratio=float(np.median(t.first / ours.first)),
            stages_ms={stage: float(np.median(t.stages[:, s])) for s, stage in enumerate(STAGES)},
            error_db=None if name == "pyroomacoustics" else error_db(t.result, reference),
        )
        for name, t in turns.items()
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
    stages = "   ".join(f"{s:>13}" for s in STAGES)
    print(
        f"{'':20}{'median':>10}{'95 %':>10}{'ratio':>8}   {stages}   {'first call':>20}   {'error':>8}"
    )
    for r in result.rows:
        if r.absent:
            print(f"{r.name:20}absent: {r.absent}")
            continue
        stages = "   ".join(f"{r.stages_ms[s]:10.3f} ms" for s in STAGES)
        first = f"{r.first_ms:.2f} ms{r.first_ratio:7.1f}x"
        error = (
            "another result"
            if r.error_db is None
            else f"{r.error_db:5.0f} dB"
            if np.isfinite(r.error_db)
            else "reference"
        )
        print(
            f"{r.name:20}{r.median_ms:7.2f} ms{r.p95_ms:7.2f} ms{r.ratio:7.1f}x   {stages}   {first:>20}   {error:>8}"
        )
    print(
        "First call: with caches full of something else. All other figures: settled, after five calls."
    )
    print("pyroomacoustics has the deconvolution only; its envelope and volume are plain numpy.")


def run_bench(args: argparse.Namespace) -> int:
    """`posekernel bench --stage frontend [--json]`: prints the result, returns the exit status."""
    result = bench_frontend()
    if args.json:
        data = asdict(result)
        for row in data["rows"]:
            row.update(
                {k: None for k, v in row.items() if isinstance(v, float) and not np.isfinite(v)}
            )
        print(json.dumps(data))
    else:
        print_result(result)
    return 0
