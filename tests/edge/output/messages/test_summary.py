"""The retained summary: what it says of who is there, and when that is not known."""

import pytest

from edge.output.messages.attendance import ABSENT_S, LEFT_S, UNSURE
from edge.output.messages.summary import REFRESH_S
from tests.support.messages import problems
from tests.support.scenes.keepers import HEIGHT_M, SINCE, SummaryRoom, in_zones, seen, somebody


def test_who_walked_out_of_the_image_has_left_sooner_than_who_may_be_hidden_in_it() -> None:
    room = SummaryRoom()
    room.after(0.1, seen(somebody(number=1), somebody(number=2), somebody(number=3)))
    # The second walked out, the third is behind somebody.
    assert room.after(LEFT_S - 0.1, seen(somebody(number=1)), gone={2}) == []
    (left,) = room.after(0.15, seen(somebody(number=1)), gone={2})
    assert [p["id"] for p in left["positions"]] == [1, 3]
    assert room.after(ABSENT_S - LEFT_S - 0.2) == []
    (alone,) = room.after(0.2, seen(somebody(number=1)))
    assert (alone["people"], alone["nearest"]["id"]) == (1, 1)
    (empty,) = room.after(LEFT_S, gone={1, 2})
    assert (empty["people"], empty["occupancy"]) == (0, False)


def test_somebody_comes_and_goes() -> None:
    room = SummaryRoom()
    assert room.after(1.0) == []  # not yet known
    (empty,) = room.after(ABSENT_S)
    assert (empty["occupancy"], empty["people"], empty["nearest"]) == (False, 0, None)
    assert (empty["unknown_because"], empty["seen_only"], empty["fallen"]) == (None, 0, False)
    (there,) = room.after(0.05, seen(somebody()))  # at once
    assert (there["occupancy"], there["people"]) == (True, 1)
    assert there["nearest"] == {
        "id": 1, "mid_hip_distance_m": 3.0, "height_m": HEIGHT_M, "posture": "standing",
        "floor_m": [0.0, 3.0], "zones": [], "scale_source": "sound", "confidence": 0.8,
    }  # fmt: skip
    assert room.after(ABSENT_S - 0.1) == []  # the detector may miss somebody for a moment
    (gone,) = room.after(0.2)
    assert (gone["occupancy"], gone["people"], gone["nearest"]) == (False, 0, None)
    for message in room.said:
        assert problems("summary", message) == []


def test_people_are_counted_one_by_one() -> None:
    room = SummaryRoom()
    counts = [
        [m["people"] for m in room.after(0.1, estimate)]
        for estimate in (
            seen(somebody()),
            seen(somebody(), somebody(2.0, 2)),
            seen(somebody(), somebody(2.0, 2), somebody(4.0, 3)),
            seen(somebody(), somebody(4.0, 3)),  # the second is hidden for a moment
            seen(somebody(), somebody(2.0, 2), somebody(4.0, 3)),
        )
    ]
    assert counts == [[1], [2], [3], [], []]
    last = [m["people"] for _ in range(40) for m in room.after(0.1, seen(somebody()))]
    assert last == [1]


def test_other_zones_are_said_at_once() -> None:
    room = SummaryRoom()
    room.after(0.1, seen(somebody()))
    room.keeper.set_zones(["rug", "door"])
    (told,) = room.after(0.1, seen(somebody()))
    assert [zone["name"] for zone in told["zones"]] == ["rug", "door"]


def test_those_who_are_not_posed_count_beside_somebody_present() -> None:
    room = SummaryRoom()
    (message,) = room.after(0.0, seen(somebody(), more=2))
    assert message["people"] == 3
    assert room.after(0.1, seen(somebody(), more=1)) == []  # it may be missed for a moment
    later = [m["people"] for _ in range(40) for m in room.after(0.1, seen(somebody()))]
    assert later == [2, 1]


def test_a_television_does_not_occupy_the_room() -> None:
    room = SummaryRoom()
    figures = seen(somebody(presence="seen_only"), somebody(2.5, 2, presence="seen_only"), more=3)
    said = [m for _ in range(50) for m in room.after(0.1, figures)]
    assert [(m["occupancy"], m["people"], m["seen_only"]) for m in said] == [(False, 0, 2)]
    (there,) = room.after(0.1, seen(somebody(2.0, 3), somebody(presence="seen_only")))
    assert (there["people"], there["nearest"]["id"], there["seen_only"]) == (1 + 3, 3, 2)


@pytest.mark.parametrize("before_s", [0.5, ABSENT_S])
def test_somebody_of_whom_nobody_is_sure_makes_it_unknown_and_not_empty(before_s: float) -> None:
    room = SummaryRoom()
    room.after(before_s)
    maybe = seen(somebody(presence="unsure"))
    told = [m for _ in range(50) for m in room.after(0.1, maybe)]
    assert [(m["occupancy"], m["unknown_because"]) for m in told] == [(None, UNSURE)]
    assert problems("summary", told[0]) == []
    (empty,) = room.after(ABSENT_S)
    assert empty["occupancy"] is False


def test_somebody_who_is_unsure_for_a_while_has_not_gone() -> None:
    room = SummaryRoom()
    room.after(0.0, seen(somebody()))
    told = [m for _ in range(100) for m in room.after(0.1, seen(somebody(presence="unsure")))]
    assert [m["occupancy"] for m in told] == [None]


@pytest.mark.parametrize("why", ["sensing is off", "the image is too dark"])
def test_while_nobody_can_be_seen_the_room_is_unknown_for_a_reason(why: str) -> None:
    room = SummaryRoom()
    (unknown,) = room.blind(0.1, why)  # at once, whatever was retained from before
    room.after(1.0, seen(somebody()))
    (off,) = room.blind(1.0, why)
    for message in unknown, off:
        assert message["unknown_because"] == why
        assert all(
            message[key] is None
            for key in ("occupancy", "people", "seen_only", "fallen", "zones", "nearest")
        )
        assert problems("summary", message) == []
    assert room.blind(2 * ABSENT_S, why) == []
    assert len(room.blind(REFRESH_S, why)) == 1
    (other,) = room.blind(0.1, "the camera is gone")
    assert other["unknown_because"] == "the camera is gone"
    assert room.after(0.1) == []  # it looks again, and has not seen enough
    (empty,) = room.after(ABSENT_S)
    assert (empty["occupancy"], empty["people"]) == (False, 0)


def test_who_was_there_before_it_went_dark_is_not_counted_twice_after() -> None:
    room = SummaryRoom()
    room.after(0.0, seen(somebody(), somebody(2.0, 2)))
    room.blind(5.0)
    (one,) = room.after(1.0, seen(somebody(number=3)))
    assert one["people"] == 1


def test_a_fall_is_kept_until_somebody_is_up_also_in_the_dark() -> None:
    room = SummaryRoom()
    room.after(0.0, seen(somebody()))
    (down,) = room.after(0.1, seen(somebody()), fallen=True)
    (dark,) = room.blind(1.0, fallen=True)
    (up,) = room.after(1.0, seen(somebody()))
    assert [m["fallen"] for m in (down, dark, up)] == [True, True, False]
    assert [m["fallen_since"] for m in (down, dark, up)] == [SINCE, SINCE, None]
    assert problems("summary", dark) == []


def test_zones_count_everybody_in_them() -> None:
    room = SummaryRoom()
    (two,) = room.after(
        0.0, seen(somebody(activity=in_zones("sofa")), somebody(2.0, 2, activity=in_zones("sofa")))
    )
    assert two["zones"] == [{"name": "sofa", "people": 2}, {"name": "rug", "people": 0}]
    (moved,) = room.after(
        0.1, seen(somebody(activity=in_zones("rug")), somebody(2.0, 2, activity=in_zones("sofa")))
    )
    assert moved["zones"] == [{"name": "sofa", "people": 1}, {"name": "rug", "people": 1}]
    assert moved["nearest"]["zones"] == ["sofa"]
