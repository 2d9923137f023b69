"""What Home Assistant is told: the announcement's form, its templates against real messages, and when it is told again."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.__main__ import main
from edge.config import MqttConfig
from edge.homeassistant import discovery_message, discovery_topic
from edge.mqtt import MqttPublisher
from edge.publish import Message, encode, status_message, summary_message
from tests.mosquitto import Mosquitto, needs_mosquitto
from tests.test_mqtt import Subscriber, until
from tests.test_publish import an_estimate

CONFIG = MqttConfig()
TOPIC = "homeassistant/device/posekernel_hall/config"
SCHEMAS = Path(__file__).with_name("homeassistant_schemas.py")
HOME_ASSISTANT_PYTHON = Path(
    os.environ.get("HOME_ASSISTANT_PYTHON", Path(__file__).parents[1] / ".venv-homeassistant/bin/python")
)


def announcement(config: MqttConfig = CONFIG, source: str = "device") -> Message:
    loaded: Message = json.loads(encode(discovery_message(config, "hall", version="0.1.0", source=source)))
    return loaded


def test_the_announcement_has_what_device_discovery_needs() -> None:
    message = announcement()
    assert discovery_topic(CONFIG, "hall") == TOPIC
    assert message["device"]["identifiers"] == ["posekernel_hall"]
    assert message["origin"] == {"name": "posekernel", "sw_version": "0.1.0"}
    assert message["availability"][0]["topic"] == "posekernel/hall/status"
    assert message["state_topic"] == "posekernel/hall/summary"
    ids = [component["unique_id"] for component in message["components"].values()]
    assert len(set(ids)) == len(ids)
    assert all(i.startswith("posekernel_hall_") for i in ids)
    assert all(component["expire_after"] > 60 for component in message["components"].values())


def test_two_devices_share_no_topic_and_no_identity() -> None:
    other = discovery_message(CONFIG, "kitchen", version="0.1.0", source="device")
    assert discovery_topic(CONFIG, "kitchen") != TOPIC
    assert not {c["unique_id"] for c in other["components"].values()} & {
        c["unique_id"] for c in announcement()["components"].values()
    }
    assert "hall" not in json.dumps(other)


def test_topics_follow_the_configuration() -> None:
    config = MqttConfig(base_topic="house/pose", discovery_prefix="ha")
    assert discovery_topic(config, "hall") == "ha/device/posekernel_hall/config"
    assert announcement(config)["state_topic"] == "house/pose/hall/summary"


def test_a_simulated_source_says_so_in_the_model() -> None:
    assert "simulated" in announcement(source="simulated")["device"]["model"]
    assert "simulated" not in announcement()["device"]["model"]


def states(summary: Message) -> dict[str, str]:
    jinja2 = pytest.importorskip("jinja2", reason="jinja2 is not installed")
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    assert jinja2
    environment = ImmutableSandboxedEnvironment()
    value_json = json.loads(encode(summary))
    return {
        key: environment.from_string(component["value_template"]).render(value_json=value_json)
        for key, component in announcement()["components"].items()
    }


def test_templates_read_the_summary() -> None:
    there = summary_message("hall", an_estimate(), source="device", utc_ns=0)
    assert states(there) == {
        "occupancy": "ON", "people": "2", "distance": str(there["mid_hip_distance_m"]), "height": "1.73", "scale_source": "sound",
        "confidence": "88.0",
    }  # fmt: skip
    # "None" is what Home Assistant takes for unknown.
    assert states(summary_message("hall", None, source="device", utc_ns=0)) == {
        "occupancy": "OFF", "people": "0", "distance": "None", "height": "None", "scale_source": "None", "confidence": "None",
    }  # fmt: skip


def test_availability_reads_the_status() -> None:
    jinja2 = pytest.importorskip("jinja2", reason="jinja2 is not installed")
    template = jinja2.Template(announcement()["availability"][0]["value_template"])
    for state in ("online", "offline"):
        message = status_message("hall", state, version="0.1.0", source="device")  # type: ignore[arg-type]
        assert template.render(value_json=message) == state  # Home Assistant's own defaults for these payloads


def check_with_home_assistant(message: Message) -> str:
    done = subprocess.run(
        [HOME_ASSISTANT_PYTHON, SCHEMAS], input=json.dumps(message), capture_output=True, text=True, timeout=120
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stdout.strip()


@pytest.mark.skipif(
    not HOME_ASSISTANT_PYTHON.with_name("hass").exists(), reason="Home Assistant is not installed; `make homeassistant` does it"
)
def test_home_assistants_own_schemas_take_it_and_are_not_blind() -> None:
    assert check_with_home_assistant(announcement()) == ""
    assert check_with_home_assistant(announcement(source="simulated")) == ""
    broken = announcement()
    broken["components"]["distance"]["device_class"] = "remoteness"
    broken["components"]["people"].pop("unique_id")
    broken.pop("origin")
    complaints = check_with_home_assistant(broken)
    assert "origin" in complaints or "unique_id" in complaints
    assert "remoteness" in complaints or "distance" in complaints


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path / "broker") as b:
        yield b


def publisher_at(broker: Mosquitto, **changes: Any) -> MqttPublisher:
    return MqttPublisher(MqttConfig(host=broker.host, port=broker.port, **changes), "hall", source="simulated")


@needs_mosquitto
def test_announced_on_connect_and_again_at_home_assistants_birth(broker: Mosquitto) -> None:
    with Subscriber(broker) as seen, publisher_at(broker) as publisher:
        first, _ = seen.next(TOPIC)
        assert first == discovery_message(CONFIG, "hall", version=first["origin"]["sw_version"], source="simulated")
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
def test_silent_without_discovery(broker: Mosquitto) -> None:
    with Subscriber(broker) as seen, publisher_at(broker, discovery=False) as publisher:
        assert publisher.wait_connected(5.0)
        assert {topic for topic, _, _ in seen.drain(0.5)} == {"posekernel/hall/status"}


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
def test_forget_removes_every_trace(broker: Mosquitto, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with publisher_at(broker) as publisher:
        publisher.publish_retained("summary", {"people": 1})
        with Subscriber(broker) as seen:
            seen.next("posekernel/hall/summary")
    config = tmp_path / "config.toml"
    config.write_text(
        f'[device]\nid = "hall"\n[source]\nkind = "replay"\npath = "none"\n[mqtt]\nhost = "{broker.host}"\nport = {broker.port}\n'
    )
    assert main(["forget", "--config", str(config)]) == 0
    assert "hall" in capsys.readouterr().out
    with Subscriber(broker) as late:
        assert late.drain() == []
    broker.stop()
    assert main(["forget", "--config", str(config)]) == 2
    assert "nothing listens there" in capsys.readouterr().err
