"""Zones: which polygons are refused and why, where inside ends, and who counts as inside."""

import re
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.behaviour.zones import ENTER_S, LEAVE_M, LEAVE_S, ZoneOccupancy, outside
from edge.core.config import ZoneConfig, check_zones, load_config
from edge.core.errors import ConfigError
from tests.support.config_files import GOOD, write

SQUARE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
L_SHAPE = ((0.0, 0.0), (2.0, 0.0), (2.0, 1.0), (1.0, 1.0), (1.0, 2.0), (0.0, 2.0))


def test_good_zones_pass_in_either_sense() -> None:
    check_zones(
        [
            ZoneConfig("Sofa", SQUARE),
            ZoneConfig("Bed", SQUARE[::-1]),
            ZoneConfig("Küche 2", L_SHAPE),
        ]
    )
    check_zones([])


def test_who_is_inside_stays_so_while_other_zones_change() -> None:
    sofa, bed, door = (ZoneConfig(name, SQUARE) for name in ("Sofa", "Bed", "Door"))
    one = ZoneOccupancy([bed, sofa])
    for t_s in (0.0, 0.3, 0.6):
        inside = one((0.5, 0.5), t_s)
    assert inside == ("Bed", "Sofa")
    other = one.changed([sofa, door])
    assert other.names == ("Sofa",)
    assert other((0.5, 0.5), 0.9) == ("Sofa",)  # in a new zone one must be seen for a while
    assert other((0.5, 0.5), 1.0 + ENTER_S) == ("Sofa", "Door")


@pytest.mark.parametrize(
    ("polygon", "complaint"),
    [
        (SQUARE[:2], "found 2 corners, allowed: 3 to 64"),
        (tuple((float(k), float(k * k)) for k in range(70)), "found 70 corners"),
        (((0.0, 0.0), (1.0, 1.0), (1.0, 0.0), (0.0, 1.0)), "cross"),
        (((0.0, 0.0), (2.0, 0.0), (1.0, 0.0)), "cross"),
        (
            ((0.0, 0.0), (2.0, 0.0), (2.0, 2.0), (1.0, 0.0), (0.0, 2.0)),
            "cross",
        ),  # a corner on another side
        (((0.0, 0.0), (1.0, 0.0), (1.0, 0.0), (0.0, 1.0)), "twice in a row"),
        ((*SQUARE, SQUARE[0]), "twice in a row"),
        (((0.0, 0.0), (0.1, 0.0), (0.1, 0.1)), "area of 0.005 m2"),
    ],
)
def test_wrong_polygons_are_refused(
    polygon: tuple[tuple[float, float], ...], complaint: str
) -> None:
    with pytest.raises(ConfigError, match=r"zones\[0\].polygon \(Sofa\)") as e:
        check_zones([ZoneConfig("Sofa", polygon)])
    assert complaint in str(e.value)


@pytest.mark.parametrize(
    "name", ["", " - ", "، —", "x" * 41, "So\nfa", "So\u202efa", "a\x1b[2J", "\u200d", "\u200b"]
)
def test_names_need_something_to_know_them_by(name: str) -> None:
    with pytest.raises(ConfigError, match=r"zones\[0\].name"):
        check_zones([ZoneConfig(name, SQUARE)])


NAMES = {
    "Sofa": "sofa",
    "Küche 2": "kuche_2",
    "Straße": "strae",  # as in earlier versions
    "沙发": "961085f3",
    "玄関": "",
    "Кухня": "07c47309",
    "مطبخ": "",
    "می\u200cروم": "",
    "ห้องครัว": "",
    "🛋️": "",
    "👨\u200d👩\u200d👧": "",
    "Raum 玄関": "",
    "Raum 居間": "",
    "Ø": "",
}


def test_names_of_any_script_are_taken_and_known_by_distinct_and_stable_keys() -> None:
    check_zones([ZoneConfig(name, SQUARE) for name in NAMES])
    for name, key in NAMES.items():
        found = ZoneConfig(name, SQUARE).key
        assert re.fullmatch(r"[a-z0-9_]+", found)
        assert found == (key or found)


def test_case_and_composition_make_no_other_zone_in_any_script() -> None:
    for name, same in (("Кухня", "кухня!"), ("ガレージ", unicodedata.normalize("NFD", "ガレージ"))):
        assert ZoneConfig(name, SQUARE).key == ZoneConfig(same, SQUARE).key
        with pytest.raises(ConfigError, match="too much like"):
            check_zones([ZoneConfig(name, SQUARE), ZoneConfig(same, SQUARE)])


def test_names_that_home_assistant_would_take_for_one_are_refused() -> None:
    with pytest.raises(ConfigError, match="'café' is too much like 'Cafe'"):
        check_zones([ZoneConfig("Cafe", SQUARE), ZoneConfig("café", L_SHAPE)])


@pytest.mark.parametrize(
    ("place", "distance"),
    [
        ((0.5, 0.9), -0.1),
        ((0.5, 1.2), 0.2),
        ((1.3, 1.4), 0.5),
        ((-0.1, 0.5), 0.1),
        ((0.5, 0.5), -0.5),
    ],
)
def test_distance_from_a_square(place: tuple[float, float], distance: float) -> None:
    for polygon in (SQUARE, SQUARE[::-1]):
        assert outside(np.array(polygon), place) == pytest.approx(distance)


def test_the_inner_corner_of_an_l_is_outside() -> None:
    assert outside(np.array(L_SHAPE), (1.2, 1.3)) == pytest.approx(0.2)
    assert outside(np.array(L_SHAPE), (0.5, 1.9)) < 0.0


@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(0, 6.28))
def test_distance_does_not_depend_on_where_the_polygon_lies(
    x: float, y: float, turn: float
) -> None:
    c, s = np.cos(turn), np.sin(turn)
    rotation = np.array([[c, -s], [s, c]])
    moved = np.array(L_SHAPE) @ rotation.T + [5.0, -2.0]
    place = rotation @ [x, y] + [5.0, -2.0]
    assert outside(moved, (float(place[0]), float(place[1]))) == pytest.approx(
        outside(np.array(L_SHAPE), (x, y)), abs=1e-9
    )


def walk(
    zones: ZoneOccupancy, places: list[tuple[float, float]], start_s: float, step_s: float = 0.1
) -> list[tuple[str, ...]]:
    return [zones(place, start_s + k * step_s) for k, place in enumerate(places)]


def test_entering_and_leaving_take_their_time() -> None:
    zones = ZoneOccupancy([ZoneConfig("Sofa", SQUARE)])
    seen = walk(zones, [(0.5, 0.5)] * 10, 0.0)
    entered = seen.index(("Sofa",))
    assert entered * 0.1 == pytest.approx(ENTER_S, abs=0.11)
    assert all(s == ("Sofa",) for s in seen[entered:])
    left = walk(zones, [(0.5, 2.0)] * 20, 1.0).index(())
    assert left * 0.1 == pytest.approx(LEAVE_S, abs=0.11)


def test_no_flicker_at_the_edge_nor_by_single_poses() -> None:
    zones = ZoneOccupancy([ZoneConfig("Sofa", SQUARE)])
    walk(zones, [(0.5, 0.9)] * 10, 0.0)
    at_the_edge = [(0.5, 1.0 + (0.9 * LEAVE_M if k % 2 else -0.1)) for k in range(50)]
    assert set(walk(zones, at_the_edge, 1.0)) == {("Sofa",)}
    wrong_now_and_then = [(0.5, 3.0) if k % 5 == 0 else (0.5, 0.9) for k in range(50)]
    assert set(walk(zones, wrong_now_and_then, 6.0)) == {("Sofa",)}
    passing_by = ZoneOccupancy([ZoneConfig("Sofa", SQUARE)])
    assert set(
        walk(passing_by, [(0.5, 0.9) if k % 4 == 0 else (0.5, 1.5) for k in range(50)], 0.0)
    ) == {()}


def test_zones_may_overlap() -> None:
    zones = ZoneOccupancy([ZoneConfig("Sofa", SQUARE), ZoneConfig("Corner", L_SHAPE)])
    assert walk(zones, [(0.5, 0.5)] * 10, 0.0)[-1] == ("Sofa", "Corner")
    assert walk(zones, [(1.8, 0.5)] * 20, 1.0)[-1] == ("Corner",)


def test_zones_come_from_the_file_and_need_the_cameras_height(tmp_path: Path) -> None:
    zones = '[[zones]]\nname = "Sofa"\npolygon = [[-1, 2], [0.5, 2], [0.5, 3]]\n'
    assert load_config(write(tmp_path, GOOD + zones)).zones == (
        ZoneConfig("Sofa", ((-1.0, 2.0), (0.5, 2.0), (0.5, 3.0))),
    )
    for text, complaint in (
        (GOOD.replace("height_m = 1.2\n", "") + zones, "rig.camera.height_m"),
        (
            GOOD + zones.replace("[0.5, 3]", "[0.5, 300]"),
            r"zones\[0\].polygon\[2\]\[1\]: found 300",
        ),
        (GOOD + zones.replace("[0.5, 3]", "[0.5]"), r"zones\[0\].polygon\[2\]: found 1 values"),
        (GOOD + zones.replace("name", "nam"), "did you mean name"),
        (GOOD + zones + zones, "too much like"),
    ):
        with pytest.raises(ConfigError, match=complaint):
            load_config(write(tmp_path, text))


def test_cbor_and_the_live_page_do_not_go_together(tmp_path: Path) -> None:
    assert load_config(write(tmp_path, GOOD + '[mqtt]\nformat = "cbor"\n')).mqtt.format == "cbor"
    page = '[web]\nenabled = true\nwebsocket_url = "ws://localhost:9001/"\n'
    with pytest.raises(ConfigError, match=r"mqtt.format: found 'cbor', but web.enabled is true"):
        load_config(write(tmp_path, GOOD + '[mqtt]\nformat = "cbor"\n' + page))


@pytest.mark.parametrize("gap_s", [60.0, 1.1])
def test_after_a_gap_a_zone_is_entered_and_left_anew(gap_s: float) -> None:
    """Nobody knows where the person was in the meantime."""
    zones, inside, away = ZoneOccupancy([ZoneConfig("Sofa", SQUARE)]), (0.5, 0.5), (3.0, 3.0)
    assert zones(inside, 0.0) == ()
    assert zones(inside, gap_s) == ()
    assert zones(inside, gap_s + ENTER_S) == ("Sofa",)
    assert zones(away, gap_s + ENTER_S + 0.1) == ("Sofa",)
    assert zones(away, 2 * gap_s + ENTER_S + 0.1) == ("Sofa",)
    assert zones(away, 2 * gap_s + ENTER_S + 0.1 + LEAVE_S) == ()
