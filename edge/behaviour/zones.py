"""Which zones (named polygons on the floor) a person is in, without flicker at their edges."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edge.core.config import ZoneConfig

Point = tuple[float, float]

# Inside, or outside, for so long before it counts.
ENTER_S = 0.5
LEAVE_S = 1.0
# Between two looks farther apart nobody knows where the person was.
GAP_S = 1.0
# Outside is farther away than this: who leans over in a chair at the zone's edge has not left.
LEAVE_M = 0.25


class ZoneOccupancy:
    """Follows one person from place to place."""

    def __init__(self, zones: Sequence[ZoneConfig]) -> None:
        self._zones = [(zone.name, np.array(zone.polygon, np.float64)) for zone in zones]
        self._inside = [False] * len(zones)
        # Since when the other state was seen without a break.
        self._since_s: list[float | None] = [None] * len(zones)
        self._seen_s = float("-inf")

    def changed(self, zones: Sequence[ZoneConfig]) -> "ZoneOccupancy":
        """The same person with other zones; in one that keeps its name they stay."""
        new = ZoneOccupancy(zones)
        new._seen_s = self._seen_s
        before = {name: k for k, (name, _) in enumerate(self._zones)}
        for k, zone in enumerate(zones):
            if (old := before.get(zone.name)) is not None:
                new._inside[k], new._since_s[k] = self._inside[old], self._since_s[old]
        return new

    def __call__(self, place: Point, t_s: float) -> tuple[str, ...]:
        """Names of the zones that the person is in, in the order of the configuration.

        place: on the floor, room frame [m]. t_s: later than before [s]. After a gap of more than
        GAP_S what was begun to be seen counts from anew.
        """
        if t_s - self._seen_s > GAP_S:
            self._since_s = [None] * len(self._zones)
        self._seen_s = t_s
        for k, (_, polygon) in enumerate(self._zones):
            outside_m = outside(polygon, place)
            other = outside_m > LEAVE_M if self._inside[k] else outside_m <= 0.0
            since = self._since_s[k]
            if not other:
                self._since_s[k] = None
            elif since is None:
                self._since_s[k] = t_s
            elif t_s - since >= (LEAVE_S if self._inside[k] else ENTER_S):
                self._inside[k], self._since_s[k] = not self._inside[k], None
        return self.names

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the zones that the person is in."""
        return tuple(
            name for (name, _), inside in zip(self._zones, self._inside, strict=True) if inside
        )


def outside(polygon: npt.NDArray[np.float64], place: Point) -> float:
    """Distance [m] of a place from the nearest edge of a polygon (N, 2), negative inside."""
    p, a, b = np.array(place), polygon, np.roll(polygon, -1, axis=0)
    edge = b - a
    along = np.clip(((p - a) * edge).sum(axis=1) / (edge**2).sum(axis=1), 0.0, 1.0)
    distance = float(np.linalg.norm(a + along[:, None] * edge - p, axis=1).min())
    # A ray to the right meets the border an odd number of times from inside.
    spans = (a[:, 1] > p[1]) != (b[:, 1] > p[1])
    x = a[spans, 0] + (p[1] - a[spans, 1]) / edge[spans, 1] * edge[spans, 0]
    return -distance if int((x > p[0]).sum()) % 2 else distance
