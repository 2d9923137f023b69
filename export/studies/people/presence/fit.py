"""What a network's certainty of its sound tells of somebody being there, fitted to simulated people
and pictures.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from scipy.optimize import minimize

from edge.behaviour.presence import SoundEvidence, log_odds
from edge.core.arrays import Array, BoolArray
from edge.core.config.estimation import LifterKind
from edge.core.errors import SessionError
from export.studies.people.presence.rooms import Heard, PresenceRoom

DISTANCES_M = (1.3, 2.5, 4.0, 5.2, 6.6)  # nobody beyond 6.6 m is heard in training
OVER_NOISE_DB = (6.0, 10.0, 15.0)
LEAST_MOMENTS = 6  # of people and of pictures: with fewer nothing is known
# The prior of a line is a Gaussian about "tells nothing" as strong as this many moments.
SHRINK = 1.0
# A cell tells something if 0.05 and 0.95 tell so much, each its own way.
LEAST_TOLD = 0.65


def hear_rooms(lifter: LifterKind, rooms: int, seed: int) -> Iterator[list[Heard]]:
    """What a sensor with this lifter hears in each of so many rooms. Raises SessionError where
    none is made.
    """
    made = 0
    for number in range(rooms):
        try:
            heard = list(PresenceRoom(lifter, number, seed))
        except SessionError:  # no furniture fits around these people
            continue
        made += 1
        yield heard
    if not made:
        raise SessionError(f"none of {rooms} rooms could be made: ask for more")


def fit_evidence(heard: Sequence[Heard], network: str, command: str) -> SoundEvidence:
    """The evidence of each cell. network: SHA-256 of the lifter. command: that made `heard`."""
    rows = [h for h in heard if np.isfinite(h.confidence + h.over_noise_db)]
    row = np.searchsorted(DISTANCES_M, [h.distance_m for h in rows], side="right")
    column = np.searchsorted(OVER_NOISE_DB, [h.over_noise_db for h in rows], side="right")
    odds = np.array([log_odds(h.confidence) for h in rows])
    there = np.array([h.there for h in rows], bool)
    moments = np.array([hash((h.room, h.moment, h.there)) for h in rows])
    shape = len(DISTANCES_M) + 1, len(OVER_NOISE_DB) + 1
    lines = np.zeros((*shape, 2))
    for cell in np.ndindex(shape):
        inside = (row == cell[0]) & (column == cell[1])
        lines[cell] = _line(odds[inside], there[inside], moments[inside])
    lines = lines.round(3)
    return SoundEvidence(
        network=network,
        command=command,
        distances_m=DISTANCES_M,
        over_noise_db=OVER_NOISE_DB,
        offset=tuple(tuple(x) for x in lines[..., 0].tolist()),
        slope=tuple(tuple(x) for x in lines[..., 1].tolist()),
    )


def _line(odds: Array, there: BoolArray, moments: Array) -> Array:
    """Offset and slope (2,) of the log likelihood ratio: logistic regression with people and
    pictures weighing alike, each moment once, however many periods it had.
    """
    weight = np.zeros(len(odds))
    for kind in (there, ~there):
        numbers, index, counts = np.unique(moments[kind], return_inverse=True, return_counts=True)
        if len(numbers) < LEAST_MOMENTS:
            return np.zeros(2)
        weight[kind] = 1.0 / counts[index] / len(numbers)
    weight *= len(np.unique(moments)) / 2.0
    sign = np.where(there, 1.0, -1.0)

    def cost(line: Array) -> float:
        loss = np.logaddexp(0.0, -sign * (line[0] + line[1] * odds))
        return float(weight @ loss + 0.5 * SHRINK * (line @ line))

    # The surer the network is, the likelier somebody is there, or it tells nothing.
    best = minimize(cost, np.zeros(2), bounds=((None, None), (0.0, None))).x
    low, high = (float(best[0] + best[1] * log_odds(p)) for p in (0.05, 0.95))
    return np.asarray(best) if low <= -LEAST_TOLD and high >= LEAST_TOLD else np.zeros(2)


def evidence_report(evidence: SoundEvidence, heard: Sequence[Heard]) -> str:
    """A table in Markdown: the confidence that tells nothing, and what 5 and 95 % tell."""
    edges = (0.0, *evidence.distances_m, np.inf), (-np.inf, *evidence.over_noise_db, np.inf)
    lines = [
        "| distance (m) | echo over noise (dB) | people | pictures | tells nothing | 0.05 tells "
        "| 0.95 tells |",
        "|---" * 7 + "|",
    ]
    for i, j in np.ndindex(len(edges[0]) - 1, len(edges[1]) - 1):
        offset, slope = evidence.offset[i][j], evidence.slope[i][j]
        inside = [
            h
            for h in heard
            if np.isfinite(h.confidence + h.over_noise_db)
            and edges[0][i] <= h.distance_m < edges[0][i + 1]
            and edges[1][j] <= h.over_noise_db < edges[1][j + 1]
        ]
        counts = (
            len({(h.room, h.moment) for h in inside if h.there is kind}) for kind in (True, False)
        )
        neutral = f"{1.0 / (1.0 + np.exp(offset / slope)):.2f}" if slope else "everything"
        low, high = (offset + slope * log_odds(p) for p in (0.05, 0.95))
        lines.append(
            f"| {_range(edges[0][i], edges[0][i + 1])} | {_range(edges[1][j], edges[1][j + 1])} "
            f"| {next(counts)} | {next(counts)} | {neutral} | {low:+.1f} | {high:+.1f} |"
        )
    return "\n".join(lines)


def _range(low: float, high: float) -> str:
    if not np.isfinite(low) or low == 0.0:
        return f"below {high:g}"
    return f"{low:g} to {high:g}" if np.isfinite(high) else f"from {low:g}"
