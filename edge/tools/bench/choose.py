"""The fastest runtime, threads and variant of this board, from the measured times."""

import os
from collections.abc import Iterable, Sequence
from typing import cast

from edge.core.config import Config
from edge.core.inference.execution import BoardChoice, LifterChoice, Variant, board_name
from edge.core.inference.tflite import RUNTIMES
from edge.tools.bench.networks import FORMS, NetworkTime

# More threads or the float file must cut the time to this share; less is not worth another core.
_WORTH = 0.9


def choose(
    config: Config, keypoints: Sequence[NetworkTime], lifters: Sequence[NetworkTime]
) -> BoardChoice:
    """The runtime on which this configuration's keypoints and lifter are fastest together, and the
    best threads and variants on that runtime.

    keypoints, lifters: from `bench_keypoints`, possibly empty, and `bench_lifters`.
    """
    kind = config.lifter.kind if config.lifter.kind in FORMS else FORMS[0]

    def keypoints_on(runtime: str) -> list[NetworkTime]:
        return [r for r in keypoints if r.runtime == runtime]

    def lifters_on(runtime: str, form: str) -> list[NetworkTime]:
        name = f"lifter {form} "
        return [r for r in lifters if r.runtime == runtime and r.network.startswith(name)]

    def total_ms(runtime: str) -> float:
        networks = keypoints_on(runtime), lifters_on(runtime, kind)
        return sum(min((r.median_ms for r in rows), default=0.0) for rows in networks)

    runtimes = [name for name in RUNTIMES if any(r.runtime == name for r in lifters)]
    fastest = min(total_ms(r) for r in runtimes)
    runtime = next(r for r in runtimes if _WORTH * total_ms(r) <= fastest)
    ray, volume = (_lifter_choice(_best(lifters_on(runtime, form))) for form in FORMS)
    rows = keypoints_on(runtime)
    threads = _best(rows).threads if rows else min(2, os.cpu_count() or 1)
    return BoardChoice(
        board=board_name(), runtime=runtime, keypoints_threads=threads, ray=ray, volume=volume
    )


def _lifter_choice(best: NetworkTime) -> LifterChoice:
    return LifterChoice(cast(Variant, best.network.rsplit(" ", 1)[1]), best.threads)


def _best(rows: Iterable[NetworkTime]) -> NetworkTime:
    """The fastest; of those about as fast the one with the fewest threads, int8 before float."""
    ordered = sorted(rows, key=lambda r: (r.threads, not r.network.endswith("int8")))
    fastest = min(r.median_ms for r in ordered)
    return next(r for r in ordered if _WORTH * r.median_ms <= fastest)
