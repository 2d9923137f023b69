"""The fastest runtime, threads and variant of this board, from the measured rows."""

import os
from collections.abc import Iterable, Sequence

from edge.core.config import Config
from edge.core.inference.execution import BoardChoice, LifterChoice, board_name
from edge.core.inference.tflite import RUNTIMES
from edge.tools.bench.speed import FORMS, NetworkRow

# A gain below this share is not worth another core, or another file than the one that was
# evaluated.
_WORTH = 0.9


def choose(
    config: Config, keypoints: Sequence[NetworkRow], lifters: Sequence[NetworkRow]
) -> BoardChoice:
    """The runtime on which keypoints and lifter of this configuration are fastest together, and the
    rest on that runtime.

    keypoints, lifters: rows of `bench_keypoints` and `bench_lifters`; of no keypoints there may be
    none.
    """
    seeing = f"keypoints {config.keypoints.model}"
    kind = config.lifter.kind if config.lifter.kind in FORMS else FORMS[0]

    def total_ms(runtime: str) -> float:
        here = [r for r in (*keypoints, *lifters) if r.runtime == runtime]
        seen = [r.median_ms for r in here if r.file == seeing]
        return min(seen, default=0.0) + min(
            r.median_ms for r in here if r.file.startswith(f"lifter {kind} ")
        )

    runtimes = [name for name in RUNTIMES if any(r.runtime == name for r in lifters)]
    fastest = min(total_ms(r) for r in runtimes)
    runtime = next(r for r in runtimes if _WORTH * total_ms(r) <= fastest)
    seen = [r for r in keypoints if r.runtime == runtime and r.file == seeing]
    best = {
        form: _best(
            r for r in lifters if r.runtime == runtime and r.file.startswith(f"lifter {form} ")
        )
        for form in FORMS
    }
    ray, volume = (
        LifterChoice(best[form].file.rsplit(" ", 1)[1], best[form].threads) for form in FORMS
    )
    threads = _best(seen).threads if seen else min(2, os.cpu_count() or 1)
    return BoardChoice(
        board=board_name(), runtime=runtime, keypoints_threads=threads, ray=ray, volume=volume
    )


def _best(rows: Iterable[NetworkRow]) -> NetworkRow:
    """The fastest, but of those about as fast the one with the fewest threads, and int8 before
    float.
    """
    ordered = sorted(rows, key=lambda r: (r.threads, not r.file.endswith("int8")))
    fastest = min(r.median_ms for r in ordered)
    return next(r for r in ordered if _WORTH * r.median_ms <= fastest)
