"""Zones: named polygons on the floor, and who is in them without flicker at their edges."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from edge.core.errors import ConfigError
from edge.core.toml_fields import required

Point = tuple[float, float]

MAX_CORNERS = 64
LEAST_AREA_M2 = 0.05
ENTER_S, LEAVE_S = 0.5, 1.0  # inside, or outside, for so long before it counts
LEAVE_M = (
    0.25  # farther than this outside: a chair at the edge of its zone is not left by leaning over
)


@dataclass(frozen=True)
class ZoneConfig:
    """A polygon on the floor, its corners in the room frame [m], in either sense of rotation."""

    name: str = required()
    polygon: tuple[Point, ...] = required(-100.0, 100.0)

    @property
    def key(self) -> str:
        """The name in lower-case letters, digits and _: the zone's identity in Home Assistant."""
        plain = unicodedata.normalize("NFKD", self.name).encode("ascii", "ignore").decode().lower()
        return re.sub(r"[^a-z0-9]+", "_", plain).strip("_")


class ZoneOccupancy:
    """In which zones one person is; fed with places on the floor, in the order of time."""

    def __init__(self, zones: Sequence[ZoneConfig]) -> None:
        self._zones = [(zone.name, np.array(zone.polygon, np.float64)) for zone in zones]
        self._inside = [False] * len(zones)
        self._since_s: list[float | None] = [None] * len(
            zones
        )  # since when the other state was seen, without a break

    def __call__(self, place: Point, t_s: float) -> tuple[str, ...]:
        """Names of the zones that the person at `place` is in at the time t_s, in the order of the
        configuration.
        """
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
    """Distance [m] of a place from a polygon (N, 2); negative inside, where it is that to the
    nearest edge.
    """
    p, a, b = np.array(place), polygon, np.roll(polygon, -1, axis=0)
    edge = b - a
    along = np.clip(((p - a) * edge).sum(axis=1) / (edge**2).sum(axis=1), 0.0, 1.0)
    distance = float(np.linalg.norm(a + along[:, None] * edge - p, axis=1).min())
    # A ray to the right meets the border an odd number of times from inside.
    spans = (a[:, 1] > p[1]) != (b[:, 1] > p[1])
    x = a[spans, 0] + (p[1] - a[spans, 1]) / edge[spans, 1] * edge[spans, 0]
    return -distance if int((x > p[0]).sum()) % 2 else distance


def check_zones(zones: Sequence[ZoneConfig]) -> None:
    """Raises ConfigError where a zone has no usable name or polygon, or two have names that are too
    much alike.
    """
    seen: dict[str, str] = {}
    for k, zone in enumerate(zones):
        if not zone.key or len(zone.name) > 40 or not zone.name.isprintable():
            raise ConfigError(
                f"zones[{k}].name: found {zone.name!r}, allowed: at most 40 characters with at least one letter a to z or digit"
            )
        if zone.key in seen:
            raise ConfigError(
                f"zones[{k}].name: {zone.name!r} is too much like {seen[zone.key]!r}; "
                "names must differ in more than case, accents and punctuation"
            )
        seen[zone.key] = zone.name
        _check_polygon(zone.polygon, f"zones[{k}].polygon ({zone.name})")


def _check_polygon(corners: Sequence[Point], where: str) -> None:
    n = len(corners)
    if not 3 <= n <= MAX_CORNERS:
        raise ConfigError(f"{where}: found {n} corners, allowed: 3 to {MAX_CORNERS}")
    for k in range(n):
        if corners[k] == corners[(k + 1) % n]:
            raise ConfigError(
                f"{where}: corner {list(corners[k])} stands twice in a row; leave one out (the polygon closes itself)"
            )
    edges = [(corners[k], corners[(k + 1) % n]) for k in range(n)]
    for i, j in combinations(range(n), 2):
        if _cross(*edges[i], *edges[j], neighbours=(j - i) in (1, n - 1)):
            raise ConfigError(
                f"{where}: the sides {_side(edges[i])} and {_side(edges[j])} cross; list the corners in order around it"
            )
    area = 0.5 * abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in edges))
    if area < LEAST_AREA_M2:
        raise ConfigError(
            f"{where}: found an area of {area:.3f} m2, at least {LEAST_AREA_M2} is needed (corners are in metres)"
        )


def _cross(a: Point, b: Point, c: Point, d: Point, neighbours: bool) -> bool:
    """Whether two sides meet anywhere, other than neighbours at the corner they share."""
    turns = [_turn(a, b, c), _turn(a, b, d), _turn(c, d, a), _turn(c, d, b)]
    if neighbours:  # they may only fold back onto each other
        shared = b if b == c else a
        first, second = (a if shared == b else b), (d if shared == c else c)
        ahead = (first[0] - shared[0]) * (second[0] - shared[0]) + (first[1] - shared[1]) * (
            second[1] - shared[1]
        )
        return _turn(first, shared, second) == 0.0 and ahead > 0.0
    if turns[0] * turns[1] < 0.0 and turns[2] * turns[3] < 0.0:
        return True
    touching = zip(turns, ((a, b, c), (a, b, d), (c, d, a), (c, d, b)), strict=True)
    return any(turn == 0.0 and _between(*points) for turn, points in touching)


def _turn(a: Point, b: Point, c: Point) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _between(a: Point, b: Point, c: Point) -> bool:
    return min(a[0], b[0]) <= c[0] <= max(a[0], b[0]) and min(a[1], b[1]) <= c[1] <= max(a[1], b[1])


def _side(edge: tuple[Point, Point]) -> str:
    return f"{list(edge[0])}-{list(edge[1])}"
