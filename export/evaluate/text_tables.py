"""Evaluations as text: one lifter in detail, or several side by side."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from export.evaluate.evaluation import Evaluation, Summary
from export.evaluate.metrics import MEASURES, ConfidenceInterval, Measure

# The measures in a line of text; the JSON and the report have all.
COLUMNS = (
    "mpjpe_median",
    "mpjpe_mean",
    "root_aligned_median",
    "pck_15cm",
    "mid_hip_median",
    "within_sigma",
)
BY_NAME = {m.name: m for m in MEASURES}
MOST_ROOMS = 12  # listed one by one


def format_interval(interval: ConfidenceInterval, measure: Measure) -> str:
    """Value with its 95 % interval, in cm or per cent."""
    if interval.samples == 0:
        return "-"
    digits = 1 if measure.unit == "m" else 0
    value, low, high = (
        f"{100 * x:.{digits}f}" for x in (interval.value, interval.low, interval.high)
    )
    return f"{value} [{low}, {high}]"


def format_evaluation(evaluation: Evaluation) -> str:
    """One lifter: every measure overall, the main ones by group, and the skipped samples."""
    e = evaluation
    lines = [f"{e.lifter} on {e.dataset}: {describe_size(e)}", ""]
    for m in MEASURES:
        unit = "cm" if m.unit == "m" else "%"
        lines.append(f"  {m.title:<32} {format_interval(e.overall[m.name], m):>22} {unit}")
    lines.append(f"  {'rank correlation sigma, error':<32} {e.sigma_rank:>22.2f}")
    for grouping, by in e.groups.items():
        lines += ["", _row(f"by {grouping}", "people", [BY_NAME[c].title for c in COLUMNS])]
        if grouping == "room" and len(by) > MOST_ROOMS:
            lines.append(f"{len(by)} rooms; the worst of them by median:")
            by = dict(worst_rooms(by, MOST_ROOMS))
        for label, summary in by.items():
            lines.append(summary_row(label, summary))
    for title, names in (("without a pose", e.no_pose), ("damaged", e.skipped)):
        if names:
            lines += ["", f"{title}:", *(f"  {name}: {why}" for name, why in names.items())]
    return "\n".join(lines)


def describe_size(evaluation: Evaluation) -> str:
    """How many samples and people were evaluated."""
    e = evaluation
    samples = len(set(e.predictions.sample.tolist()))
    people = "" if samples == len(e.truth) else f" of {len(e.truth)} people"
    return f"{samples} samples{people}, {len(e.no_pose)} without a pose, {len(e.skipped)} damaged"


def format_comparison(evaluations: Sequence[Evaluation]) -> str:
    """Several lifters on one dataset as a Markdown table; cm, per cent, 95 % intervals. A dataset
    with various numbers of people gets a row for each number, too.
    """
    titles = [BY_NAME[c].title + (" (cm)" if BY_NAME[c].unit == "m" else " (%)") for c in COLUMNS]
    lines = [
        "| lifter | poses | " + " | ".join(titles) + " | scale from sound (%) |",
        "|---|---|" + "---|" * (len(COLUMNS) + 1),
    ]
    for e in evaluations:
        source = e.predictions.scale_source
        lines.append(_compared(e.lifter, e.overall, source))
        groups = e.groups["people"]
        for label, summary in groups.items() if len(groups) > 1 else ():
            people = f"{label} people" if label != "1" else "1 person"
            lines.append(
                _compared(f"{e.lifter}, {people}", summary, source[e.labels["people"] == label])
            )
    return "\n".join(lines)


def _compared(name: str, summary: Summary, source: npt.NDArray[np.str_]) -> str:
    cells = [format_interval(summary[c], BY_NAME[c]) for c in COLUMNS]
    poses = int((source != "none").sum())
    by_sound = 100.0 * int((source == "sound").sum()) / max(poses, 1)
    return f"| {name} | {poses} | " + " | ".join(cells) + f" | {by_sound:.0f} |"


def worst_rooms(by: dict[str, Summary], count: int) -> list[tuple[str, Summary]]:
    """The rooms with the largest median error, worst first; rooms without any pose are left out."""
    known = [(room, s) for room, s in by.items() if s["mpjpe_median"].samples]
    return sorted(known, key=lambda item: -item[1]["mpjpe_median"].value)[:count]


def summary_row(label: str, summary: Summary) -> str:
    """One line of a breakdown."""
    samples = str(summary["pck_15cm"].samples)
    return _row(label, samples, [format_interval(summary[c], BY_NAME[c]) for c in COLUMNS])


def _row(label: str, samples: str, cells: list[str]) -> str:
    return f"{label:<22} {samples:>8} " + " ".join(f"{cell:>22}" for cell in cells)
