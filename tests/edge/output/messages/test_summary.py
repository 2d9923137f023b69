"""The retained summary: what it says, and how seldom."""

import numpy as np
import pytest

from edge.core.pose import Activity, LiftedPose, PoseEstimate, ScaleSource
from edge.output.messages.fields import Message
from edge.output.messages.summary import ABSENT_S, REFRESH_S, SummaryKeeper

HEIGHT_M = 1.75


def an_estimate(
    distance_m: float = 3.0,
    people: int = 1,
    scale_source: ScaleSource = "sound",
    activity: Activity | None = None,
) -> PoseEstimate:
    pose = LiftedPose(
        np.tile([0.0, 0.0, distance_m], (15, 1)),
        np.full(15, 0.05),
        np.full(15, 0.8),
        scale_source,
        sir_db=10.0,
    )
    activity = activity or Activity("standing", (0.0, 3.0), standing_height_m=HEIGHT_M)
    return PoseEstimate(1, 1, 0, 0, pose, None, people, 0.0, 50.0, "device", activity)


class Room:
    """A keeper with a clock of its own and what it published."""

    def __init__(self) -> None:
        self.now = 100.0
        self.said: list[Message] = []
        self.keeper = SummaryKeeper("hall", "device", self.said.append, clock=lambda: self.now)

    def after(self, seconds: float, estimate: PoseEstimate | None) -> list[Message]:
        """What is said when this is seen so much later."""
        before = len(self.said)
        self.now += seconds
        if estimate is None:
            self.keeper.tick()
        else:
            self.keeper.pose(estimate)
        return self.said[before:]


def test_somebody_comes_and_goes() -> None:
    room = Room()
    assert room.after(1.0, None) == []  # not yet known
    (empty,) = room.after(ABSENT_S, None)
    assert (
        empty["occupancy"],
        empty["people"],
        empty["mid_hip_distance_m"],
        empty["height_m"],
    ) == (False, 0, None, None)
    (there,) = room.after(0.05, an_estimate())  # at once
    assert (
        there["occupancy"],
        there["people"],
        there["mid_hip_distance_m"],
        there["scale_source"],
    ) == (True, 1, 3.0, "sound")
    assert (there["height_m"], there["posture"], there["floor_m"], there["zones"]) == (
        HEIGHT_M,
        "standing",
        [0.0, 3.0],
        [],
    )
    assert room.after(ABSENT_S - 0.1, None) == []  # the detector may miss somebody for a moment
    (gone,) = room.after(0.2, None)
    assert gone["occupancy"] is False
    assert (gone["posture"], gone["floor_m"], gone["zones"]) == (None, None, [])


def test_while_nobody_looks_the_room_is_unknown_and_not_empty() -> None:
    room = Room()

    def blind(seconds: float) -> list[Message]:
        before = len(room.said)
        room.now += seconds
        room.keeper.tick(looking=False)
        return room.said[before:]

    (unknown,) = blind(0.1)  # at once, whatever was retained from before
    room.after(0.1, an_estimate())
    (off,) = blind(0.1)
    for message in unknown, off:
        assert all(
            message[key] is None
            for key in ("occupancy", "people", "zones", "posture", "floor_m", "confidence")
        )
    assert blind(2 * ABSENT_S) == []
    assert len(blind(REFRESH_S)) == 1
    assert room.after(0.1, None) == []  # it looks again, and has not seen enough
    (empty,) = room.after(ABSENT_S, None)
    assert (empty["occupancy"], empty["people"], empty["zones"]) == (False, 0, [])


def test_small_changes_are_not_worth_a_message() -> None:
    room = Room()
    room.after(0.0, an_estimate(3.0))
    for i in range(100):
        assert room.after(0.1, an_estimate(3.0 + 0.09 * (i % 2))) == []
    assert [m["mid_hip_distance_m"] for m in room.after(0.1, an_estimate(3.11))] == [3.11]


def test_at_most_one_message_a_second_while_somebody_walks() -> None:
    room = Room()
    room.after(0.0, an_estimate(1.0))
    said = [
        m
        for i in range(100)
        for m in room.after(0.1, an_estimate(1.0 + 0.05 * i, people=1 + i % 2))
    ]
    assert 9 <= len(said) <= 10
    assert said[-1]["mid_hip_distance_m"] > 5.0


def test_an_unchanged_room_is_told_again_after_a_while() -> None:
    room = Room()
    room.after(ABSENT_S, None)
    said = [m for _ in range(int(2 * REFRESH_S)) for m in room.after(1.0, None)]
    assert len(said) == 2


def test_a_zone_is_told_at_once_and_posture_within_a_second() -> None:
    room = Room()
    room.after(0.0, an_estimate())
    (there,) = room.after(
        0.1,
        an_estimate(
            activity=Activity("standing", (0.0, 3.0), zones=("sofa",), standing_height_m=HEIGHT_M)
        ),
    )
    assert there["zones"] == ["sofa"]
    sitting = an_estimate(
        activity=Activity("sitting", (0.0, 3.0), zones=("sofa",), standing_height_m=HEIGHT_M)
    )
    assert room.after(0.1, sitting) == []
    (sits,) = room.after(0.95, sitting)
    assert sits["posture"] == "sitting"


@pytest.mark.parametrize(("moved_m", "messages"), [(0.19, 0), (0.21, 1)])
def test_the_place_on_the_floor_has_a_dead_band_as_the_crow_flies(
    moved_m: float, messages: int
) -> None:
    room = Room()
    room.after(0.0, an_estimate())
    place = (moved_m * np.sqrt(0.5), 3.0 + moved_m * np.sqrt(0.5))
    assert (
        len(
            room.after(
                2.0, an_estimate(activity=Activity("standing", place, standing_height_m=HEIGHT_M))
            )
        )
        == messages
    )


def test_what_becomes_unknown_is_told() -> None:
    room = Room()
    room.after(0.0, an_estimate())
    (message,) = room.after(2.0, an_estimate(activity=Activity()))
    assert (message["height_m"], message["posture"], message["floor_m"]) == (None, "unknown", None)
