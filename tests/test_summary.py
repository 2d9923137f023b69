"""The retained summary: what it says, and how seldom."""

import numpy as np
import pytest

from edge.pose import LiftedPose, PoseEstimate, ScaleSource
from edge.publish import Message
from edge.summary import ABSENT_S, REFRESH_S, SummaryKeeper

# A person of 1.75 m, standing upright with the arms down, hips 3 m in front of the camera; limb lengths of Drillis and Contini.
BODY = 1.75 * np.array(
    [
        [0, -0.38, 0], [0, -0.288, 0], [-0.1, -0.288, 0], [-0.1, -0.102, 0], [-0.1, 0.044, 0], [0.1, -0.288, 0], [0.1, -0.102, 0],
        [0.1, 0.044, 0], [0, 0, 0], [-0.06, 0, 0], [-0.06, 0.245, 0], [-0.06, 0.491, 0], [0.06, 0, 0], [0.06, 0.245, 0],
        [0.06, 0.491, 0],
    ]
)  # fmt: skip


def an_estimate(distance_m: float = 3.0, people: int = 1, scale_source: ScaleSource = "sound", size: float = 1.0) -> PoseEstimate:
    joints = size * BODY + [0.0, 0.0, distance_m]
    pose = LiftedPose(joints, np.full(15, 0.05), np.full(15, 0.8), scale_source, sir_db=10.0)
    return PoseEstimate(1, 1, 0, 0, pose, None, people, 0.0, 50.0, "device")


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
    assert (empty["occupancy"], empty["people"], empty["mid_hip_distance_m"], empty["height_m"]) == (False, 0, None, None)
    (there,) = room.after(0.05, an_estimate())  # at once
    assert (there["occupancy"], there["people"], there["mid_hip_distance_m"], there["scale_source"]) == (True, 1, 3.0, "sound")
    assert there["height_m"] == pytest.approx(1.75, abs=0.01)
    assert room.after(ABSENT_S - 0.1, None) == []  # the detector may miss somebody for a moment
    (gone,) = room.after(0.2, None)
    assert gone["occupancy"] is False


def test_small_changes_are_not_worth_a_message() -> None:
    room = Room()
    room.after(0.0, an_estimate(3.0))
    for i in range(100):
        assert room.after(0.1, an_estimate(3.0 + 0.09 * (i % 2))) == []
    assert [m["mid_hip_distance_m"] for m in room.after(0.1, an_estimate(3.11))] == [3.11]


def test_at_most_one_message_a_second_while_somebody_walks() -> None:
    room = Room()
    room.after(0.0, an_estimate(1.0))
    said = [m for i in range(100) for m in room.after(0.1, an_estimate(1.0 + 0.05 * i, people=1 + i % 2))]
    assert 9 <= len(said) <= 10
    assert said[-1]["mid_hip_distance_m"] > 5.0


def test_an_unchanged_room_is_told_again_after_a_while() -> None:
    room = Room()
    room.after(ABSENT_S, None)
    said = [m for _ in range(int(2 * REFRESH_S)) for m in room.after(1.0, None)]
    assert len(said) == 2


def test_an_assumed_height_is_not_told_as_a_measured_one() -> None:
    room = Room()
    (first,) = room.after(0.0, an_estimate(scale_source="height"))
    assert (first["scale_source"], first["height_m"]) == ("height", None)


def test_height_is_steady_and_belongs_to_one_visit() -> None:
    room = Room()
    heights = []
    for size in [1.0] * 15 + [1.3] * 5 + [1.0] * 10:  # a few poses gone wrong
        heights += [m["height_m"] for m in room.after(2.0, an_estimate(size=size))]
    assert max(heights) == pytest.approx(1.75, abs=0.01)
    room.after(ABSENT_S, None)
    assert room.after(0.1, an_estimate(size=0.6))[0]["height_m"] == pytest.approx(1.05, abs=0.01)
