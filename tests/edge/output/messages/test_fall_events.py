"""Falls: told from sitting, lying and kneeling, each once, and over when that very person is up."""

import numpy as np
import pytest

from edge.behaviour.fall import LONGEST_GAP_S, UP_S, UPPER_SHARE
from edge.core.arrays import Array
from tests.support.bodies import figure, lying, noisy, seated
from tests.support.scenes.keepers import HIDDEN, EventRoom, between, fall

KNEELING = figure(hip=0.27, shank_deg=-88.0)
ON_THE_FLOOR = figure(hip=0.07, thigh_deg=90.0, shank_deg=88.0)
LIES_DOWN = [
    *between(figure(), KNEELING, 2.0), *[KNEELING] * 10,
    *between(KNEELING, ON_THE_FLOOR, 1.5), *[ON_THE_FLOOR] * 10,
    *between(ON_THE_FLOOR, lying(), 2.0),
]  # fmt: skip


@pytest.mark.parametrize("seconds", [0.4, 1.0, 1.8])
def test_a_fall_is_told_once_and_soon_with_its_evidence(seconds: float) -> None:
    room = EventRoom()
    assert room.show(fall(seconds)[: 20 + round(10 * seconds) + 18]) == ["person_entered", "fall"]
    told = room.told[-1]
    assert told["fall"]["height_drop_m"] == pytest.approx(
        0.53 * 1.75 + UPPER_SHARE * 0.288 * 1.75 - 0.12, abs=0.05
    )
    assert 0.1 <= told["fall"]["duration_s"] <= seconds + 0.3
    assert 0.5 < told["confidence"] <= 0.8
    assert room.show([lying()] * 300) == []  # however long they lie


@pytest.mark.parametrize("seed", range(5))
def test_a_fall_with_the_lifters_noise(seed: int) -> None:
    assert EventRoom().show(noisy(fall(), 0.07, seed)) == ["person_entered", "fall"]


@pytest.mark.parametrize(
    "motion",
    [
        between(figure(), seated(), 0.6),
        between(figure(), lying(hip_m=0.52), 0.8),  # drops onto a sofa
        between(figure(), seated(), 0.8) + between(seated(), lying(hip_m=0.5), 0.8),
        between(figure(), figure(hip=0.48, lean_deg=120.0), 0.5),
        between(figure(), figure(hip=0.27, shank_deg=-88.0, lean_deg=80.0), 0.8),  # on all fours
        between(figure(), ON_THE_FLOOR, 1.0),
        LIES_DOWN,
        [HIDDEN] * round(10 * LONGEST_GAP_S + 10),  # and lies there when seen again
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_no_fall(motion: list[Array], seed: int) -> None:
    after = lying() if np.isnan(motion[-1]).any() else motion[-1]
    assert "fall" not in EventRoom().show(
        noisy([figure()] * 30 + motion + [after] * 50, 0.05, seed)
    )


def test_somebody_on_a_sofa_whose_scale_errs_for_a_second_has_not_fallen() -> None:
    sofa, too_low = lying(hip_m=0.47), lying(hip_m=0.34)
    motion = (
        between(figure(), sofa, 0.8)
        + [sofa] * 8
        + between(sofa, too_low, 0.6)
        + [too_low] * 8
        + [sofa] * 30
    )
    assert EventRoom().show([figure()] * 20 + motion) == ["person_entered"]


@pytest.mark.parametrize("height_m", [1.1, 1.3, 1.9])
def test_on_all_fours_is_not_on_the_floor(height_m: float) -> None:
    crawling = figure(height_m, hip=0.28, shank_deg=-88.0, lean_deg=88.0)
    assert "fall" not in EventRoom().show(
        noisy(
            [figure(height_m)] * 30 + between(figure(height_m), crawling, 0.7) + [crawling] * 50,
            0.05,
        )
    )


def test_a_child_falls_off_a_seat() -> None:
    low = lying(1.2)
    assert EventRoom().show(
        [seated(1.2)] * 60 + between(seated(1.2), low, 0.8, 2.0) + [low] * 20
    ) == ["person_entered", "fall"]


def test_a_fall_is_told_although_the_person_is_not_seen_while_falling() -> None:
    assert EventRoom().show([figure()] * 20 + [HIDDEN] * 15 + [lying()] * 20) == [
        "person_entered",
        "fall",
    ]


def test_who_lies_after_a_minute_unseen_has_not_fallen() -> None:
    unseen = [HIDDEN] * round(10 * 6 * LONGEST_GAP_S)
    assert EventRoom().show([figure()] * 20 + unseen + [lying()] * 30) == [
        "person_entered",
        "person_left",
        "person_entered",
    ]


def test_somebody_else_who_lies_elsewhere_did_not_fall() -> None:
    assert EventRoom().show([figure(place=(-1.5, 2.0))] * 20 + [lying(place=(1.5, 3.5))] * 30) == [
        "person_entered"
    ]


def test_a_fall_is_over_when_somebody_is_up_again_and_the_next_is_told_anew() -> None:
    room = EventRoom()
    room.show(fall())
    assert room.show(between(lying(), figure(), 2.0) + [figure()] * round(10 * UP_S + 10)) == [
        "fall_cleared"
    ]
    assert room.told[-1]["fall"] is None
    assert room.show(fall()) == ["fall"]


def test_sitting_up_does_not_end_a_fall() -> None:
    room = EventRoom()
    room.show(fall())
    assert room.show([ON_THE_FLOOR] * 60) == []
    assert room.show([figure()] * 60) == ["fall_cleared"]


def of_person(room: EventRoom, number: int) -> list[str]:
    return [m["kind"] for m in room.told if m["person"] == number]


def test_a_fall_is_told_while_somebody_else_walks_about() -> None:
    room = EventRoom()
    falls = fall()
    walks = [figure(place=(1.0 + 0.02 * k, 3.5)) for k in range(len(falls))]
    room.show(falls, walks)
    assert of_person(room, 1) == ["person_entered", "fall"]
    assert of_person(room, 2) == ["person_entered"]
    assert room.keeper.fallen_since


def test_a_fall_ends_when_that_very_person_is_up_and_not_with_a_helper() -> None:
    room = EventRoom()
    room.show(fall())
    assert room.show([lying()] * 60, [figure(place=(0.5, 2.0))] * 60) == ["person_entered"]
    assert room.keeper.fallen_since
    up = between(lying(), figure(), 2.0) + [figure()] * round(10 * UP_S + 10)
    assert room.show(up, [figure(place=(0.5, 2.0))] * len(up)) == ["fall_cleared"]
    assert room.told[-1]["person"] == 1
    assert room.keeper.fallen_since is None


def test_two_who_fall_are_told_and_cleared_each() -> None:
    room = EventRoom()
    both = fall()
    room.show(both, [joints + np.array([2.0, 0.0, 0.0]) for joints in both])
    assert of_person(room, 1) == of_person(room, 2) == ["person_entered", "fall"]
    room.show([figure()] * 60, [lying(place=(2.0, 3.0))] * 60)
    assert of_person(room, 1)[-1] == "fall_cleared"
    assert room.keeper.fallen_since
    room.show([figure()] * 60, [figure(place=(2.0, 3.0))] * 60)
    assert of_person(room, 2)[-1] == "fall_cleared"
    assert room.keeper.fallen_since is None


def test_a_fall_outlasts_not_being_seen() -> None:
    room = EventRoom()
    room.show(fall())
    assert room.show([HIDDEN] * 200) == ["person_left"]
    assert room.show([lying()] * 50, first=2) == ["person_entered"]
    assert room.show([figure()] * 60, first=2) == ["fall_cleared"]
    assert room.told[-1]["person"] == 1, "the number that fell"


def test_who_was_lost_on_the_floor_is_known_by_the_place_also_beside_a_helper() -> None:
    room = EventRoom()
    room.show(fall())
    room.show([HIDDEN] * 60)
    helper = [figure(place=(2.0, 2.0))] * 60
    assert room.show([lying()] * 60, helper, first=2) == ["person_entered"] * 2
    assert room.show([lying()] * 60, helper, first=2) == []
    assert room.show([figure()] * 60, helper, first=2) == ["fall_cleared"]


def test_whoever_was_there_before_does_not_end_the_fall_of_somebody_lost() -> None:
    room = EventRoom()
    helper = [figure(place=(2.0, 2.0))] * len(fall())
    room.show(fall(), helper)
    for _ in range(3):
        room.show([HIDDEN] * 40, helper[:40])
    assert of_person(room, 1) == ["person_entered", "fall", "person_left"]
    assert room.keeper.fallen_since
    room.show([HIDDEN] * 40, [HIDDEN] * 40)
    assert room.show([figure()] * 60, first=3) == ["person_entered", "fall_cleared"]


def test_without_a_room_frame_nothing_is_told_of_falls() -> None:
    room = EventRoom()
    for _ in range(50):
        room.now_s += 0.1
        room.somebody()
    assert [m["kind"] for m in room.told] == ["person_entered"]
    assert room.told[0]["floor_m"] is None
