"""When entities are announced, renewed and removed, at a real broker."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.__main__ import main
from edge.core.config import MqttConfig, ZoneConfig
from edge.output.homeassistant.discovery import discovery_message
from edge.output.mqtt.publisher import MqttPublisher
from tests.edge.output.homeassistant.announced import CONFIG, TOPIC, ZONES
from tests.support.broker.mosquitto import Mosquitto, needs_mosquitto
from tests.support.broker.subscriber import Subscriber
from tests.support.waiting import LIMIT_S, until


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path / "broker") as b:
        yield b


def publisher_at(
    broker: Mosquitto, zones: tuple[ZoneConfig, ...] = (), **changes: Any
) -> MqttPublisher:
    return MqttPublisher(
        MqttConfig(host=broker.host, port=broker.port, **changes),
        "hall",
        source="simulated",
        zones=zones,
    )


@needs_mosquitto
def test_announced_on_connect_and_again_at_home_assistants_birth(broker: Mosquitto) -> None:
    with Subscriber(broker) as seen, publisher_at(broker) as publisher:
        first, _ = seen.next(TOPIC)
        assert first == discovery_message(
            CONFIG, "hall", version=first["origin"]["sw_version"], source="simulated"
        )
        publisher.publish_retained("summary", {"people": 1})
        assert seen.next("posekernel/hall/summary")[0] == {"people": 1}
        seen.client.publish("homeassistant/status", b"offline")
        seen.client.publish("homeassistant/status", b"online")
        told = {topic for topic, _, _ in seen.drain(1.0)}
        assert {TOPIC, "posekernel/hall/summary"} <= told
    with Subscriber(broker) as late:
        retained = {topic for topic, _, retained in late.drain() if retained}
        assert retained == {TOPIC, "posekernel/hall/status", "posekernel/hall/summary"}


@needs_mosquitto
def test_the_newest_summary_survives_a_broker_that_forgets(broker: Mosquitto) -> None:
    with publisher_at(broker) as publisher:
        assert publisher.wait_connected(5.0)
        publisher.publish_retained("summary", {"people": 1})
        broker.kill()
        assert until(lambda: not publisher.connected)
        publisher.publish_retained("summary", {"people": 2})
        publisher.publish_retained("summary", {"people": 3})
        broker.start()
        assert publisher.wait_connected(10.0)
        with Subscriber(broker) as seen:
            told = {topic: json.loads(payload) for topic, payload, _ in seen.drain(1.0)}
        assert told["posekernel/hall/summary"] == {"people": 3}
        assert told[TOPIC]["device"]["identifiers"] == ["posekernel_hall"]


@needs_mosquitto
def test_a_zone_that_was_deleted_from_the_file_disappears(broker: Mosquitto) -> None:
    with publisher_at(broker, zones=ZONES) as publisher:
        assert publisher.wait_connected(10.0)
        with Subscriber(broker) as seen:
            assert "zone_sofa" in seen.next(TOPIC)[0]["components"]
    for _ in range(2):  # and stays so over the next restart
        with Subscriber(broker) as seen, publisher_at(broker, zones=ZONES[1:]):
            while True:
                told, _ = seen.next(TOPIC)
                if told["components"].get("zone_sofa") == {"platform": "binary_sensor"}:
                    break
            assert told["components"]["zone_kuche_hinten"]["platform"] == "binary_sensor"
    with publisher_at(broker, zones=ZONES) as publisher, Subscriber(broker) as seen:
        while True:
            told, _ = seen.next(TOPIC)
            if "unique_id" in told["components"]["zone_sofa"]:
                break


@needs_mosquitto
def test_zones_come_and_go_while_the_sensor_runs(broker: Mosquitto) -> None:
    with publisher_at(broker, zones=ZONES[:1]) as publisher, Subscriber(broker) as seen:
        assert publisher.wait_connected(LIMIT_S)
        assert "zone_sofa" in seen.next(TOPIC)[0]["components"]
        publisher.set_zones(ZONES[1:])
        while (told := seen.next(TOPIC)[0]["components"]).get("zone_kuche_hinten") is None:
            pass
        assert told["zone_sofa"] == {"platform": "binary_sensor"}
        assert told["people_sofa"] == {"platform": "sensor"}
        publisher.set_zones([])
        while "unique_id" in (told := seen.next(TOPIC)[0]["components"])["zone_kuche_hinten"]:
            pass
        assert told["zone_sofa"] == {"platform": "binary_sensor"}  # Home Assistant may be away
        publisher.set_zones(ZONES)
        while "unique_id" not in (told := seen.next(TOPIC)[0]["components"])["zone_sofa"]:
            pass
        assert "unique_id" in told["zone_kuche_hinten"]


@needs_mosquitto
def test_silent_without_discovery(broker: Mosquitto) -> None:
    with Subscriber(broker) as seen, publisher_at(broker, discovery=False) as publisher:
        assert publisher.wait_connected(5.0)
        assert {topic for topic, _, _ in seen.drain(0.5)} == {
            "posekernel/hall/status",
            "posekernel/hall/summary",
        }


@needs_mosquitto
def test_a_broker_that_denies_the_announcement_still_gets_the_rest(tmp_path: Path) -> None:
    acl = "topic write posekernel/hall/#\n"
    with Mosquitto(tmp_path / "broker", acl=acl) as broker, publisher_at(broker) as publisher:
        assert publisher.wait_connected(5.0)
        assert until(lambda: publisher.last_error is not None)
        assert TOPIC in str(publisher.last_error)
        assert publisher.connected
        assert publisher.publish_pose({"sequence": 1})
        assert publisher.counters.connections == 1


@needs_mosquitto
def test_forget_removes_every_trace(
    broker: Mosquitto, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with publisher_at(broker) as publisher:
        publisher.publish_retained("summary", {"people": 1})
        with Subscriber(broker) as seen:
            seen.next("posekernel/hall/summary")
    config = tmp_path / "config.toml"
    config.write_text(
        '[device]\nid = "hall"\n[source]\nkind = "replay"\npath = "none"\n'
        f'[mqtt]\nhost = "{broker.host}"\nport = {broker.port}\n'
    )
    assert main(["forget", "--config", str(config)]) == 0
    assert "hall" in capsys.readouterr().out
    with Subscriber(broker) as late:
        assert late.drain() == []
    broker.stop()
    assert main(["forget", "--config", str(config)]) == 2
    assert "nothing listens there" in capsys.readouterr().err


@needs_mosquitto
def test_old_presence_is_taken_back_before_the_sensor_is_online(broker: Mosquitto) -> None:
    """Home Assistant switched a lamp on in an empty room."""
    with (
        publisher_at(broker) as publisher,
        Subscriber(broker) as summaries,
        Subscriber(broker) as controls,
    ):
        publisher.publish_retained("summary", {"occupancy": True})
        publisher.publish_retained("control", {"sensing": True})
        while "occupancy" not in summaries.next("posekernel/hall/summary")[0]:
            pass
        controls.next("posekernel/hall/control")
    first = {"control": {"sensing": False}}
    with (
        Subscriber(broker) as seen,
        MqttPublisher(
            MqttConfig(host=broker.host, port=broker.port), "hall", source="device", first=first
        ) as publisher,
    ):
        assert publisher.wait_connected(LIMIT_S)
        told = [(topic, json.loads(payload)) for topic, payload, old in seen.drain() if not old]
    online = next(k for k, (_, m) in enumerate(told) if m.get("state") == "online")
    before = dict(told[:online])
    assert before["posekernel/hall/summary"]["occupancy"] is None
    assert before["posekernel/hall/control"] == {"sensing": False}
    assert TOPIC in before
    assert before["posekernel/hall/summary"]["schema"] == "posekernel.summary/2"


@needs_mosquitto
def test_what_changed_while_the_broker_was_away_comes_before_online(broker: Mosquitto) -> None:
    with publisher_at(broker) as publisher:
        assert publisher.wait_connected(LIMIT_S)
        broker.kill()
        assert until(lambda: not publisher.connected)
        publisher.publish_retained("summary", {"occupancy": False})
        broker.start()
        with Subscriber(broker) as seen:
            seen.next("posekernel/hall/status")
            assert publisher.wait_connected(LIMIT_S)
            with Subscriber(broker, "posekernel/hall/summary") as late:
                assert late.next("posekernel/hall/summary")[0] == {"occupancy": False}


@needs_mosquitto
def test_a_flood_of_births_is_answered_now_and_then(broker: Mosquitto) -> None:
    with publisher_at(broker) as publisher, Subscriber(broker, TOPIC) as seen:
        assert publisher.wait_connected(LIMIT_S)
        seen.drain()
        for _ in range(500):
            seen.client.publish("homeassistant/status", b"online")
        assert len(seen.drain(1.0)) <= 3


@needs_mosquitto
def test_a_sensor_that_is_online_is_not_forgotten(
    broker: Mosquitto, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(
        '[device]\nid = "hall"\n[source]\nkind = "replay"\npath = "none"\n'
        f'[mqtt]\nhost = "{broker.host}"\nport = {broker.port}\n'
    )
    with publisher_at(broker) as publisher:
        assert publisher.wait_connected(LIMIT_S)
        assert main(["forget", "--config", str(config)]) == 2
        told = capsys.readouterr().err
        assert "hall is online" in told
        assert "systemctl disable --now posekernel" in told
        with Subscriber(broker) as late:
            assert TOPIC in {topic for topic, _, _ in late.drain()}
    assert main(["forget", "--config", str(config)]) == 0
    with Subscriber(broker) as late:
        assert late.drain() == []
        late.client.publish("posekernel/hall/status", b'{"state":"online"}', 1, True)
        assert late.next("posekernel/hall/status")
    assert main(["forget", "--config", str(config)]) == 2, "the broker did not notice its end"
    assert main(["forget", "--config", str(config), "--force"]) == 0
