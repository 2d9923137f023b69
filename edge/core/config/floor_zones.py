"""Section [[zones]]: named polygons on the floor."""

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from itertools import combinations
from typing import Annotated

from msgspec import Meta

from edge.core.errors import ConfigError
from edge.core.plausibility import zone_problem
from edge.core.typed import Strict

_Coordinate = Annotated[float, Meta(ge=-100.0, le=100.0)]
Point = tuple[_Coordinate, _Coordinate]

MAX_CORNERS = 64
LEAST_AREA_M2 = 0.05
# Persian and Indic words and many emoji are written with them.
_JOINERS = dict.fromkeys(map(ord, "\u200c\u200d"))


class ZoneConfig(Strict, frozen=True):
    """A polygon on the floor: its corners in the room frame [m], clockwise or not."""

    name: str
    polygon: tuple[Point, ...]

    @property
    def key(self) -> str:
        """The name in lower-case letters a to z, digits and _: the zone's identity in Home
        Assistant. Letters of other scripts are told apart by a checksum; "" where nothing of the
        name can be read.
        """
        split = unicodedata.normalize("NFKD", self.name)
        plain = re.sub(r"[^a-z0-9]+", "_", split.encode("ascii", "ignore").decode().lower())
        plain = plain.strip("_")
        if plain and not any(_other_script(c) for c in split):
            return plain
        folded = unicodedata.normalize("NFKC", self.name).casefold()
        signs = "".join(c for c in folded if unicodedata.category(c)[0] in "LMNS")
        if not signs:
            return ""
        checksum = hashlib.sha256(signs.encode()).hexdigest()[:8]
        return f"{plain}_{checksum}" if plain else checksum


def check_zones(zones: Sequence[ZoneConfig]) -> None:
    """Raises ConfigError where a zone has no usable name or polygon, or two names are alike."""
    seen: dict[str, str] = {}
    for k, zone in enumerate(zones):
        visible = zone.name.translate(_JOINERS).isprintable()
        if not zone.key or len(zone.name) > 40 or not visible:
            raise ConfigError(
                f"zones[{k}].name: found {zone.name!r}, allowed: at most 40 characters of any "
                "script, among them a letter, digit or symbol, and none that cannot be seen"
            )
        if zone.key in seen:
            raise ConfigError(
                f"zones[{k}].name: {zone.name!r} is too much like {seen[zone.key]!r}; "
                "names must differ in more than case, accents and punctuation"
            )
        seen[zone.key] = zone.name
        _check_polygon(zone.polygon, f"zones[{k}].polygon ({zone.name})")


def _other_script(c: str) -> bool:
    """Whether `c` means something that is lost in letters a to z. Letters like ß keep the identity
    that zones of earlier versions have.
    """
    if c.isascii() or unicodedata.category(c)[0] not in "LNS":
        return False
    return not unicodedata.name(c, "").startswith("LATIN")


def _check_polygon(corners: tuple[Point, ...], where: str) -> None:
    n = len(corners)
    if not 3 <= n <= MAX_CORNERS:
        raise ConfigError(f"{where}: found {n} corners, allowed: 3 to {MAX_CORNERS}")
    for k in range(n):
        if corners[k] == corners[(k + 1) % n]:
            raise ConfigError(
                f"{where}: corner {list(corners[k])} stands twice in a row; leave one out (the "
                "polygon closes itself)"
            )
    edges = [(corners[k], corners[(k + 1) % n]) for k in range(n)]
    for i, j in combinations(range(n), 2):
        if _cross(*edges[i], *edges[j], neighbours=(j - i) in (1, n - 1)):
            raise ConfigError(
                f"{where}: the sides {_side(edges[i])} and {_side(edges[j])} cross; list the "
                "corners in order around it"
            )
    area = 0.5 * abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in edges))
    if area < LEAST_AREA_M2:
        raise ConfigError(
            f"{where}: found an area of {area:.3f} m2, at least {LEAST_AREA_M2} is needed "
            "(corners are in metres)"
        )
    if problem := zone_problem(corners):
        raise ConfigError(f"{where}: {problem}")


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
