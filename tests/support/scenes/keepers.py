"""The keepers of events and of the summary, each with a clock of its own and somebody before it."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edge.behaviour.activity import ActivityTracker
from edge.core.arrays import Array
from edge.core.pose import Activity, FrameEstimate, LiftedPose, PersonEstimate, Presence
from edge.output.messages.events import EventKeeper
from edge.output.messages.fields import Message
from edge.output.messages.summary import SummaryKeeper
from tests.support.bodies import figure, lying
from tests.support.messages import an_estimate

HIDDEN = np.full((15, 3), np.nan)  # nobody is found
HEIGHT_M = 1.75
STANDING = Activity("standing", (0.0, 3.0), standing_height_m=HEIGHT_M)
SINCE = "2026-11-30T03:00:00.000Z"


@dataclass
class EventRoom:
    """A keeper with a clock of its own and what it told; each person has a number."""

    now_s: float = 100.0
    told: list[Message] = field(default_factory=list)
    activities: dict[int, ActivityTracker] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.keeper = EventKeeper("hall", "simulated", self.told.append, clock=lambda: self.now_s)

    def show(
        self, poses: list[Array], *others: list[Array], first: int = 1, step_s: float = 0.1
    ) -> list[str]:
        """These poses of one person, or of several, one each step; the kinds of the events that
        they raise. first: number of the first of them.
        """
        before = len(self.told)
        for everybody in zip(poses, *others, strict=True):
            self.now_s += step_s
            people = [
                self.person(first + k, joints)
                for k, joints in enumerate(everybody)
                if np.isfinite(joints).all()
            ]
            if people:
                self.see(*people)
            self.keeper.tick()
        return [m["kind"] for m in self.told[before:]]

    def person(self, number: int, joints: Array, presence: Presence = "present") -> PersonEstimate:
        pose = LiftedPose(joints, np.full(15, 0.05), np.full(15, 0.8), "sound", 10.0)
        recognise = self.activities.setdefault(number, ActivityTracker())
        return PersonEstimate(number, pose, joints, presence, recognise(pose, joints, self.t_ns))

    def see(self, *people: PersonEstimate, more: int = 0) -> None:
        self.keeper.pose(FrameEstimate(1, 1, self.t_ns, 0, people, more, 0.0, 50.0, "simulated"))

    def somebody(self, number: int = 1, *, presence: Presence = "present", **doing: Any) -> None:
        """One person, who only does this."""
        pose = LiftedPose(figure(), np.full(15, 0.05), np.full(15, 0.8), "sound", 10.0)
        self.see(PersonEstimate(number, pose, None, presence, Activity(**doing)))

    @property
    def t_ns(self) -> int:
        return round(self.now_s * 1e9)


def between(a: Array, b: Array, seconds: float, power: float = 1.0) -> list[Array]:
    steps = round(10 * seconds)
    return [a + (b - a) * (k / steps) ** power for k in range(1, steps + 1)]


def fall(seconds: float = 0.8) -> list[Array]:
    return [figure()] * 20 + between(figure(), lying(), seconds, 2.0) + [lying()] * 20


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


def in_zones(*zones: str) -> Activity:
    return Activity("standing", (0.0, 3.0), standing_height_m=HEIGHT_M, zones=zones)


class SummaryRoom:
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
