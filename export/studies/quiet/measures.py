"""Errors, coverage and loudness of one policy over many evenings.

Intervals are over evenings: images of one evening share its people, its room and its noise.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from edge.core.arrays import Array, BoolArray
from edge.core.pose import MID_HIP
from export.evaluate.metrics import ConfidenceInterval, joint_errors
from export.simulate.evening.ambience import PASCAL_AT_0_DB
from export.simulate.evening.script import STATES, STILL
from export.studies.quiet.record import SOURCES, EveningRecord

RESAMPLES = 400
PCK_M = 0.15
MINUTE_S = 60.0
# Who is counted, by name: their state, and for how long they have been in view.
GROUPS: dict[str, Callable[[EveningRecord], BoolArray]] = {
    "still": lambda r: _in(r, STILL),
    "walking": lambda r: _in(r, ("walking",)),
    "standing": lambda r: _in(r, ("standing",)),
    "sitting": lambda r: _in(r, ("sitting",)),
    "lying": lambda r: _in(r, ("lying",)),
    "still, from the second minute": lambda r: _in(r, STILL) & (r.since_s > MINUTE_S),
    "walking, from the second minute": lambda r: _in(r, ("walking",)) & (r.since_s > MINUTE_S),
}


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Of one policy and group. median, mean: of the mid-hip's distance error [m]. mpjpe: median of
    the mean joint error [m]. pck: share of the joints within PCK_M; a missing pose is a miss.
    posed: share of the images with a pose. by_sound: share of the poses with SOURCES[0].
    """

    median: ConfidenceInterval
    mean: ConfidenceInterval
    mpjpe: ConfidenceInterval
    pck: ConfidenceInterval
    posed: float
    by_sound: float


@dataclass(frozen=True, slots=True)
class Sounded:
    """The sensor's own sound, dB(A) at 1 m, -inf for none. average_dba: energy average while
    somebody is in view; peak_dba: of the loudest period. seconds_per_minute: with sound, while
    somebody is in view. alone_dba: energy average while nobody is.
    """

    average_dba: float
    peak_dba: float
    seconds_per_minute: float
    alone_dba: float


@dataclass(frozen=True, slots=True)
class Coverage:
    """Of the poses with one scale source: their number, and the share whose mid-hip's distance is
    within 1-sigma.
    """

    poses: int
    share: ConfidenceInterval


def distance_errors(record: EveningRecord) -> Array:
    """Of the mid-hip's distance (R,), estimate less truth [m]; NaN without a pose."""
    estimated, true = (np.linalg.norm(x[:, MID_HIP], axis=1) for x in (record.joints, record.true))
    return np.asarray(estimated - true)


def accuracy(records: Sequence[EveningRecord], group: str) -> Accuracy:
    """Of the group, one of GROUPS, over these evenings."""
    chosen = [GROUPS[group](r) for r in records]
    off = [np.abs(distance_errors(r))[k] for r, k in zip(records, chosen, strict=True)]
    each = [joint_errors(r.joints, r.true)[k] for r, k in zip(records, chosen, strict=True)]
    mpjpe = [e.mean(axis=1) for e in each]
    within = [np.where(np.isfinite(e), e <= PCK_M, False).mean(axis=1) for e in each]
    source = np.concatenate([r.source[k] for r, k in zip(records, chosen, strict=True)])
    posed = source >= 0
    return Accuracy(
        over_evenings(off, np.median),
        over_evenings(off, np.mean),
        over_evenings(mpjpe, np.median),
        over_evenings(within, np.mean),
        float(posed.mean()) if len(posed) else float("nan"),
        float((source[posed] == 0).mean()) if posed.any() else float("nan"),
    )


def sounded(records: Sequence[EveningRecord]) -> Sounded:
    """How loud the sensor was."""
    seen = np.concatenate([r.own_pa2[r.somebody] for r in records])
    alone = np.concatenate([r.own_pa2[~r.somebody] for r in records])
    return Sounded(
        _dba(seen.mean() if len(seen) else 0.0),
        _dba(max((float(r.own_pa2.max()) for r in records), default=0.0)),
        60.0 * float((seen > 0.0).mean()) if len(seen) else 0.0,
        _dba(alone.mean() if len(alone) else 0.0),
    )


def coverage(records: Sequence[EveningRecord], source: str) -> Coverage:
    """Of the poses whose scale comes from a source, one of SOURCES, in any state."""
    number = SOURCES.index(source)
    inside = [
        (np.abs(distance_errors(r)) <= r.sigma[:, MID_HIP])[r.source == number] for r in records
    ]
    return Coverage(sum(map(len, inside)), over_evenings(inside, np.mean))


def over_evenings(
    values: Sequence[Array], statistic: Callable[[Array], float]
) -> ConfidenceInterval:
    """Statistic of the finite values of all evenings together, and its 95 % interval over drawn
    evenings. values: (n,) of each.
    """
    finite = [np.asarray(v, np.float64)[np.isfinite(v)] for v in values]
    whole = np.concatenate(finite) if finite else np.zeros(0)
    if len(whole) == 0:
        return ConfidenceInterval(float("nan"), float("nan"), float("nan"), 0)
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(RESAMPLES):
        some = np.concatenate([finite[k] for k in rng.integers(len(finite), size=len(finite))])
        if len(some):
            drawn.append(float(statistic(some)))
    low, high = np.quantile(drawn, (0.025, 0.975))
    return ConfidenceInterval(float(statistic(whole)), float(low), float(high), len(whole))


def _in(record: EveningRecord, states: Sequence[str]) -> BoolArray:
    return np.isin(record.state, [STATES.index(s) for s in STATES if s in states])


def _dba(mean_square_pa2: float) -> float:
    if mean_square_pa2 <= 0.0:
        return float("-inf")
    return float(10.0 * np.log10(mean_square_pa2 / PASCAL_AT_0_DB**2))
