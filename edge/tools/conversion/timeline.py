"""Even times for formats that know no others. No pose is made up: each is one of the messages."""

from dataclasses import dataclass

import numpy as np

from edge.core.arrays import Array, IntArray

# A row without a pose of its own takes the one before it for at most so long.
HOLD_S = 0.25


@dataclass(frozen=True, eq=False)
class Timeline:
    """Rows at even times. first: number of the first row, counted from time 0. rows: (S,) which
    pose each shows, -1: none. unused: poses that fell onto a row with one nearer to its time.
    """

    interval_s: float
    first: int
    rows: IntArray
    unused: int

    def time_s(self, row: int) -> float:
        """When a row (0 is the first) is."""
        return (self.first + row) * self.interval_s


@dataclass(frozen=True, eq=False)
class PoseStretch:
    """Rows without a long gap. first: row of the timeline. rows: which pose each shows. repeated:
    how many show the one before once more.
    """

    first: int
    rows: IntArray
    repeated: int


def even_times(times_s: Array, interval_s: float) -> Timeline:
    """Each pose at the even time nearest to its own, at most half an interval away."""
    places = np.round(times_s / interval_s).astype(np.int64)
    off = np.abs(times_s - places * interval_s)
    first = int(places[0])
    rows = np.full(int(places[-1]) - first + 1, -1, np.int64)
    for pose in np.argsort(-off, kind="stable"):  # the nearest comes last and stays
        rows[places[pose] - first] = pose
    return Timeline(interval_s, first, rows, len(times_s) - int((rows >= 0).sum()))


def stretches(timeline: Timeline) -> list[PoseStretch]:
    """The timeline without gaps: a short one shows the pose before it, a long one parts it."""
    most = round(HOLD_S / timeline.interval_s)
    shown = np.flatnonzero(timeline.rows >= 0)
    parts = np.split(shown, np.flatnonzero(np.diff(shown) - 1 > most) + 1)
    found = []
    for part in parts:
        span = np.arange(part[0], part[-1] + 1)
        rows = timeline.rows[part[np.searchsorted(part, span, side="right") - 1]]
        found.append(PoseStretch(int(part[0]), rows, len(span) - len(part)))
    return found
