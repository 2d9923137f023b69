"""Events: who comes and goes, and zones; from a running sensor, too."""

import json
from pathlib import Path

import cbor2
import pytest

from edge.core.config import Config, DeviceConfig, MqttConfig, SourceConfig, ZoneConfig
from edge.core.pose import Presence
from edge.output.messages.attendance import ABSENT_S
from edge.sensor.process.console import Console
from edge.sensor.run import run
from edge.sources.session.reader import DEMO_SESSION
from tests.support.bodies import figure
from tests.support.broker.mosquitto import Mosquitto, needs_mosquitto
from tests.support.broker.subscriber import Subscriber
from tests.support.scenes.keepers import HIDDEN, EventRoom, fall


def test_somebody_comes_and_goes() -> None:
    room = EventRoom()
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
    room = EventRoom()
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
    room = EventRoom()
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
    room = EventRoom()
    for zones in ((), ("Sofa",), ("Sofa", "Rug"), ("Rug",)):
        room.somebody(zones=zones)
    room.now_s += ABSENT_S
    room.keeper.tick()
    assert [(m["kind"], m["zone"]) for m in room.told] == [
        ("person_entered", None), ("zone_entered", "Sofa"), ("zone_entered", "Rug"),
        ("zone_left", "Sofa"), ("zone_left", "Rug"), ("person_left", None),
    ]  # fmt: skip


def test_each_person_comes_and_goes_alone() -> None:
    room = EventRoom()
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
    room = EventRoom()
    for number, zones in ((1, ("Sofa",)), (2, ("Sofa",)), (1, ()), (2, ())):
        room.somebody(number, zones=zones)
    assert [(m["kind"], m["person"]) for m in room.told if m["zone"] == "Sofa"] == [
        ("zone_entered", 1), ("zone_entered", 2), ("zone_left", 1), ("zone_left", 2),
    ]  # fmt: skip


@pytest.mark.parametrize("presence", ["seen_only", "unsure"])
def test_whoever_is_not_present_raises_no_event(presence: Presence) -> None:
    room = EventRoom()
    for joints in fall():
        room.now_s += 0.1
        room.see(room.person(1, joints, presence))
        room.keeper.tick()
    assert room.told == []
    room.somebody()  # at once, once that is sure
    assert [m["kind"] for m in room.told] == ["person_entered"]


def test_whoever_is_not_sure_for_a_moment_has_not_left() -> None:
    room = EventRoom()
    for k in range(100):
        room.now_s += 0.1
        room.somebody(presence="unsure" if k % 20 < 18 else "present")
        room.keeper.tick()
    assert [m["kind"] for m in room.told] == ["person_entered"]


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
