"""Two reports against each other, row by row."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.core.errors import BenchError
from edge.tools.bench.report import FORMAT, VERSION

SLOWER = 1.2


@dataclass(frozen=True)
class Change:
    """One row of both. ratio: new over old; above SLOWER it is called slower."""

    name: str
    old: float
    new: float
    ratio: float

    @property
    def slower(self) -> bool:
        """By more than can be blamed on the moment."""
        return self.ratio > SLOWER


def load_report(path: Path) -> dict[str, Any]:
    """A report as `--out` wrote it. Raises BenchError for a file that is not one."""
    remedy = "give a file that `posekernel bench --out` of this version wrote"
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except OSError as e:
        raise BenchError(f"{path}: cannot be read ({e.strerror}); {remedy}") from e
    except (ValueError, RecursionError) as e:
        raise BenchError(f"{path}: not JSON ({' '.join(str(e).split())}); {remedy}") from e
    found = (
        (report.get("format"), report.get("version"))
        if isinstance(report, dict)
        else (type(report).__name__, None)
    )
    if found != (FORMAT, VERSION):
        raise BenchError(
            f"{path}: found format {found[0]!r} version {found[1]!r}, "
            f"{FORMAT!r} version {VERSION} is needed; {remedy}"
        )
    try:
        figures(report)
        str(report["machine"]["board"])
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as e:
        raise BenchError(f"{path}: damaged ({type(e).__name__}: {e}); {remedy}") from e
    return dict(report)


def figures(report: dict[str, Any]) -> dict[str, float]:
    """What can be compared, by name; smaller is better for all. Raises what a wrong file makes it
    raise.
    """
    found = {f"run: {s['name']} [ms]": s["median_ms"] for s in report["stages"]}
    for n in (*report["keypoints"], *report["lifters"]):
        found[f"{n['network']}, {n['runtime']}, {n['threads']} threads [ms]"] = n["median_ms"]
    replay = report["replay"]
    found |= {
        "replay: a pose [ms]": 1e3 / replay["rate_hz"],
        "replay: start to first pose [ms]": 1e3 * replay["first_pose_s"],
        "replay: peak memory [MiB]": replay["peak_rss_mb"],
    }
    found |= {f"real time: {r['name']} [ms]": r["median_ms"] for r in report["latency"]["rows"]}
    for name, value in found.items():
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not (math.isfinite(value) and value > 0.0)
        ):
            raise ValueError(f"{name} is {value!r}")
    return found


def compare(old: dict[str, Any], new: dict[str, Any]) -> tuple[list[Change], list[str]]:
    """Changes of what both have, and the names that only one has."""
    before, now = figures(old), figures(new)
    changes = [
        Change(name, before[name], now[name], now[name] / before[name])
        for name in now
        if name in before
    ]
    return changes, sorted(before.keys() ^ now.keys())


def comparison_text(old: dict[str, Any], new: dict[str, Any]) -> str:
    """As a table, what is slower marked."""
    changes, alone = compare(old, new)
    width = max((len(c.name) for c in changes), default=0)
    lines = [f"{'':{width}} {'old':>10} {'new':>10} {'ratio':>7}"]
    for c in changes:
        mark = "  slower" if c.slower else ""
        lines.append(f"{c.name:{width}} {c.old:10.3f} {c.new:10.3f} {c.ratio:7.2f}{mark}")
    if alone:
        lines.append(f"in one of them only: {'; '.join(alone)}")
    if old["machine"]["board"] != new["machine"]["board"]:
        lines.append(
            f"another machine: {old['machine']['board']} before, {new['machine']['board']} now"
        )
    slower = sum(c.slower for c in changes)
    lines.append(f"{slower} of {len(changes)} rows are slower than {SLOWER:g}x")
    return "\n".join(lines)
