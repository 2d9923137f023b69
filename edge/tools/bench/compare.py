"""Two reports against each other, row by row."""

from pathlib import Path
from typing import Any

from edge.core.errors import BenchError, ConfigError
from edge.core.files import read_file
from edge.core.typed import convert, parse_json
from edge.tools.bench.report import FORMAT, VERSION, Report

# By more than the load of the moment explains.
SLOWER = 1.2


def load_report(path: Path) -> Report:
    """A report as `--out` wrote it. Raises BenchError for any other file."""
    remedy = "give a file that `posekernel bench --out` of this version wrote"
    try:
        raw = parse_json(read_file(path))
    except OSError as e:
        raise BenchError(f"{path}: cannot be read ({e.strerror}); {remedy}") from e
    except ConfigError as e:
        raise BenchError(f"{path}: {e}; {remedy}") from e
    found: tuple[Any, Any] = (type(raw).__name__, None)
    if isinstance(raw, dict):
        found = (raw.get("format"), raw.get("version"))
    if found != (FORMAT, VERSION):
        raise BenchError(
            f"{path}: found format {found[0]!r} version {found[1]!r}, "
            f"{FORMAT!r} version {VERSION} is needed; {remedy}"
        )
    try:
        return convert(raw, Report)
    except ConfigError as e:
        raise BenchError(f"{path}: damaged ({e}); {remedy}") from e


def figures(report: Report) -> dict[str, float]:
    """What can be compared, by name; smaller is better for all."""
    found = {f"run: {s.name} [ms]": s.median_ms for s in report.stages}
    for n in report.networks:
        found[f"{n.network}, {n.runtime}, {n.threads} threads [ms]"] = n.median_ms
    found["replay: a pose [ms]"] = 1e3 / report.replay.rate_hz
    found["replay: start to first pose [ms]"] = 1e3 * report.replay.first_pose_s
    found["replay: peak memory [MiB]"] = report.replay.peak_rss_mb
    return found | {f"real time: {r.name} [ms]": r.median_ms for r in report.latency.rows}


def comparison_text(old: Report, new: Report) -> str:
    """As a table, what is slower marked."""
    before, now = figures(old), figures(new)
    both = [name for name in now if name in before]
    width = max(map(len, both), default=0)
    lines = [f"{'':{width}} {'old':>10} {'new':>10} {'ratio':>7}"]
    slower = 0
    for name in both:
        ratio = now[name] / before[name]
        mark = "  slower" if ratio > SLOWER else ""
        slower += ratio > SLOWER
        lines.append(f"{name:{width}} {before[name]:10.3f} {now[name]:10.3f} {ratio:7.2f}{mark}")
    if alone := sorted(before.keys() ^ now.keys()):
        lines.append(f"in one of them only: {'; '.join(alone)}")
    boards = old.machine["board"], new.machine["board"]
    if boards[0] != boards[1]:
        lines.append(f"another machine: {boards[0]} before, {boards[1]} now")
    lines.append(f"{slower} of {len(both)} rows are slower than {SLOWER:g}x")
    return "\n".join(lines)
