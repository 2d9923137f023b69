"""Samples -> a table by time, and whether each promise was kept."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from tests.system.endurance.sensor import WATCHDOG_S
from tests.system.endurance.watch import Sample

MEMORY_GROWTH = 0.02
ROWS = 12


@dataclass(frozen=True)
class Promise:
    """text: what was promised and what was seen."""

    text: str
    kept: bool


def promises(samples: list[Sample]) -> list[Promise]:
    """No growth after the first tenth of the run (at least a minute), in which caches fill."""
    settled = _settled(samples)
    quarter = max(1, len(settled) // 4)
    first, last = settled[:quarter], settled[-quarter:]
    memory = _median(last, "memory_mb") / _median(first, "memory_mb") - 1.0
    descriptors = _median(last, "descriptors") - _median(first, "descriptors")
    threads = _median(last, "threads") - _median(first, "threads")
    gap_s = max(s.watchdog_gap_s for s in settled)
    numbers = [n for s in samples for n in s.events]
    missing = 0 if not numbers else max(numbers) - min(numbers) + 1 - len(set(numbers))
    waiting = max((s.telemetry["outbox_waiting"] for s in settled if s.telemetry), default=0)
    pages = sum(not s.page_ok for s in settled)
    return [
        Promise(
            f"memory, last quarter against first: {100 * memory:+.2f} % (at most 2 %)",
            memory <= MEMORY_GROWTH,
        ),
        Promise(f"descriptors: {descriptors:+.0f}", descriptors <= 0),
        Promise(f"threads: {threads:+.0f}", threads <= 0),
        Promise(
            f"longest time between two pings of the watchdog: {gap_s:.1f} s "
            f"(deadline {WATCHDOG_S:g} s)",
            gap_s < WATCHDOG_S,
        ),
        Promise(
            f"events received: {len(set(numbers))}, numbers missing: {missing}",
            missing == 0 and bool(numbers),
        ),
        Promise(f"most events waiting for the broker: {waiting}", waiting < 100),
        Promise(f"page not answering: {pages} of {len(settled)} times", pages == 0),
    ]


def table(samples: list[Sample]) -> str:
    """Markdown: what the sensor was like in each part of the run."""
    lines = [
        "| minutes | memory (MB) | descriptors | threads | poses/s | by sound (%) | "
        "echo over interference (dB) | latency 95 % (ms) | watchdog gap (s) | frames dropped | "
        "faulty periods | xruns | connections |",
        "|" + "---|" * 13,
    ]
    end_s = samples[-1].seconds
    edges = np.linspace(0.0, end_s + 1e-6, ROWS + 1)
    before: dict[str, int] = {}
    for lo, hi in pairwise(edges):
        part = [s for s in samples if lo <= s.seconds < hi]
        if not part:
            continue
        poses = [p for s in part for p in s.poses]
        sir = [p["sir_db"] for p in poses if p["sir_db"] is not None]
        late = [p["latency_ms"] for p in poses if p["latency_ms"] is not None]
        told = next((s.telemetry for s in reversed(part) if s.telemetry), None) or {}
        counts = [
            told.get(k, 0) - before.get(k, 0)
            for k in ("frames_dropped", "periods_faulty", "xruns", "connections")
        ]
        before = told
        by_sound = np.mean([p["scale_source"] == "sound" for p in poses]) if poses else float("nan")
        lines.append(
            f"| {lo / 60:.0f}-{hi / 60:.0f} | {_median(part, 'memory_mb'):.1f} | "
            f"{_median(part, 'descriptors'):.0f} | {_median(part, 'threads'):.0f} | "
            f"{len(poses) / (hi - lo):.2f} | {100 * by_sound:.0f} | "
            f"{np.median(sir) if sir else float('nan'):.1f} | "
            f"{np.quantile(late, 0.95) if late else float('nan'):.0f} | "
            f"{max(s.watchdog_gap_s for s in part):.1f} | "
            + " | ".join(str(c) for c in counts)
            + " |"
        )
    return "\n".join(lines)


def _settled(samples: list[Sample]) -> list[Sample]:
    start_s = max(60.0, 0.1 * samples[-1].seconds)
    return [s for s in samples if s.seconds >= start_s] or samples


def _median(samples: list[Sample], name: str) -> float:
    return float(np.median([getattr(s, name) for s in samples]))
