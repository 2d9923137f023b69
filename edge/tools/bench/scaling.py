"""How the front end's time grows with microphones, voxels and sample rate: straight lines, fitted.

Processor time, which other work on the machine disturbs less than the clock on the wall.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edge.tools.bench.front_end import STAGES, FrontEnd
from edge.tools.bench.measure import CallTimer

MICROPHONES = (1, 2, 4, 6, 8)
SLICES = (12, 24, 36, 48)  # of 64 x 64 voxels
RATES_HZ = (16_000, 24_000, 32_000, 48_000)
FULL_BAND = 0.46  # of the rate: with a band that needs every sample
_WARM_UP = 3


@dataclass(frozen=True)
class Fit:
    """Median processor times [ms] of `stages` against `values` of `variable`, and their
    least-squares line.
    """

    variable: str
    stages: str
    values: tuple[float, ...]
    median_ms: tuple[float, ...]
    slope: float
    intercept: float
    r2: float


def bench_scaling(repetitions: int = 30) -> tuple[Fit, ...]:
    """The front end at other sizes, all in one interleaved run; the other two are 6 microphones, 64
    x 64 x 48 voxels, 48 kHz.

    The band is 2-7.5 kHz, but up to FULL_BAND of the rate where the rate is varied: else responses
    come at 16 kHz from all.
    """
    ends = {("microphones", float(m)): FrontEnd(microphones=m) for m in MICROPHONES}
    ends |= {
        ("sample rate [kHz]", r / 1000.0): FrontEnd(
            sample_rate_hz=r, band_hz=(2_000.0, FULL_BAND * r)
        )
        for r in RATES_HZ
    }
    ends |= {("voxels", 64.0 * 64.0 * z): FrontEnd(voxels=(z, 64, 64)) for z in SLICES}
    clocks = {key: CallTimer() for key in ends}
    for i in range(-_WARM_UP, repetitions):
        for key, end in ends.items():
            end.run(clocks[key] if i >= 0 else CallTimer())
    totals = {key: sum(clock.cpu_ms(s) for s in STAGES) for key, clock in clocks.items()}
    volumes = {key: clock.cpu_ms("volume") for key, clock in clocks.items()}
    without = {
        key: totals[key] - volumes[key] for key in totals
    }  # the volume does not depend on the sample rate
    return (
        _fit("microphones", "whole front end", totals),
        _fit("voxels", "volume", volumes),
        _fit("sample rate [kHz]", "deconvolution, background, envelope", without),
    )


def fit_line(
    variable: str, stages: str, values: tuple[float, ...], median_ms: tuple[float, ...]
) -> Fit:
    """Least squares."""
    x, y = np.array(values), np.array(median_ms)
    slope, intercept = np.polyfit(x, y, 1)
    left = ((y - slope * x - intercept) ** 2).sum()
    spread = ((y - y.mean()) ** 2).sum()
    return Fit(
        variable,
        stages,
        values,
        median_ms,
        float(slope),
        float(intercept),
        float(1.0 - left / spread) if spread else 1.0,
    )


def _fit(variable: str, stages: str, times: Mapping[tuple[str, float], float]) -> Fit:
    points = {value: ms for (name, value), ms in times.items() if name == variable}
    return fit_line(variable, stages, tuple(points), tuple(points.values()))
