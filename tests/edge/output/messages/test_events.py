"""Events: who comes and goes, zones, and falls told from sitting, lying and kneeling."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cbor2
import numpy as np
import pytest

from edge.behaviour.activity import ActivityTracker
from edge.behaviour.fall import LONGEST_GAP_S, UP_S, UPPER_SHARE
from edge.core.arrays import Array
from edge.core.config import Config, DeviceConfig, MqttConfig, SourceConfig, ZoneConfig
from edge.core.pose import Activity, FrameEstimate, LiftedPose, PersonEstimate, Presence
from edge.output.messages.attendance import ABSENT_S
from edge.output.messages.events import EventKeeper
from edge.output.messages.fields import Message
from edge.sensor.process.console import Console
from edge.sensor.run import run
from edge.sources.session.reader import DEMO_SESSION
from tests.support.bodies import figure, lying, noisy, seated
from tests.support.broker.mosquitto import Mosquitto, needs_mosquitto
from tests.support.broker.subscriber import Subscriber

HIDDEN = np.full((15, 3), np.nan)  # nobody is found


@dataclass
class Room:
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


KNEELING = figure(hip=0.27, shank_deg=-88.0)
ON_THE_FLOOR = figure(hip=0.07, thigh_deg=90.0, shank_deg=88.0)
LIES_DOWN = [
    *between(figure(), KNEELING, 2.0), *[KNEELING] * 10,
    *between(KNEELING, ON_THE_FLOOR, 1.5), *[ON_THE_FLOOR] * 10,
    *between(ON_THE_FLOOR, lying(), 2.0),
]  # fmt: skip


def fall(seconds: float = 0.8) -> list[Array]:
    return [figure()] * 20 + between(figure(), lying(), seconds, 2.0) + [lying()] * 20


def test_somebody_comes_and_goes() -> None:
    room = Room()
    assert room.show([HIDDEN] * 50) == []
    assert room.show([figure()] * 10) == ["person_entered"]
    assert (
        room.show([HIDDEN] * round(10 * ABSENT_S - 2)) == []
    )  # the detector may miss somebody for a moment
    assert room.show([figure()] * 10) == []
    assert room.show([HIDDEN] * round(10 * ABSENT_S + 2)) == ["person_left"]
    assert room.show([HIDDEN] * 100) == []
    assert room.show([figure()] * 10) == ["person_entered"]


def test_while_nobody_can_be_seen_nobody_is_told_to_leave() -> None:
    room = Room()
    room.show([figure()] * 10)
    for _ in range(100):
        room.now_s += 1.0
        room.keeper.tick("sensing is off")
    assert [m["kind"] for m in room.told] == ["person_entered"]
    assert room.show([figure()] * 10) == []
    room.now_s += 60.0
    room.keeper.tick("the image is too dark")
    assert room.show([HIDDEN] * round(10 * ABSENT_S + 2)) == ["person_left"]


def test_an_event_says_when_where_and_how_sure() -> None:
    room = Room()
    room.show([figure(place=(0.5, 2.0))])
    (message,) = room.told
    assert message["sequence"] is None  # whoever delivers it counts
    assert (message["schema"], message["id"], message["source"]) == (
        "posekernel.event/2",
        "hall",
        "simulated",
    )
    assert message["person"] == 1
    assert (message["floor_m"], message["confidence"], message["monotonic_ns"]) == (
        [0.5, 2.0],
        0.8,
        room.t_ns,
    )
    assert (message["zone"], message["fall"]) == (None, None)


def test_zones_are_entered_and_left_in_pairs() -> None:
    room = Room()
    for zones in ((), ("Sofa",), ("Sofa", "Rug"), ("Rug",)):
        room.somebody(zones=zones)
    room.now_s += ABSENT_S
    room.keeper.tick()
    assert [(m["kind"], m["zone"]) for m in room.told] == [
        ("person_entered", None), ("zone_entered", "Sofa"), ("zone_entered", "Rug"),
        ("zone_left", "Sofa"), ("zone_left", "Rug"), ("person_left", None),
    ]  # fmt: skip


def test_each_person_comes_and_goes_alone() -> None:
    room = Room()
    here = [figure(place=(-1.0, 2.0))] * 20
    other = [figure(place=(1.0, 3.0))] * 20
    gone = [HIDDEN] * 20
    room.show(here, gone)
    room.show(here, other)
    for _ in range(2):
        room.show(gone, other)
    for _ in range(2):
        room.show(gone, gone)
    assert [(m["kind"], m["person"]) for m in room.told] == [
        ("person_entered", 1), ("person_entered", 2), ("person_left", 1), ("person_left", 2),
    ]  # fmt: skip
    assert [m["floor_m"] for m in room.told] == [
        [-1.0, 2.0], [1.0, 3.0], [-1.0, 2.0], [1.0, 3.0],
    ]  # fmt: skip
    times = [m["monotonic_ns"] for m in room.told]
    assert times == sorted(times)


def test_two_in_one_zone_each_enter_and_leave_it() -> None:
    room = Room()
    for number, zones in ((1, ("Sofa",)), (2, ("Sofa",)), (1, ()), (2, ())):
        room.somebody(number, zones=zones)
    assert [(m["kind"], m["person"]) for m in room.told if m["zone"] == "Sofa"] == [
        ("zone_entered", 1), ("zone_entered", 2), ("zone_left", 1), ("zone_left", 2),
    ]  # fmt: skip


@pytest.mark.parametrize("presence", ["seen_only", "unsure"])
def test_whoever_is_not_present_raises_no_event(presence: Presence) -> None:
    room = Room()
    for joints in fall():
        room.now_s += 0.1
        room.see(room.person(1, joints, presence))
        room.keeper.tick()
    assert room.told == []
    room.somebody()  # at once, once that is sure
    assert [m["kind"] for m in room.told] == ["person_entered"]


def test_whoever_is_not_sure_for_a_moment_has_not_left() -> None:
    room = Room()
    for k in range(100):
        room.now_s += 0.1
        room.somebody(presence="unsure" if k % 20 < 18 else "present")
        room.keeper.tick()
    assert [m["kind"] for m in room.told] == ["person_entered"]


@pytest.mark.parametrize("seconds", [0.4, 1.0, 1.8])
def test_a_fall_is_told_once_and_soon_with_its_evidence(seconds: float) -> None:
    room = Room()
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
    assert Room().show(noisy(fall(), 0.07, seed)) == ["person_entered", "fall"]


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
    assert "fall" not in Room().show(noisy([figure()] * 30 + motion + [after] * 50, 0.05, seed))


def test_somebody_on_a_sofa_whose_scale_errs_for_a_second_has_not_fallen() -> None:
    sofa, too_low = lying(hip_m=0.47), lying(hip_m=0.34)
    motion = (
        between(figure(), sofa, 0.8)
        + [sofa] * 8
        + between(sofa, too_low, 0.6)
        + [too_low] * 8
        + [sofa] * 30
    )
    assert Room().show([figure()] * 20 + motion) == ["person_entered"]


@pytest.mark.parametrize("height_m", [1.1, 1.3, 1.9])
def test_on_all_fours_is_not_on_the_floor(height_m: float) -> None:
    crawling = figure(height_m, hip=0.28, shank_deg=-88.0, lean_deg=88.0)
    assert "fall" not in Room().show(
        noisy(
            [figure(height_m)] * 30 + between(figure(height_m), crawling, 0.7) + [crawling] * 50,
            0.05,
        )
    )


def test_a_child_falls_off_a_seat() -> None:
    low = lying(1.2)
    assert Room().show([seated(1.2)] * 60 + between(seated(1.2), low, 0.8, 2.0) + [low] * 20) == [
        "person_entered",
        "fall",
    ]


def test_a_fall_is_told_although_the_person_is_not_seen_while_falling() -> None:
    assert Room().show([figure()] * 20 + [HIDDEN] * 15 + [lying()] * 20) == [
        "person_entered",
        "fall",
    ]


def test_who_lies_after_a_minute_unseen_has_not_fallen() -> None:
    unseen = [HIDDEN] * round(10 * 6 * LONGEST_GAP_S)
    assert Room().show([figure()] * 20 + unseen + [lying()] * 30) == [
        "person_entered",
        "person_left",
        "person_entered",
    ]


def test_somebody_else_who_lies_elsewhere_did_not_fall() -> None:
    assert Room().show([figure(place=(-1.5, 2.0))] * 20 + [lying(place=(1.5, 3.5))] * 30) == [
        "person_entered"
    ]


def test_a_fall_is_over_when_somebody_is_up_again_and_the_next_is_told_anew() -> None:
    room = Room()
    room.show(fall())
    assert room.show(between(lying(), figure(), 2.0) + [figure()] * round(10 * UP_S + 10)) == [
        "fall_cleared"
    ]
    assert room.told[-1]["fall"] is None
    assert room.show(fall()) == ["fall"]


def test_sitting_up_does_not_end_a_fall() -> None:
    room = Room()
    room.show(fall())
    assert room.show([ON_THE_FLOOR] * 60) == []
    assert room.show([figure()] * 60) == ["fall_cleared"]


def of_person(room: Room, number: int) -> list[str]:
    return [m["kind"] for m in room.told if m["person"] == number]


def test_a_fall_is_told_while_somebody_else_walks_about() -> None:
    room = Room()
    falls = fall()
    walks = [figure(place=(1.0 + 0.02 * k, 3.5)) for k in range(len(falls))]
    room.show(falls, walks)
    assert of_person(room, 1) == ["person_entered", "fall"]
    assert of_person(room, 2) == ["person_entered"]
    assert room.keeper.fallen_since


def test_a_fall_ends_when_that_very_person_is_up_and_not_with_a_helper() -> None:
    room = Room()
    room.show(fall())
    assert room.show([lying()] * 60, [figure(place=(0.5, 2.0))] * 60) == ["person_entered"]
    assert room.keeper.fallen_since
    up = between(lying(), figure(), 2.0) + [figure()] * round(10 * UP_S + 10)
    assert room.show(up, [figure(place=(0.5, 2.0))] * len(up)) == ["fall_cleared"]
    assert room.told[-1]["person"] == 1
    assert room.keeper.fallen_since is None


def test_two_who_fall_are_told_and_cleared_each() -> None:
    room = Room()
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
    room = Room()
    room.show(fall())
    assert room.show([HIDDEN] * 200) == ["person_left"]
    assert room.show([lying()] * 50, first=2) == ["person_entered"]
    assert room.show([figure()] * 60, first=2) == ["fall_cleared"]
    assert room.told[-1]["person"] == 1, "the number that fell"


def test_who_was_lost_on_the_floor_is_known_by_the_place_also_beside_a_helper() -> None:
    room = Room()
    room.show(fall())
    room.show([HIDDEN] * 60)
    helper = [figure(place=(2.0, 2.0))] * 60
    assert room.show([lying()] * 60, helper, first=2) == ["person_entered"] * 2
    assert room.show([lying()] * 60, helper, first=2) == []
    assert room.show([figure()] * 60, helper, first=2) == ["fall_cleared"]


def test_whoever_was_there_before_does_not_end_the_fall_of_somebody_lost() -> None:
    room = Room()
    helper = [figure(place=(2.0, 2.0))] * len(fall())
    room.show(fall(), helper)
    for _ in range(3):
        room.show([HIDDEN] * 40, helper[:40])
    assert of_person(room, 1) == ["person_entered", "fall", "person_left"]
    assert room.keeper.fallen_since
    room.show([HIDDEN] * 40, [HIDDEN] * 40)
    assert room.show([figure()] * 60, first=3) == ["person_entered", "fall_cleared"]


def test_without_a_room_frame_nothing_is_told_of_falls() -> None:
    room = Room()
    for _ in range(50):
        room.now_s += 0.1
        room.somebody()
    assert [m["kind"] for m in room.told] == ["person_entered"]
    assert room.told[0]["floor_m"] is None


@needs_mosquitto
def test_a_running_sensor_sends_activity_events_and_cbor(tmp_path: Path) -> None:
    everywhere = ZoneConfig("Everywhere", ((-9.0, -9.0), (9.0, -9.0), (9.0, 9.0), (-9.0, 9.0)))
    with Mosquitto(tmp_path / "broker") as broker, Subscriber(broker) as seen:
        config = Config(
            device=DeviceConfig("hall"),
            source=SourceConfig("replay", str(DEMO_SESSION), realtime=False),
            mqtt=MqttConfig(
                host=broker.host, port=broker.port, format="cbor", outbox=str(tmp_path / "outbox")
            ),
            zones=(everywhere,),
        )
        run(config, Console(json_lines=True))
        told = seen.drain(1.0)
    events = [json.loads(payload) for topic, payload, _ in told if topic == "posekernel/hall/event"]
    for number in (1, 2):
        assert [(e["kind"], e["zone"]) for e in events if e["person"] == number] == [
            ("person_entered", None),
            ("zone_entered", "Everywhere"),
        ]
    first = events[0]["sequence"]
    assert [e["sequence"] for e in events] == list(range(first, first + 4))
    summary = [json.loads(payload) for topic, payload, _ in told if topic.endswith("/summary")][-1]
    assert summary["zones"] == [{"name": "Everywhere", "people": 2}]
    pose = [cbor2.loads(payload) for topic, payload, _ in told if topic.endswith("/pose")][-1]
    assert pose["schema"] == "posekernel.pose/2"
    assert [(p["id"], p["zones"]) for p in pose["people"]] == [
        (1, ["Everywhere"]),
        (2, ["Everywhere"]),
    ]
    for person in pose["people"]:
        assert person["posture"] in ("standing", "walking", "bending")
        assert person["floor_m"][1] == pytest.approx(3.8, abs=0.8)
