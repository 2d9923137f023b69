"""A report as a picture: time per frame by stage, the roofline, the scaling."""

from pathlib import Path
from typing import Any

import numpy as np

from edge.core.errors import BenchError
from edge.tools.bench.report import Report
from edge.tools.bench.stages import GROUP


def require_matplotlib() -> Any:
    """matplotlib.figure. Raises BenchError where it is not installed."""
    try:
        from matplotlib import figure
    except ImportError as e:
        raise BenchError(
            f"--plot needs matplotlib, which is not installed ({e}); pip install 'posekernel[bench]'"
        ) from e
    return figure


def plot_report(report: Report, path: Path) -> None:
    """Write a PNG. Raises BenchError."""
    drawing = require_matplotlib().Figure(figsize=(13, 4.5), layout="constrained")
    stages, roof, scaling = drawing.subplots(1, 3)
    rows = [r for r in report.rows if r.group == GROUP][::-1]
    stages.barh([r.name for r in rows], [r.share_ms or 0.0 for r in rows])
    stages.set(xlabel="ms per frame", title=report.verdict.sentence.partition(";")[0])

    limits = report.limits
    bandwidth = limits.copy_gb_s[max(limits.copy_gb_s, key=float)]
    intensity = np.geomspace(0.05, 1000.0, 50)
    roof.loglog(intensity, np.minimum(intensity * bandwidth, limits.gflop_s), color="black")
    for p in report.roofline:
        x, y = p.operations / p.bytes, p.operations / p.median_ms / 1e6
        roof.loglog(x, y, "o")
        roof.annotate(p.name, (x, y), fontsize=7)
    roof.set(xlabel="operations per byte", ylabel="GFLOP/s, one thread", title="roofline")

    for fit in report.scaling:
        sizes = np.array(fit.values)
        share = sizes / sizes.max()
        (line,) = scaling.plot(
            share, fit.median_ms, "o", label=f"{fit.variable} (to {sizes.max():g}), R2 {fit.r2:.3f}"
        )
        scaling.plot(share, fit.intercept + fit.slope * sizes, color=line.get_color())
    scaling.set(xlabel="share of the largest", ylabel="ms", title="scaling")
    scaling.legend(fontsize=7)
    try:
        drawing.savefig(path, dpi=110, format="png")
    except OSError as e:
        raise BenchError(
            f"{path}: the plot cannot be written ({e.strerror}); give another path"
        ) from e
