"""A report as text: tables for a terminal, and the same in Markdown."""

from collections.abc import Callable, Sequence
from typing import Any

from edge.tools.bench.networks import NetworkTime
from edge.tools.bench.report import Report

Table = tuple[str, Sequence[str], Sequence[Sequence[str]]]


def report_text(report: Report) -> str:
    """For a terminal."""
    return _text(report, _aligned)


def report_markdown(report: Report) -> str:
    """For a file."""
    day = report.created[:10]
    return f"# What `posekernel bench` measured, {day}\n\n{_text(report, _markdown)}"


def networks_text(rows: Sequence[NetworkTime]) -> str:
    """The table of the networks alone, for a terminal."""
    return _aligned(_networks(rows))


def _text(report: Report, draw: Callable[[Table], str]) -> str:
    tables = (
        _stages(report),
        _networks([*report.keypoints, *report.lifters]),
        ("end to end", ("", "measured"), _end_to_end(report)),
    )
    return "\n\n".join([*_machine(report), *map(draw, tables), report.verdict.sentence])


def _machine(report: Report) -> list[str]:
    m, b, a = report.machine, report.before, report.after
    packages = ", ".join(f"{name} {version}" for name, version in m["packages"].items())
    return [
        f"{m['board']}, {m['memory_mb']} MB, {m['architecture']}, "
        f"{m['distribution'] or 'unknown system'}, kernel {m['kernel']}, Python {m['python']}, "
        f"load {m['load_average']:g}; {packages}",
        f"temperature {_or(b['temperature_c'], ' C')} before, {_or(a['temperature_c'], ' C')} "
        f"after; throttled {_or(b['throttled'])} before, {_or(a['throttled'])} after; measured in "
        f"{report.seconds:.0f} s; {report.networks_run}",
    ]


def _stages(report: Report) -> Table:
    head = ("", "frames", "median ms", "95 % ms", "CPU ms", "mean of all ms")
    cells = [
        (s.name, str(s.frames), *(f"{x:.3f}" for x in (s.median_ms, s.p95_ms, s.cpu_ms, s.mean_ms)))
        for s in report.stages
    ]
    return "stages of a run (the shipped session), time in each frame", head, cells


def _networks(rows: Sequence[NetworkTime]) -> Table:
    head = ("", "runtime", "threads", "median ms", "95 % ms", "CPU ms", "of float, 1 thread")
    cells = [
        (
            n.network,
            n.runtime,
            str(n.threads),
            *(f"{x:.3f}" for x in (n.median_ms, n.p95_ms, n.cpu_ms)),
            f"{n.ratio:.2f}",
        )
        for n in rows
    ]
    return "networks and what is around them, time of each call", head, cells


def _end_to_end(report: Report) -> list[tuple[str, str]]:
    r, late = report.replay, report.latency
    return [
        ("replay as fast as it goes", f"{r.rate_hz:.1f} poses/s"),
        ("start to first pose", f"{r.first_pose_s:.2f} s"),
        ("processor time per pose, start included", f"{r.cpu_ms:.1f} ms"),
        ("peak memory", f"{r.peak_rss_mb:.0f} MiB"),
        *(
            (
                f"real time, {late.broker}: {row.name}",
                f"{row.median_ms:.1f} ms, 95 % {row.p95_ms:.1f} ms",
            )
            for row in late.rows
        ),
    ]


def _aligned(table: Table) -> str:
    title, head, rows = table
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = [title]
    for row in [head, *rows]:
        numbers = (cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))
        lines.append("  ".join([row[0].ljust(widths[0]), *numbers]).rstrip())
    return "\n".join(lines)


def _markdown(table: Table) -> str:
    title, head, rows = table
    lines = [f"**{title[0].upper()}{title[1:]}**", "", _cells(head), "|" + "---|" * len(head)]
    return "\n".join([*lines, *map(_cells, rows)])


def _cells(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _or(value: Any, unit: str = "") -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "unknown" if value is None else f"{value}{unit}"
