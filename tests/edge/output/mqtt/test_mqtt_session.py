"""Commands for a sensor that is away, too many of them, and the limit on the pose stream."""

import json
import time
from pathlib import Path

import paho.mqtt.publish
import pytest

from edge.output.mqtt.publisher import MqttPublisher
from tests.support.broker.mosquitto import Mosquitto, needs_mosquitto
from tests.support.broker.subscriber import Subscriber, config_for
from tests.support.waiting import LIMIT_S, until

pytestmark = needs_mosquitto
COMMAND = "posekernel/hall/cmd/sensing"


def command(
    broker: Mosquitto, payload: str = '{"on": false}', topic: str = COMMAND, retain: bool = False
) -> None:
    paho.mqtt.publish.single(
        topic, payload, qos=1, retain=retain, hostname=broker.host, port=broker.port
    )


@pytest.mark.parametrize("session_s", [600, 0])
def test_a_command_waits_for_a_sensor_that_is_away(tmp_path: Path, session_s: int) -> None:
    with Mosquitto(tmp_path / "b") as broker:
        config = config_for(broker, session_s=session_s)
        with MqttPublisher(config, "hall", source="simulated") as first:
            assert first.wait_connected(LIMIT_S)
            command(broker)
            assert first.commands.get(timeout=LIMIT_S).payload == b'{"on": false}'
        command(broker, '{"on": true}')
        with MqttPublisher(config, "hall", source="simulated") as second:
            assert second.wait_connected(LIMIT_S)
            command(broker, "{}", "posekernel/hall/cmd/recalibrate")
            heard = [second.commands.get(timeout=LIMIT_S)]
            if session_s:
                heard.append(second.commands.get(timeout=LIMIT_S))
    assert [h.topic.rpartition("/")[2] for h in heard] == ["sensing", "recalibrate"][-len(heard) :]
    assert len(heard) == (2 if session_s else 1)


@pytest.mark.parametrize("protocol", [5, 311])
def test_a_retained_command_is_known_as_one(tmp_path: Path, protocol: int) -> None:
    with Mosquitto(tmp_path / "b") as broker:
        command(broker, retain=True)
        with MqttPublisher(
            config_for(broker, protocol=protocol), "hall", source="simulated"
        ) as publisher:
            assert publisher.commands.get(timeout=LIMIT_S).retained
            if protocol == 5:  # a 3.1.1 broker delivers it to present subscribers as not retained
                command(broker, retain=True)
                assert publisher.commands.get(timeout=LIMIT_S).retained


def test_a_flood_of_commands_is_bounded_and_answers_are_not_commands(tmp_path: Path) -> None:
    with (
        Mosquitto(tmp_path / "b") as broker,
        Subscriber(broker, "posekernel/hall/cmd/result") as seen,
        MqttPublisher(config_for(broker, protocol=311), "hall", source="simulated") as publisher,
    ):
        assert publisher.wait_connected(LIMIT_S)
        publisher.publish_answer({"n": 1})
        assert seen.next("posekernel/hall/cmd/result")[0] == {"n": 1}
        for n in range(40):
            command(broker, json.dumps({"n": n}))
        assert until(lambda: publisher.commands.qsize() == 16)
        assert publisher.connected
        assert json.loads(publisher.commands.get().payload) == {"n": 0}


def test_poses_are_limited_and_counted(tmp_path: Path) -> None:
    with Mosquitto(tmp_path / "b") as broker:
        with MqttPublisher(
            config_for(broker, pose_rate_hz=10.0), "hall", source="simulated"
        ) as publisher:
            assert publisher.wait_connected(LIMIT_S)
            began = time.monotonic()
            sent = 0
            while (
                sent < 3 or publisher.counters.limited <= 50
            ) and time.monotonic() < began + LIMIT_S:
                sent += publisher.publish_pose({"sequence": 1})
                time.sleep(0.002)
            elapsed = time.monotonic() - began
        assert 1 < sent <= 10 * elapsed + 2
        assert publisher.counters.published == sent
        assert publisher.counters.limited > 50
        assert publisher.counters.dropped == 0
