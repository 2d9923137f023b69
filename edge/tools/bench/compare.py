"""Two reports against each other, row by row."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.core.errors import BenchError, ConfigError
from edge.core.typed import convert, parse_json
from edge.tools.bench.report import FORMAT, VERSION, Report

SLOWER = 1.2


@dataclass(frozen=True)
class Change:
    """One figure of both reports. ratio: new over old."""

    name: str
    old: float
    new: float
    ratio: float

    @property
    def slower(self) -> bool:
        """By more than the load of the moment explains."""
        return self.ratio > SLOWER


def load_report(path: Path) -> Report:
    """A report as `--out` wrote it. Raises BenchError for any other file."""
    remedy = "give a file that `posekernel bench --out` of this version wrote"
    try:
        raw = parse_json(path.read_bytes())
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
    for n in (*report.keypoints, *report.lifters):
        found[f"{n.network}, {n.runtime}, {n.threads} threads [ms]"] = n.median_ms
    found["replay: a pose [ms]"] = 1e3 / report.replay.rate_hz
    found["replay: start to first pose [ms]"] = 1e3 * report.replay.first_pose_s
    found["replay: peak memory [MiB]"] = report.replay.peak_rss_mb
    return found | {f"real time: {r.name} [ms]": r.median_ms for r in report.latency.rows}


def compare(old: Report, new: Report) -> tuple[list[Change], list[str]]:
    """Changes of what both have, and the names that only one has."""
    before, now = figures(old), figures(new)
    changes = [
        Change(name, before[name], now[name], now[name] / before[name])
        for name in now
        if name in before
    ]
    return changes, sorted(before.keys() ^ now.keys())


def comparison_text(old: Report, new: Report) -> str:
    """As a table, what is slower marked."""
    changes, alone = compare(old, new)
    width = max((len(c.name) for c in changes), default=0)
    lines = [f"{'':{width}} {'old':>10} {'new':>10} {'ratio':>7}"]
    for c in changes:
        mark = "  slower" if c.slower else ""
        lines.append(f"{c.name:{width}} {c.old:10.3f} {c.new:10.3f} {c.ratio:7.2f}{mark}")
    if alone:
        lines.append(f"in one of them only: {'; '.join(alone)}")
    boards = old.machine["board"], new.machine["board"]
    if boards[0] != boards[1]:
        lines.append(f"another machine: {boards[0]} before, {boards[1]} now")
    slower = sum(c.slower for c in changes)
    lines.append(f"{slower} of {len(changes)} rows are slower than {SLOWER:g}x")
    return "\n".join(lines)
