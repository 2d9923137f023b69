"""What becomes of a frame's people: poses, events and the summary agree with each other."""

import numpy as np

from edge.behaviour.activity import ActivityTracker
from edge.core.config import Config, DeviceConfig
from edge.core.pose import FrameEstimate, LiftedPose, PersonEstimate
from edge.output.messages.attendance import ABSENT_S
from edge.output.messages.fields import Message
from edge.output.messages.payloads import pose_message
from edge.output.outlets import Outlets
from tests.support.bodies import figure, lying
from tests.support.messages import an_estimate, problems

STEP_S = 0.1


class Sink:
    """What a broker would get, in order, with the topic's name."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Message]] = []

    def publish_pose(self, message: Message) -> bool:
        return self.publish_stream("pose", message)

    def publish_stream(self, name: str, message: Message) -> bool:
        self.told.append((name, message))
        return True

    def publish_retained(self, name: str, message: Message) -> None:
        self.told.append((name, message))

    def publish_event(self, message: Message) -> int:
        message["sequence"] = 1 + sum(name == "event" for name, _ in self.told)
        self.told.append(("event", message))
        return int(message["sequence"])

    def of(self, name: str) -> list[Message]:
        return [message for topic, message in self.told if topic == name]


class Hall:
    """Outlets on a clock of their own."""

    def __init__(self) -> None:
        self.now_s = 50.0
        self.sink = Sink()
        self.recognise: dict[int, ActivityTracker] = {}
        config = Config(device=DeviceConfig("hall"))
        self.outlets = Outlets(
            config,
            "simulated",
            self.sink,
            lambda: None,
            343.0,
            lambda: self.now_s,  # type: ignore[arg-type]
        )

    def show(self, **bodies: np.ndarray) -> None:
        """One image of these people: a for number 1, b for number 2."""
        self.now_s += STEP_S
        t_ns = round(self.now_s * 1e9)
        people = []
        for number, joints in ((ord(name) - ord("a") + 1, j) for name, j in bodies.items()):
            pose = LiftedPose(joints, np.full(15, 0.05), np.full(15, 0.8), "sound", 10.0)
            doing = self.recognise.setdefault(number, ActivityTracker())(pose, joints, t_ns)
            people.append(PersonEstimate(number, pose, joints, "present", doing))
        self.outlets.tick(None)
        if people:
            estimate: FrameEstimate = an_estimate(*people, t_ns=t_ns, more=0, source="simulated")
            self.outlets.pose(estimate, pose_message(estimate, "hall"))

    def blind(self, why: str, seconds: float) -> None:
        for _ in range(round(seconds / STEP_S)):
            self.now_s += STEP_S
            self.outlets.tick(why)


def test_a_fall_of_one_of_two_is_an_event_of_theirs_and_a_state_of_the_room() -> None:
    hall = Hall()
    other = figure(place=(1.5, 3.0))
    down = [figure() + (lying() - figure()) * (k / 8) ** 2 for k in range(9)]
    for joints in [figure()] * 20 + down + [lying()] * 20:
        hall.show(a=joints, b=other)
    events = [(m["kind"], m["person"]) for m in hall.sink.of("event")]
    assert events == [("person_entered", 1), ("person_entered", 2), ("fall", 1)]
    fallen = [(m["people"], m["fallen"]) for m in hall.sink.of("summary")]
    assert fallen[0] == (2, False)
    assert fallen[-1] == (2, True)
    assert len(hall.sink.of("pose")) == 49

    hall.blind("the image is too dark", 2 * ABSENT_S)
    dark = hall.sink.of("summary")[-1]
    assert (dark["people"], dark["occupancy"], dark["fallen"]) == (None, None, True)
    assert dark["unknown_because"] == "the image is too dark"
    assert len(hall.sink.of("event")) == len(events), "nobody left: nobody could be seen"

    for joints in [lying()] * 5 + [figure()] * 60:
        hall.show(a=joints, b=other)
    assert [(m["kind"], m["person"]) for m in hall.sink.of("event")[3:]] == [("fall_cleared", 1)]
    assert hall.sink.of("summary")[-1]["fallen"] is False
    for name, message in hall.sink.told:
        assert problems(name, message) == []


def test_the_event_of_entering_and_the_summary_come_with_the_first_pose() -> None:
    hall = Hall()
    for _ in range(round(ABSENT_S / STEP_S) + 2):
        hall.show()
    assert [m["occupancy"] for m in hall.sink.of("summary")] == [False]
    hall.show(a=figure())
    assert [name for name, _ in hall.sink.told[1:]] == ["pose", "event", "summary"]
    assert hall.sink.of("summary")[-1]["people"] == 1
    for _ in range(round(ABSENT_S / STEP_S) + 2):
        hall.show()
    assert [m["kind"] for m in hall.sink.of("event")] == ["person_entered", "person_left"]
    assert hall.sink.of("summary")[-1]["occupancy"] is False
