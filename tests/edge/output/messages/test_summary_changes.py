"""How seldom the summary is published: dead-bands, and what is worth a message at once."""

import numpy as np
import pytest

from edge.core.pose import Activity
from edge.output.messages.attendance import ABSENT_S, NEARER_M, UNSURE_S
from edge.output.messages.summary import REFRESH_S
from tests.support.scenes.keepers import HEIGHT_M, SummaryRoom, in_zones, seen, somebody


def test_what_is_unsure_for_a_moment_changes_nothing() -> None:
    room = SummaryRoom()
    room.after(ABSENT_S)
    for _ in range(20):  # a false detection now and then
        for _ in range(round(10 * UNSURE_S) - 3):
            assert room.after(0.1, seen(somebody(presence="unsure"))) == []
        assert room.after(1.0) == []
    (there,) = room.after(0.1, seen(somebody()))
    assert there["occupancy"] is True


def test_in_twilight_it_does_not_change_with_every_image() -> None:
    room = SummaryRoom()
    for _ in range(50):
        room.after(0.1, seen(somebody()))
        room.blind(0.1, "the image is too dark")
    assert 5 <= len(room.said) <= 11


def test_two_who_are_as_near_do_not_change_places() -> None:
    room = SummaryRoom()
    room.after(0.0, seen(somebody(3.0), somebody(3.1, 2)))
    for k in range(50):
        swing = 0.4 * NEARER_M * (-1) ** k
        room.after(1.1, seen(somebody(3.0 + swing), somebody(3.0 - swing, 2)))
    assert {m["nearest"]["id"] for m in room.said} == {1}
    room.after(1.1, seen(somebody(3.0), somebody(3.0 - 1.1 * NEARER_M, 2)))
    assert room.said[-1]["nearest"]["id"] == 2


def test_small_changes_are_not_worth_a_message() -> None:
    room = SummaryRoom()
    room.after(0.0, seen(somebody(3.0)))
    for i in range(100):
        assert room.after(0.1, seen(somebody(3.0 + 0.29 * (i % 2)))) == []
    (moved,) = room.after(0.1, seen(somebody(3.31)))
    assert moved["nearest"]["mid_hip_distance_m"] == 3.31


def test_everybody_is_placed_and_whoever_moves_is_told() -> None:
    room = SummaryRoom()
    far = Activity("sitting", (1.0, 4.0), zones=("rug",))
    (there,) = room.after(0.0, seen(somebody(3.0), somebody(4.0, 2, activity=far)))
    assert [(p["id"], p["posture"], p["zones"]) for p in there["positions"]] == [
        (1, "standing", []), (2, "sitting", ["rug"]),
    ]  # fmt: skip
    assert there["positions"][1]["floor_m"] == [1.0, 4.0]
    moved = Activity("sitting", (1.0, 4.4), zones=("rug",))
    for _ in range(3):
        assert room.after(1.0, seen(somebody(3.0), somebody(4.0, 2, activity=moved))) == []
    (told,) = room.after(1.1, seen(somebody(3.0), somebody(4.0, 2, activity=moved)))
    assert told["nearest"]["id"] == 1
    assert told["positions"][1]["floor_m"] == [1.0, 4.4]


def test_a_message_in_four_seconds_while_somebody_walks() -> None:
    room = SummaryRoom()
    room.after(0.0, seen(somebody(1.0)))
    said = [m for i in range(100) for m in room.after(0.1, seen(somebody(1.0 + 0.05 * i)))]
    assert len(said) == 2
    assert said[-1]["nearest"]["mid_hip_distance_m"] > 4.9


def test_an_unchanged_room_is_told_again_after_a_while() -> None:
    room = SummaryRoom()
    room.after(ABSENT_S)
    said = [m for _ in range(int(2 * REFRESH_S)) for m in room.after(1.0)]
    assert len(said) == 2


def test_a_zone_is_told_at_once_and_posture_within_four_seconds() -> None:
    room = SummaryRoom()
    room.after(0.0, seen(somebody()))
    (there,) = room.after(0.1, seen(somebody(activity=in_zones("sofa"))))
    assert there["nearest"]["zones"] == ["sofa"]
    assert room.after(1.0, seen(somebody(activity=in_zones()))) == [], "back before it is told"
    assert room.after(1.0, seen(somebody(activity=in_zones("sofa")))) == []
    assert room.after(1.5, seen(somebody(activity=in_zones()))) == []
    (left,) = room.after(0.6, seen(somebody(activity=in_zones())))
    assert left["nearest"]["zones"] == []
    assert room.after(0.1, seen(somebody(activity=in_zones("sofa"))))
    sitting = seen(
        somebody(
            activity=Activity("sitting", (0.0, 3.0), zones=("sofa",), standing_height_m=HEIGHT_M)
        )
    )
    assert room.after(0.1, sitting) == []
    for _ in range(3):
        assert room.after(1.0, sitting) == []
    (sits,) = room.after(0.95, sitting)
    assert sits["nearest"]["posture"] == "sitting"


@pytest.mark.parametrize(("moved_m", "messages"), [(0.29, 0), (0.31, 1)])
def test_the_place_on_the_floor_has_a_dead_band_as_the_crow_flies(
    moved_m: float, messages: int
) -> None:
    room = SummaryRoom()
    room.after(0.0, seen(somebody()))
    place = (moved_m * np.sqrt(0.5), 3.0 + moved_m * np.sqrt(0.5))
    moved = somebody(activity=Activity("standing", place, standing_height_m=HEIGHT_M))
    assert room.after(2.5, seen(moved)) == []
    assert len(room.after(1.5, seen(moved))) == messages


def test_what_becomes_unknown_is_told() -> None:
    room = SummaryRoom()
    room.after(0.0, seen(somebody()))
    assert room.after(2.5, seen(somebody(activity=Activity()))) == []
    (message,) = room.after(1.5, seen(somebody(activity=Activity())))
    nearest = message["nearest"]
    assert (nearest["height_m"], nearest["posture"], nearest["floor_m"]) == (None, "unknown", None)
