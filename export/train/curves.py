"""Training curves as an image."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure


def plot_curves(log: Sequence[Mapping[str, float]], path: Path) -> None:
    """Plot the training loss and the error on unseen rooms. log: rows with step, loss, median, mean
    [m].
    """
    figure = Figure(figsize=(7.0, 4.0), layout="constrained")
    axes = figure.subplots()
    steps = [row["step"] for row in log]
    for key, label in (
        ("loss", "training loss"),
        ("mean", "unseen rooms, mean"),
        ("median", "unseen rooms, median"),
    ):
        axes.plot(steps, [100.0 * row[key] for row in log], label=label)
    axes.set(xlabel="step", ylabel="cm", ylim=(0.0, None))
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=100)
