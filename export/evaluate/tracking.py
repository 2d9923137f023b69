"""How well people keep their identities over a sequence, by the standard definitions.

CLEAR MOT (Bernardin and Stiefelhagen, EURASIP JIVP 2008): misses, false positives, identity
switches, MOTA and MOTP. IDF1 (Ristani et al., ECCV workshops 2016).
"""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from edge.core.arrays import Array

_FORBIDDEN = 1e6


@dataclass(frozen=True, eq=False)
class TrackedFrame:
    """One frame. truth: ids (N,) of the true people. tracks: ids (M,) of those reported. apart:
    (N, M) distance of each of the one from each of the other, in any unit.
    """

    truth: Sequence[Hashable]
    tracks: Sequence[Hashable]
    apart: Array


@dataclass(frozen=True, slots=True)
class TrackingScore:
    """Counts over all frames of one or more sequences; `+` adds sequences.

    people: true people in all frames. reported: people reported in all frames. matches: of both.
    misses: true people with no match. false: reported ones with none. switches: matches of a true
    person with another id than their last. fragments: times a true person's matches resumed after a
    gap. distance: sum over the matches. id_matches: IDTP, matches under the one assignment of true
    to reported identities that has most of them.
    """

    frames: int = 0
    people: int = 0
    reported: int = 0
    matches: int = 0
    misses: int = 0
    false: int = 0
    switches: int = 0
    fragments: int = 0
    distance: float = 0.0
    id_matches: int = 0

    def __add__(self, other: "TrackingScore") -> "TrackingScore":
        return TrackingScore(
            *(getattr(self, n) + getattr(other, n) for n in self.__dataclass_fields__)
        )

    @property
    def mota(self) -> float:
        """1 - (misses + false + switches) / people; can be negative."""
        return 1.0 - _share(self.misses + self.false + self.switches, self.people)

    @property
    def motp(self) -> float:
        """Mean distance of the matches, in the unit of `apart`."""
        return _share(self.distance, self.matches)

    @property
    def idf1(self) -> float:
        """2 IDTP / (2 IDTP + IDFP + IDFN)."""
        return _share(2 * self.id_matches, self.people + self.reported)


def score_tracks(frames: Iterable[TrackedFrame], most_apart: float) -> TrackingScore:
    """The counts of one sequence. most_apart: people farther apart than this never match.

    As CLEAR MOT wants it, a match of the last frame is kept while it is near enough; whoever is
    left is matched such that the sum of the distances is least.
    """
    last: dict[Hashable, Hashable] = {}  # true person -> id of their newest match
    current: dict[Hashable, Hashable] = {}  # matches of the last frame
    together: dict[tuple[Hashable, Hashable], int] = {}
    people = reported = matches = switches = fragments = count = 0
    distance = 0.0
    for frame in frames:
        count += 1
        people, reported = people + len(frame.truth), reported + len(frame.tracks)
        near = frame.apart <= most_apart
        for i, q in np.argwhere(near):
            pair = (frame.truth[i], frame.tracks[q])
            together[pair] = together.get(pair, 0) + 1
        matched = _match(frame, near, current)
        for i, q in matched:
            person, track = frame.truth[i], frame.tracks[q]
            switches += person in last and last[person] != track
            fragments += person in last and person not in current
            last[person] = track
            distance += float(frame.apart[i, q])
        matches += len(matched)
        current = {frame.truth[i]: frame.tracks[q] for i, q in matched}
    return TrackingScore(
        frames=count,
        people=people,
        reported=reported,
        matches=matches,
        misses=people - matches,
        false=reported - matches,
        switches=switches,
        fragments=fragments,
        distance=distance,
        id_matches=_most_together(together),
    )


def _match(
    frame: TrackedFrame, near: np.ndarray, current: dict[Hashable, Hashable]
) -> list[tuple[int, int]]:
    """(row, column) of each match of one frame."""
    track_row = {t: q for q, t in enumerate(frame.tracks)}
    kept = [
        (i, track_row[current[p]])
        for i, p in enumerate(frame.truth)
        if p in current and current[p] in track_row and near[i, track_row[current[p]]]
    ]
    cost = np.where(near, frame.apart, _FORBIDDEN)
    for i, q in kept:
        cost[i], cost[:, q] = _FORBIDDEN, _FORBIDDEN
    rows, columns = linear_sum_assignment(cost)
    new = [(int(i), int(q)) for i, q in zip(rows, columns, strict=True) if cost[i, q] < _FORBIDDEN]
    return kept + new


def _most_together(together: dict[tuple[Hashable, Hashable], int]) -> int:
    """IDTP: most frames that true and reported identities can share, one to one."""
    rows = {p: k for k, p in enumerate({p for p, _ in together})}
    columns = {t: k for k, t in enumerate({t for _, t in together})}
    shared = np.zeros((len(rows), len(columns)))
    for (person, track), frames in together.items():
        shared[rows[person], columns[track]] = frames
    chosen = linear_sum_assignment(shared, maximize=True)
    return int(shared[chosen].sum())


def _share(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")
