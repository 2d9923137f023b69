"""Zones are changed in the text of a configuration; whatever else is written there stays."""

import tomllib
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edge.core.config import ZoneConfig
from edge.core.errors import ConfigError
from edge.output.page.zone_text import with_zone, without_zone

SOFA = ZoneConfig("Sofa", ((-1.2, 2.0), (0.8, 2.0), (0.8, 3.1), (-1.2, 3.1)))
DOOR = ZoneConfig("Tür", ((1.0, 1.0), (2.0, 1.0), (2.0, 2.0)))
BED = ZoneConfig("寝床 🛏", ((-2.0, 1.0), (-1.0, 1.0), (-1.0, 2.5)))

FILE = '''\
# The living room, 3 May.
device = { id = "livingroom" }   # a topic

# Where the broker is:
[mqtt]
host = "broker.local"  # by name
note_ = """a text with [[zones]]
name = "no zone" # and no comment"""

# Zones are measured from the camera.
[[zones]]
name = "Sofa"  # the grey one
polygon = [
    [-1.2, 2.0], # by the window
    [0.8, 2.0], [0.8, 3.1],
    [-1.2, 3.1],
]

# Anna measured this one.
[[ "zones" ]] # the kitchen's
"name" = 'Tür'
  polygon = [[1.0, 1.0], [2, 1], [2.0, 2.0]]

# The page, for everybody at home.
[web]
enabled = true
pattern = "a \\" ] # b"
'''


def whole_comments(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.lstrip().startswith("#")]


def rest(text: str) -> dict[str, Any]:
    return {key: value for key, value in tomllib.loads(text).items() if key != "zones"}


def zones(text: str) -> list[tuple[str, list[list[float]]]]:
    return [(z["name"], z["polygon"]) for z in tomllib.loads(text).get("zones", [])]


def as_read(zone: ZoneConfig) -> tuple[str, list[list[float]]]:
    return zone.name, [list(corner) for corner in zone.polygon]


def test_a_new_zone_stands_behind_the_last_and_nothing_else_changes() -> None:
    before, after = FILE.split("[2.0, 2.0]]\n")
    assert with_zone(FILE, BED) == (
        before
        + "[2.0, 2.0]]\n\n[[zones]]\n"
        + 'name = "寝床 🛏"\npolygon = [[-2.0, 1.0], [-1.0, 1.0], [-1.0, 2.5]]\n'
        + after
    )


def test_a_new_name_changes_one_value() -> None:
    new = with_zone(FILE, ZoneConfig("Die Bank", SOFA.polygon), 0)
    assert new == FILE.replace('"Sofa"  # the', '"Die Bank"  # the')


def test_new_corners_change_one_value_and_keep_the_comments_between_them() -> None:
    moved = ZoneConfig("Sofa", ((-1.0, 2.0), *SOFA.polygon[1:]))
    start, rest_ = FILE.split("polygon = [\n    [-1.2, 2.0]", 1)
    assert with_zone(FILE, moved, 0) == (
        start
        + "# by the window\npolygon = [[-1.0, 2.0], [0.8, 2.0], [0.8, 3.1], [-1.2, 3.1]]\n"
        + rest_.split("\n]\n", 1)[1]
    )


def test_a_removed_zone_leaves_the_comments_around_it() -> None:
    sofa = FILE[FILE.index('[[zones]]\nname = "Sofa"') : FILE.index("\n# Anna")]
    door = FILE[FILE.index('[[ "z') : FILE.index("# The page")]
    assert without_zone(FILE, 0) == FILE.replace(sofa, "")
    assert without_zone(FILE, 1) == FILE.replace(door, "\n")


def test_zones_come_and_go_and_the_file_is_as_before() -> None:
    assert without_zone(with_zone(FILE, BED), 2) == FILE
    bare = without_zone(without_zone(FILE, 0), 0)
    assert "zones" not in tomllib.loads(bare)
    assert whole_comments(bare) == whole_comments(FILE)
    assert without_zone(with_zone(bare, BED), 0) == bare


@pytest.mark.parametrize("text", ["", "a = 1", "a = 1\n", "[b]\nc = 1", "# only a comment"])
def test_the_first_zone_of_a_file_stands_at_its_end(text: str) -> None:
    new = with_zone(text, SOFA)
    assert new.startswith(text)
    assert zones(new) == [as_read(SOFA)]
    assert new.endswith("3.1]]\n")
    assert "\n\n\n" not in new


def test_a_list_of_zones_becomes_tables_and_keeps_its_comments() -> None:
    text = (
        "# before\nzones = [ # all of them\n"
        '    { name = "Sofa", polygon = [[-1.2, 2.0], [0.8, 2.0], [0.8, 3.1]] }, # the grey one\n'
        "] # end\nosc = { enabled = false }\n[mqtt] # the broker\nport = 1883\n"
    )
    new = with_zone(text, BED)
    assert [name for name, _ in zones(new)] == ["Sofa", BED.name]
    assert rest(new) == rest(text)
    assert [
        c for c in ("# before", "# all of them", "# the grey one", "# end") if c not in new
    ] == []
    assert zones(without_zone(text, 0)) == []
    assert zones(with_zone("zones = []\n", BED)) == [as_read(BED)]


def test_lines_end_as_they_did() -> None:
    crlf = FILE.replace("\n", "\r\n")
    for old, new in (
        (FILE, with_zone(FILE, BED)),
        (FILE, with_zone(FILE, BED, 0)),
        (FILE, without_zone(FILE, 1)),
    ):
        assert new != old
    assert with_zone(crlf, BED) == with_zone(FILE, BED).replace("\n", "\r\n")
    assert with_zone(crlf, BED, 0) == with_zone(FILE, BED, 0).replace("\n", "\r\n")
    assert without_zone(crlf, 1) == without_zone(FILE, 1).replace("\n", "\r\n")


def test_many_corners_are_written_on_lines_of_their_own() -> None:
    many = ZoneConfig("Sofa", tuple((0.1 * k, 0.01 * k * k) for k in range(12)))
    new = with_zone(FILE, many, 0)
    assert zones(new)[0] == as_read(many)
    assert max(len(line) for line in new.splitlines()) <= 100


def test_what_is_written_in_an_unusual_way_is_left_to_its_writer() -> None:
    text = "[[zones]]\nname = 'a'\npolygon = [[0.0, 0.0]]\n[zones.more]\nx = 1\n"
    with pytest.raises(ConfigError):
        without_zone(text, 0)


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)
NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)
CORNERS = st.lists(
    st.tuples(*[st.integers(-10000, 10000).map(lambda n: n / 100)] * 2), min_size=1, max_size=9
).map(tuple)
ZONES = st.builds(ZoneConfig, NAMES, CORNERS)


@settings(max_examples=200, deadline=None)
@given(
    zones_=st.lists(ZONES, max_size=3),
    new=ZONES,
    value=TEXT,
    newline=st.sampled_from(["\n", "\r\n"]),
)
@example(zones_=[], new=SOFA, value='"""', newline="\n")
@example(zones_=[SOFA], new=DOOR, value="[[zones]]\n#", newline="\r\n")
def test_any_name_and_any_neighbour_survives(
    zones_: list[ZoneConfig], new: ZoneConfig, value: str, newline: str
) -> None:
    """value: of another key, once as a literal of several lines and once as a basic string."""
    quoted = "".join(f"\\U{ord(c):08x}" for c in value)
    literal = "".join(c for c in value if c.isprintable() and c != "'")
    text = f"a = \"{quoted}\" # 1\nb = '''{literal}\n#x'''\n# 2\n".replace("\n", newline)
    for zone in zones_:
        text = with_zone(text, zone)
    assert zones(text) == [as_read(zone) for zone in zones_]
    for k in range(len(zones_)):
        changed = with_zone(text, new, k)
        assert zones(changed) == [as_read(z) for z in [*zones_[:k], new, *zones_[k + 1 :]]]
        assert rest(changed) == rest(text)
        removed = without_zone(text, k)
        assert zones(removed) == [as_read(z) for z in zones_[:k] + zones_[k + 1 :]]
        assert "# 1" in removed
        assert "# 2" in removed
