"""A report as text: tables for a terminal, and the same in Markdown."""

from collections.abc import Callable, Sequence
from typing import Any

from edge.tools.bench.front_end import GROUP as FRONT_END
from edge.tools.bench.report import Report
from edge.tools.bench.stages import GROUP as RUN

Table = tuple[str, Sequence[str], Sequence[Sequence[str]]]


def report_text(report: Report) -> str:
    """For a terminal."""
    return _text(report, _aligned)


def report_markdown(report: Report) -> str:
    """For a file."""
    return (
        f"# What `posekernel bench` measured, {report.created[:10]}\n\n{_text(report, _markdown)}"
    )


def _text(report: Report, draw: Callable[[Table], str]) -> str:
    parts = [*_machine(report), *(draw(t) for t in _tables(report)), report.verdict.sentence]
    return "\n\n".join(parts)


def _machine(report: Report) -> list[str]:
    m, b, a = report.machine, report.before, report.after
    packages = ", ".join(f"{name} {version}" for name, version in m["packages"].items())
    heat = (
        f"temperature {_or(b['temperature_c'], ' C')} before, {_or(a['temperature_c'], ' C')} after"
    )
    throttled = f"throttled {_or(b['throttled'])} before, {_or(a['throttled'])} after"
    limits = report.limits
    copies = ", ".join(f"{v:.1f} GB/s at {mb} MB" for mb, v in limits.copy_gb_s.items())
    return [
        f"{m['board']}, {m['memory_mb']} MB, {m['architecture']}, {m['distribution'] or 'unknown system'}, kernel {m['kernel']}, "
        f"Python {m['python']}, load {m['load_average']:g}; {packages}",
        f"{heat}; {throttled}; measured in {report.seconds:.0f} s; {report.networks_run}",
        f"limits: copy {copies}; float32 {limits.gflop_s:.0f} GFLOP/s on one thread, {limits.gflop_s_all:.0f} on all",
    ]


def _tables(report: Report) -> list[Table]:
    titles = {
        RUN: "stages of a run (the shipped session), per call",
        FRONT_END: "front end: 6 x 4800 samples, 64 x 64 x 48 voxels, somebody walks",
    }
    tables: list[Table] = []
    for group, title in titles.items():
        rows = [r for r in report.rows if r.group == group]
        head = (
            "",
            "median ms",
            "95 % ms",
            "CPU ms",
            "ms a frame",
            "page faults",
            "peak KiB",
            "compiled arrays",
        )
        cells = [
            (
                r.name,
                f"{r.median_ms:.3f}",
                f"{r.p95_ms:.3f}",
                f"{r.cpu_ms:.3f}",
                _number(r.share_ms, 3),
                f"{r.page_faults:.1f}",
                _number(r.peak_kib, 0),
                _number(r.compiled_allocations, 0),
            )
            for r in rows
        ]
        tables.append((title, head, cells))
    head = ("", "runtime", "threads", "median ms", "95 % ms", "CPU ms", "of the first", "memory MB")
    tables.append(
        (
            "networks and what is around them",
            head,
            [
                (
                    n.file,
                    n.runtime,
                    str(n.threads),
                    f"{n.median_ms:.3f}",
                    f"{n.p95_ms:.3f}",
                    f"{n.cpu_ms:.3f}",
                    f"{n.ratio:.2f}",
                    _number(n.memory_mb, 1),
                )
                for n in (*report.keypoints, *report.lifters, *report.networks)
            ],
        )
    )
    tables.append(("end to end", ("", "measured"), _end_to_end(report)))
    tables.append(
        (
            "against the limits of one thread, float32",
            ("", "MFLOP", "MB", "ms", "of arithmetic", "of bandwidth", "bound by"),
            [
                (
                    p.name,
                    f"{p.operations / 1e6:.1f}",
                    f"{p.bytes / 1e6:.1f}",
                    f"{p.median_ms:.3f}",
                    f"{100 * p.of_arithmetic:.0f} %",
                    f"{100 * p.of_bandwidth:.0f} %",
                    p.bound,
                )
                for p in report.roofline
            ],
        )
    )
    tables.append(
        (
            "scaling (least-squares line)",
            ("", "of", "values", "ms", "ms per unit", "R2"),
            [
                (
                    f.variable,
                    f.stages,
                    " ".join(f"{v:g}" for v in f.values),
                    " ".join(f"{t:.2f}" for t in f.median_ms),
                    f"{f.slope:.3g}",
                    f"{f.r2:.4f}",
                )
                for f in report.scaling
            ],
        )
    )
    return tables


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
        first = row[0].ljust(widths[0])
        lines.append(
            "  ".join(
                [first, *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))]
            ).rstrip()
        )
    return "\n".join(lines)


def _markdown(table: Table) -> str:
    title, head, rows = table
    lines = [
        f"**{title[0].upper()}{title[1:]}**",
        "",
        _cells(head),
        "|" + "---|" * len(head),
        *(_cells(r) for r in rows),
    ]
    return "\n".join(lines)


def _cells(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _or(value: Any, unit: str = "") -> str:
    return (
        "not told"
        if value is None
        else f"{value}{unit}"
        if not isinstance(value, bool)
        else "yes"
        if value
        else "no"
    )
