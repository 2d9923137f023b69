"""The retained summary: what it says, and how seldom."""

from collections.abc import Collection

import numpy as np
import pytest

from edge.core.pose import Activity, FrameEstimate, LiftedPose, PersonEstimate, Presence
from edge.output.messages.attendance import ABSENT_S, LEFT_S, NEARER_M, UNSURE, UNSURE_S
from edge.output.messages.fields import Message
from edge.output.messages.summary import REFRESH_S, SummaryKeeper
from tests.support.messages import an_estimate, problems

HEIGHT_M = 1.75
STANDING = Activity("standing", (0.0, 3.0), standing_height_m=HEIGHT_M)


def somebody(
    distance_m: float = 3.0,
    number: int = 1,
    *,
    presence: Presence = "present",
    activity: Activity = STANDING,
) -> PersonEstimate:
    joints = np.tile([0.0, 0.0, distance_m], (15, 1))
    pose = LiftedPose(joints, np.full(15, 0.05), np.full(15, 0.8), "sound", sir_db=10.0)
    return PersonEstimate(number, pose, None, presence, activity)


def seen(*people: PersonEstimate, more: int = 0) -> FrameEstimate:
    return an_estimate(*people, more=more)


SINCE = "2026-11-30T03:00:00.000Z"


def in_zones(*zones: str) -> Activity:
    return Activity("standing", (0.0, 3.0), standing_height_m=HEIGHT_M, zones=zones)


class Room:
    """A keeper with a clock of its own and what it published."""

    def __init__(self) -> None:
        self.now = 100.0
        self.said: list[Message] = []
        self.keeper = SummaryKeeper(
            "hall", "device", ["sofa", "rug"], self.said.append, clock=lambda: self.now
        )

    def after(
        self,
        seconds: float,
        estimate: FrameEstimate | None = None,
        *,
        fallen: bool = False,
        gone: Collection[int] = (),
    ) -> list[Message]:
        """What is said when this is seen so much later."""
        before = len(self.said)
        self.now += seconds
        self.keeper.tick(None, SINCE if fallen else None, gone)
        if estimate is not None:
            self.keeper.pose(estimate, SINCE if fallen else None)
        return self.said[before:]

    def blind(
        self, seconds: float, why: str = "sensing is off", *, fallen: bool = False
    ) -> list[Message]:
        """What is said when nobody can be seen so much later."""
        before = len(self.said)
        self.now += seconds
        self.keeper.tick(why, SINCE if fallen else None)
        return self.said[before:]


def test_who_walked_out_of_the_image_has_left_sooner_than_who_may_be_hidden_in_it() -> None:
    room = Room()
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
    room = Room()
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
    room = Room()
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
    room = Room()
    room.after(0.1, seen(somebody()))
    room.keeper.set_zones(["rug", "door"])
    (told,) = room.after(0.1, seen(somebody()))
    assert [zone["name"] for zone in told["zones"]] == ["rug", "door"]


def test_those_who_are_not_posed_count_beside_somebody_present() -> None:
    room = Room()
    (message,) = room.after(0.0, seen(somebody(), more=2))
    assert message["people"] == 3
    assert room.after(0.1, seen(somebody(), more=1)) == []  # it may be missed for a moment
    later = [m["people"] for _ in range(40) for m in room.after(0.1, seen(somebody()))]
    assert later == [2, 1]


def test_a_television_does_not_occupy_the_room() -> None:
    room = Room()
    figures = seen(somebody(presence="seen_only"), somebody(2.5, 2, presence="seen_only"), more=3)
    said = [m for _ in range(50) for m in room.after(0.1, figures)]
    assert [(m["occupancy"], m["people"], m["seen_only"]) for m in said] == [(False, 0, 2)]
    (there,) = room.after(0.1, seen(somebody(2.0, 3), somebody(presence="seen_only")))
    assert (there["people"], there["nearest"]["id"], there["seen_only"]) == (1 + 3, 3, 2)


@pytest.mark.parametrize("before_s", [0.5, ABSENT_S])
def test_somebody_of_whom_nobody_is_sure_makes_it_unknown_and_not_empty(before_s: float) -> None:
    room = Room()
    room.after(before_s)
    maybe = seen(somebody(presence="unsure"))
    told = [m for _ in range(50) for m in room.after(0.1, maybe)]
    assert [(m["occupancy"], m["unknown_because"]) for m in told] == [(None, UNSURE)]
    assert problems("summary", told[0]) == []
    (empty,) = room.after(ABSENT_S)
    assert empty["occupancy"] is False


def test_what_is_unsure_for_a_moment_changes_nothing() -> None:
    room = Room()
    room.after(ABSENT_S)
    for _ in range(20):  # a false detection now and then
        for _ in range(round(10 * UNSURE_S) - 3):
            assert room.after(0.1, seen(somebody(presence="unsure"))) == []
        assert room.after(1.0) == []
    (there,) = room.after(0.1, seen(somebody()))
    assert there["occupancy"] is True


def test_somebody_who_is_unsure_for_a_while_has_not_gone() -> None:
    room = Room()
    room.after(0.0, seen(somebody()))
    told = [m for _ in range(100) for m in room.after(0.1, seen(somebody(presence="unsure")))]
    assert [m["occupancy"] for m in told] == [None]


@pytest.mark.parametrize("why", ["sensing is off", "the image is too dark"])
def test_while_nobody_can_be_seen_the_room_is_unknown_for_a_reason(why: str) -> None:
    room = Room()
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
    room = Room()
    room.after(0.0, seen(somebody(), somebody(2.0, 2)))
    room.blind(5.0)
    (one,) = room.after(1.0, seen(somebody(number=3)))
    assert one["people"] == 1


def test_in_twilight_it_does_not_change_with_every_image() -> None:
    room = Room()
    for _ in range(50):
        room.after(0.1, seen(somebody()))
        room.blind(0.1, "the image is too dark")
    assert 5 <= len(room.said) <= 11


def test_a_fall_is_kept_until_somebody_is_up_also_in_the_dark() -> None:
    room = Room()
    room.after(0.0, seen(somebody()))
    (down,) = room.after(0.1, seen(somebody()), fallen=True)
    (dark,) = room.blind(1.0, fallen=True)
    (up,) = room.after(1.0, seen(somebody()))
    assert [m["fallen"] for m in (down, dark, up)] == [True, True, False]
    assert [m["fallen_since"] for m in (down, dark, up)] == [SINCE, SINCE, None]
    assert problems("summary", dark) == []


def test_zones_count_everybody_in_them() -> None:
    room = Room()
    (two,) = room.after(
        0.0, seen(somebody(activity=in_zones("sofa")), somebody(2.0, 2, activity=in_zones("sofa")))
    )
    assert two["zones"] == [{"name": "sofa", "people": 2}, {"name": "rug", "people": 0}]
    (moved,) = room.after(
        0.1, seen(somebody(activity=in_zones("rug")), somebody(2.0, 2, activity=in_zones("sofa")))
    )
    assert moved["zones"] == [{"name": "sofa", "people": 1}, {"name": "rug", "people": 1}]
    assert moved["nearest"]["zones"] == ["sofa"]


def test_two_who_are_as_near_do_not_change_places() -> None:
    room = Room()
    room.after(0.0, seen(somebody(3.0), somebody(3.1, 2)))
    for k in range(50):
        swing = 0.4 * NEARER_M * (-1) ** k
        room.after(1.1, seen(somebody(3.0 + swing), somebody(3.0 - swing, 2)))
    assert {m["nearest"]["id"] for m in room.said} == {1}
    room.after(1.1, seen(somebody(3.0), somebody(3.0 - 1.1 * NEARER_M, 2)))
    assert room.said[-1]["nearest"]["id"] == 2


def test_small_changes_are_not_worth_a_message() -> None:
    room = Room()
    room.after(0.0, seen(somebody(3.0)))
    for i in range(100):
        assert room.after(0.1, seen(somebody(3.0 + 0.29 * (i % 2)))) == []
    (moved,) = room.after(0.1, seen(somebody(3.31)))
    assert moved["nearest"]["mid_hip_distance_m"] == 3.31


def test_everybody_is_placed_and_whoever_moves_is_told() -> None:
    room = Room()
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
    room = Room()
    room.after(0.0, seen(somebody(1.0)))
    said = [m for i in range(100) for m in room.after(0.1, seen(somebody(1.0 + 0.05 * i)))]
    assert len(said) == 2
    assert said[-1]["nearest"]["mid_hip_distance_m"] > 4.9


def test_an_unchanged_room_is_told_again_after_a_while() -> None:
    room = Room()
    room.after(ABSENT_S)
    said = [m for _ in range(int(2 * REFRESH_S)) for m in room.after(1.0)]
    assert len(said) == 2


def test_a_zone_is_told_at_once_and_posture_within_four_seconds() -> None:
    room = Room()
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
    room = Room()
    room.after(0.0, seen(somebody()))
    place = (moved_m * np.sqrt(0.5), 3.0 + moved_m * np.sqrt(0.5))
    moved = somebody(activity=Activity("standing", place, standing_height_m=HEIGHT_M))
    assert room.after(2.5, seen(moved)) == []
    assert len(room.after(1.5, seen(moved))) == messages


def test_what_becomes_unknown_is_told() -> None:
    room = Room()
    room.after(0.0, seen(somebody()))
    assert room.after(2.5, seen(somebody(activity=Activity()))) == []
    (message,) = room.after(1.5, seen(somebody(activity=Activity())))
    nearest = message["nearest"]
    assert (nearest["height_m"], nearest["posture"], nearest["floor_m"]) == (None, "unknown", None)
