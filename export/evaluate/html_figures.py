"""The plots of an evaluation report, as PNG bytes."""

import io
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from edge.core.arrays import Array
from edge.core.pose import BONES, JOINTS
from export.evaluate.evaluation import Evaluation
from export.evaluate.metrics import joint_errors
from export.extras import optional

DPI = 100
TRUE, PREDICTED, GREY = "#2b6cb0", "#d9480f", "#888888"
BINS = 8  # of the running median
CASES = ("best", "median", "worst")


def error_against(evaluation: Evaluation, fact: str, label: str) -> bytes | None:
    """Scatter of the mean joint error against a fact, with the median and the quartiles of equally
    filled bins.

    None where fewer than three samples have both.
    """
    x, y = evaluation.facts[fact], 100 * evaluation.errors["mpjpe"]
    ok = np.isfinite(x) & np.isfinite(y)
    if ok.sum() < 3:
        return None
    x, y = x[ok], y[ok]

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        axes.plot(x, y, ".", ms=4, color=GREY, alpha=0.5)
        order = np.argsort(x)
        parts = np.array_split(order, min(BINS, max(1, len(x) // 5)))
        middle = [np.median(x[p]) for p in parts]
        low, mid, high = np.array([np.quantile(y[p], (0.25, 0.5, 0.75)) for p in parts]).T
        axes.plot(middle, mid, "o-", color=PREDICTED, label="median")
        axes.fill_between(middle, low, high, color=PREDICTED, alpha=0.2, lw=0, label="middle half")
        axes.set(
            xlabel=label, ylabel="mean joint error (cm)", ylim=(0, 1.05 * np.quantile(y, 0.99))
        )
        axes.legend(frameon=False)
        axes.grid(alpha=0.3)

    return _png(draw, (6.0, 3.8))


def histograms(evaluation: Evaluation) -> bytes:
    """Mean joint error, error of the mid-hip's distance, and of the height."""
    panels = (
        ("mpjpe", "mean joint error (cm)"),
        ("mid_hip", "mid-hip distance error (cm)"),
        ("height", "height error (cm)"),
    )

    def draw(figure: Any) -> None:
        for axes, (name, label) in zip(figure.subplots(1, 3), panels, strict=True):
            v = 100 * evaluation.errors[name]
            v = v[np.isfinite(v)]
            if len(v):
                low, high = np.quantile(v, (0.005, 0.995))
                axes.hist(np.clip(v, low, high), bins=min(40, max(5, len(v) // 5)), color=TRUE)
                axes.axvline(np.median(v), color=PREDICTED, label=f"median {np.median(v):.1f}")
                axes.legend(frameon=False)
            axes.set(xlabel=label, ylabel="people")

    return _png(draw, (10.5, 3.2))


def joints_and_sigma(evaluation: Evaluation) -> bytes:
    """Median error of each joint, and errors against their predicted 1-sigma."""
    error = joint_errors(evaluation.predictions.joints, evaluation.truth)
    sigma = evaluation.predictions.sigma

    def draw(figure: Any) -> None:
        left, right = figure.subplots(1, 2)
        typical = [
            100 * np.median(e[np.isfinite(e)]) if np.isfinite(e).any() else 0.0 for e in error.T
        ]
        left.barh([j.replace("_", " ") for j in JOINTS], typical, color=TRUE)
        left.invert_yaxis()
        left.set(xlabel="median error (cm)")
        ok = np.isfinite(error) & np.isfinite(sigma)
        if ok.sum() >= 10:
            s, e = 100 * sigma[ok], 100 * error[ok]
            parts = np.array_split(np.argsort(s), 10)
            x = [np.median(s[p]) for p in parts]
            right.plot(
                x,
                [np.quantile(e[p], 0.683) for p in parts],
                "o-",
                color=PREDICTED,
                label="68 % of the errors are below",
            )
            top = 1.05 * max(x)
            right.plot([0, top], [0, top], "--", color=GREY, label="calibrated")
            right.legend(frameon=False)
        right.set(xlabel="predicted 1-sigma (cm)", ylabel="error (cm)")
        right.grid(alpha=0.3)

    return _png(draw, (10.5, 3.8))


def cases(evaluation: Evaluation) -> bytes | None:
    """The two best, two median and two worst samples in 3D; None where there is no error at all."""
    error = evaluation.errors["mpjpe"]
    order = np.argsort(error)[: int(np.isfinite(error).sum())]
    if len(order) == 0:
        return None
    n = len(order)
    picks = [
        order[[0, min(1, n - 1)]],
        order[[(n - 1) // 2, min(n // 2 + (n % 2), n - 1)]],
        order[[max(n - 2, 0), n - 1]],
    ]

    def draw(figure: Any) -> None:
        for column, (title, pair) in enumerate(zip(CASES, picks, strict=True)):
            for row, i in enumerate(pair):
                axes = figure.add_subplot(2, 3, 3 * row + column + 1, projection="3d")
                _skeletons(axes, evaluation.truth[i], evaluation.predictions.joints[i])
                name = evaluation.predictions.sample[i]
                if evaluation.predictions.person.any():
                    name = f"{name}, person {evaluation.predictions.person[i] + 1}"
                axes.set_title(f"{title}: {name}, {100 * error[i]:.1f} cm", fontsize=9)
        figure.axes[0].legend(frameon=False, fontsize=8)
        figure.subplots_adjust(0.01, 0.03, 0.97, 0.95, 0.05, 0.12)

    return _png(draw, (11.0, 8.0), None)


def _skeletons(axes: Any, truth: Array, predicted: Array) -> None:
    for joints, colour, label in ((truth, TRUE, "true"), (predicted, PREDICTED, "predicted")):
        x, z, up = joints[:, 0], joints[:, 2], -joints[:, 1]
        for a, b in BONES:
            axes.plot(
                x[[a, b]],
                z[[a, b]],
                up[[a, b]],
                color=colour,
                lw=2,
                label=label if (a, b) == BONES[0] else None,
            )
    both = np.concatenate([truth, predicted])
    both = both[np.isfinite(both).all(axis=1)]
    middle, half = (both.max(axis=0) + both.min(axis=0)) / 2, np.ptp(both, axis=0).max() / 2 + 0.05
    axes.set(
        xlim=(middle[0] - half, middle[0] + half),
        ylim=(middle[2] - half, middle[2] + half),
        zlim=(-middle[1] - half, -middle[1] + half),
        xlabel="right (m)",
        ylabel="forward (m)",
        zlabel="up (m)",
    )
    axes.set_box_aspect((1, 1, 1))
    axes.view_init(elev=12, azim=-60)
    axes.tick_params(labelsize=7)
    axes.locator_params(nbins=4)
    axes.set_facecolor("none")  # a neighbour's background must not hide the labels


def _png(
    draw: Callable[[Any], None],
    size: tuple[float, float],
    layout: Literal["constrained"] | None = "constrained",
) -> bytes:
    agg = optional("matplotlib.backends.backend_agg", "the report")
    figure = optional("matplotlib.figure", "the report").Figure(size, dpi=DPI, layout=layout)
    agg.FigureCanvasAgg(figure)
    draw(figure)
    out = io.BytesIO()
    figure.savefig(out, format="png")
    return out.getvalue()
