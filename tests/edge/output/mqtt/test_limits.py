"""What a broker takes, and what becomes of the rest."""

import logging
from pathlib import Path

import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge.core.config import MqttConfig
from edge.output.messages.commands import COMMANDS
from edge.output.mqtt.outbox import Outbox
from edge.output.mqtt.publisher import MqttPublisher
from edge.output.mqtt.traffic import Traffic
from edge.output.mqtt.wire.limits import Limits
from tests.support.broker.mosquitto import Mosquitto, needs_mosquitto
from tests.support.broker.subscriber import Subscriber, config_for
from tests.support.waiting import LIMIT_S, until

EVENT, POSE, DISCOVERY = (
    "posekernel/hall/event",
    "posekernel/hall/pose",
    "homeassistant/device/posekernel_hall/config",
)


def publisher(broker: Mosquitto, path: Path | None = None, **changes: object) -> MqttPublisher:
    config = config_for(broker, **({"discovery": True} | changes))
    return MqttPublisher(config, "hall", source="simulated", outbox_path=path)


def connack(**given: int) -> Properties:
    properties = Properties(PacketTypes.CONNACK)
    for name, value in given.items():
        setattr(properties, name, value)
    return properties


def lines(caplog: pytest.LogCaptureFixture, part: str) -> list[str]:
    return [r.getMessage() for r in caplog.records if part in r.getMessage()]


def test_limits_are_those_of_the_answer_and_go_with_the_next() -> None:
    limits = Limits()
    limits.take(
        connack(
            MaximumPacketSize=4096,
            ReceiveMaximum=3,
            MaximumQoS=0,
            RetainAvailable=0,
            WildcardSubscriptionAvailable=0,
        )
    )
    assert (limits.packet, limits.in_flight, limits.qos) == (4096, 3, 0)
    assert (limits.retain, limits.wildcards) == (False, False)
    limits.take(connack())
    assert (limits.packet, limits.in_flight, limits.qos) == (None, 20, 1)
    assert (limits.retain, limits.wildcards) == (True, True)


def test_a_message_of_exactly_the_limit_is_allowed(caplog: pytest.LogCaptureFixture) -> None:
    limits = Limits()
    limits.take(connack(MaximumPacketSize=100))
    assert limits.allow("t", b"x" * 89)
    assert not limits.allow("t", b"x" * 90)
    assert not limits.allow("t", b"x" * 91)
    assert not limits.allow("u", b"x" * 91)
    assert limits.skipped == 3
    assert [r.args[0] for r in caplog.records if isinstance(r.args, tuple)] == ["t", "u"]


def test_without_patterns_each_command_is_subscribed_by_itself() -> None:
    limits, traffic = Limits(), Traffic(MqttConfig(), "posekernel/hall", Outbox(None), None)
    assert traffic.subscriptions(limits) == ["posekernel/hall/cmd/+"]
    limits.take(connack(WildcardSubscriptionAvailable=0))
    assert traffic.subscriptions(limits) == [f"posekernel/hall/cmd/{name}" for name in COMMANDS]


@needs_mosquitto
def test_a_message_larger_than_the_broker_takes_is_named_once_and_poses_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        Mosquitto(tmp_path / "b", extra="max_packet_size 4096") as broker,
        Subscriber(broker) as seen,
        publisher(broker) as sensor,
    ):
        assert sensor.wait_connected(LIMIT_S)
        assert not sensor.publish_pose({"filling": "x" * 5000})
        assert not sensor.publish_pose({"filling": "x" * 5000})
        assert sensor.publish_pose({"n": 1})
        assert seen.next(POSE)[0] == {"n": 1}
        assert sensor.counters.connections == 1
    for topic in (DISCOVERY, POSE):
        (line,) = lines(caplog, f"{topic}: ")
        assert "more than the 4096 that the broker takes" in line
    assert not lines(caplog, "another client")


@needs_mosquitto
def test_an_event_larger_than_the_broker_takes_holds_up_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        Mosquitto(tmp_path / "b", extra="max_packet_size 2000") as broker,
        Subscriber(broker, EVENT) as seen,
        publisher(broker, tmp_path / "o") as sensor,
    ):
        assert sensor.wait_connected(LIMIT_S)
        for n in range(3):
            sensor.publish_event({"n": n, "filling": "x" * (3000 if n == 1 else 10)})
        assert [seen.next(EVENT)[0]["n"] for _ in range(2)] == [0, 2]
        assert until(lambda: sensor.outbox.depth == 0)
    assert lines(caplog, "is too large for the broker and is dropped")


@needs_mosquitto
def test_a_broker_that_closes_without_a_word_is_understood(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """MQTT 3.1.1 has no way to say it."""
    with (
        Mosquitto(tmp_path / "b", extra="max_packet_size 4096") as broker,
        Subscriber(broker) as seen,
        publisher(broker, protocol=311) as sensor,
    ):
        assert sensor.wait_connected(LIMIT_S)
        assert sensor.publish_pose({"n": 1})
        assert seen.next(POSE)[0] == {"n": 1}
    (line,) = lines(caplog, "closes the connection whenever it gets")
    assert DISCOVERY in line
    assert not lines(caplog, "another client")


@needs_mosquitto
@pytest.mark.parametrize(
    "setting", ["retain_available false", "max_qos 0", "max_inflight_messages 1"]
)
def test_other_limits_are_heeded(
    tmp_path: Path, setting: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with (
        Mosquitto(tmp_path / "b", extra=setting) as broker,
        Subscriber(broker) as seen,
        publisher(broker, tmp_path / "o") as sensor,
    ):
        assert sensor.wait_connected(LIMIT_S), sensor.last_error
        assert seen.next("posekernel/hall/status")[0]["state"] == "online"
        for n in range(30):
            sensor.publish_event({"n": n})
        assert [seen.next(EVENT)[0]["n"] for _ in range(30)] == list(range(30))
        assert until(lambda: sensor.outbox.depth == 0)
        assert sensor.counters.connections == 1
    said = {"retain_available false": "no retained", "max_qos 0": "only QoS 0"}.get(setting)
    assert said is None or len(lines(caplog, said)) == 1
