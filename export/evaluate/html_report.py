"""An evaluation as one self-contained HTML file: tables, plots and drawn poses."""

import base64
from html import escape
from pathlib import Path

from edge.core.errors import SessionError
from edge.core.files import write_whole
from export.evaluate import html_figures as figures
from export.evaluate.evaluation import Evaluation, Summary
from export.evaluate.metrics import MEASURES
from export.evaluate.text_tables import (
    BY_NAME,
    COLUMNS,
    MOST_ROOMS,
    describe_size,
    format_interval,
    worst_rooms,
)

STYLE = """
body {
  font: 15px/1.5 system-ui, sans-serif; color: #222;
  max-width: 72rem; margin: 2rem auto; padding: 0 1rem;
}
h1 { font-size: 1.5rem; }
h2 { font-size: 1.15rem; margin-top: 2rem; border-bottom: 1px solid #ccc; }
table { border-collapse: collapse; margin: 0.5rem 0; }
td, th { padding: 0.2rem 0.8rem; text-align: right; white-space: nowrap; }
td:first-child, th:first-child { text-align: left; } tr:nth-child(even) { background: #f4f4f4; }
th { border-bottom: 1px solid #888; }
.scroll { overflow-x: auto; } img { max-width: 100%; } .small { color: #666; font-size: 0.9rem; }
"""


def write_report(evaluation: Evaluation, path: Path) -> None:
    """Write the report of one lifter. Raises ConfigError without matplotlib, SessionError where the
    file cannot be written.
    """
    html = make_report(evaluation)
    try:
        write_whole(path, html.encode())
    except OSError as e:
        raise SessionError(f"{path}: the report cannot be written ({e.strerror})") from e


def make_report(evaluation: Evaluation) -> str:
    """The report's HTML."""
    e = evaluation
    parts = [
        f"<h1>{escape(e.lifter)} on {escape(e.dataset)}</h1>",
        f"<p>{describe_size(e)}. "
        "Lengths in cm, shares in per cent, 95 % bootstrap intervals over people in brackets. "
        "Rank correlation of 1-sigma and "
        f"error: {e.sigma_rank:.2f}.</p>",
        "<h2>Overall</h2>",
        _table(["measure", "value", "people"], [_overall_row(e.overall, m.name) for m in MEASURES]),
        "<h2>Error against distance and signal to interference</h2>",
        _image(
            figures.error_against(e, "distance_m", "true mid-hip distance (m)"),
            "error against distance",
        ),
        _image(
            figures.error_against(e, "sir_db", "signal to interference (dB)"),
            "error against signal to interference",
        ),
        "<h2>Distributions</h2>",
        _image(figures.histograms(e), "histograms of the errors"),
        _image(figures.joints_and_sigma(e), "error per joint, and against the predicted 1-sigma"),
        "<h2>Best, median and worst cases</h2>",
        _image(figures.cases(e), "skeletons, true and predicted"),
    ]
    for grouping, by in e.groups.items():
        parts.append(f"<h2>By {escape(grouping)}</h2>")
        if grouping == "room" and len(by) > MOST_ROOMS:
            parts.append(f"<p>{len(by)} rooms; the {MOST_ROOMS} worst by median:</p>")
            by = dict(worst_rooms(by, MOST_ROOMS))
        head = [f"by {grouping}", "people", *(BY_NAME[c].title for c in COLUMNS)]
        parts.append(_table(head, [_group_row(label, s) for label, s in by.items()]))
    for title, names in (("Without a pose", e.no_pose), ("Damaged samples", e.skipped)):
        if names:
            parts.append(
                f"<h2>{title}</h2>"
                + _table(["sample", "reason"], [[n, why] for n, why in names.items()])
            )
    title = escape(f"{e.lifter} on {e.dataset}")
    return (
        '<!doctype html><html lang="en"><head><meta '
        f'charset="utf-8"><title>{title}</title><style>{STYLE}</style></head>'
        f"<body>{''.join(parts)}</body></html>\n"
    )


def _overall_row(summary: Summary, name: str) -> list[str]:
    measure = BY_NAME[name]
    unit = "cm" if measure.unit == "m" else "%"
    return [
        f"{measure.title} ({unit})",
        format_interval(summary[name], measure),
        str(summary[name].samples),
    ]


def _group_row(label: str, summary: Summary) -> list[str]:
    return [
        label,
        str(summary["pck_15cm"].samples),
        *(format_interval(summary[c], BY_NAME[c]) for c in COLUMNS),
    ]


def _table(head: list[str], rows: list[list[str]]) -> str:
    cells = "".join(f"<th>{escape(h)}</th>" for h in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(c)}</td>" for c in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table><tr>{cells}</tr>{body}</table></div>'


def _image(png: bytes | None, alt: str) -> str:
    if png is None:
        return f'<p class="small">No {escape(alt)}: the samples lack the numbers.</p>'
    return (
        f'<p><img alt="{escape(alt)}" '
        f'src="data:image/png;base64,{base64.b64encode(png).decode()}"></p>'
    )
