"""The blueprints for Home Assistant: in its own core, with the sensor's entities."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from edge.core.config import MqttConfig, ZoneConfig
from edge.output.homeassistant.discovery import discovery_message
from tests.support import ROOT
from tests.support.waiting import finished

yaml = pytest.importorskip("yaml", reason="pyyaml is not installed")
BLUEPRINTS = {p.stem: p.read_text() for p in sorted((ROOT / "deploy/homeassistant").glob("*.yaml"))}
CORE = Path(__file__).parent / "homeassistant_schemas.py"
PYTHON = Path(os.environ.get("HOME_ASSISTANT_PYTHON", ROOT / ".venv-homeassistant/bin/python"))
needs_home_assistant = pytest.mark.skipif(
    not PYTHON.with_name("hass").exists(),
    reason="Home Assistant is not installed; `make homeassistant` does it",
)
ZONE = ZoneConfig("Sofa", ((0.0, 2.0), (1.0, 2.0), (1.0, 3.0)))


class Input(str):
    """`!input name`."""


class Loader(yaml.SafeLoader):  # type: ignore[misc, name-defined]
    """YAML as blueprints are written."""


Loader.add_constructor("!input", lambda loader, node: Input(loader.construct_scalar(node)))


def inputs(value: Any) -> set[str]:
    if isinstance(value, Input):
        return {str(value)}
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return set().union(*(inputs(part) for part in parts))


@pytest.mark.parametrize("name", BLUEPRINTS)
def test_every_input_is_declared_and_used(name: str) -> None:
    blueprint = yaml.load(BLUEPRINTS[name], Loader)
    assert blueprint["blueprint"]["domain"] == "automation"
    rest = {key: part for key, part in blueprint.items() if key != "blueprint"}
    assert inputs(rest) == set(blueprint["blueprint"]["input"])


def test_their_filters_find_the_sensors_entities() -> None:
    message = discovery_message(
        MqttConfig(), "hall", version="0.1.0", source="device", zones=(ZONE,)
    )
    for name, choice, found in (
        ("fall_alert", "fallen", {"fallen"}),
        ("light_by_zone", "people", None),
    ):
        blueprint = yaml.load(BLUEPRINTS[name], Loader)
        (wanted,) = blueprint["blueprint"]["input"][choice]["selector"]["entity"]["filter"]
        fitting = {
            key
            for key, c in message["components"].items()
            if c["platform"] == wanted["domain"]
            and wanted.get("device_class") in (None, c.get("device_class"))
        }
        assert "people_sofa" in fitting if found is None else fitting == found


def run(name: str, entity: str, states: list[str], *actions: str, **given: Any) -> list[Any]:
    """What the actions got at each state of the entity."""
    path = f"posekernel/{name}.yaml"
    asked = {
        "run": {"id": "1", "alias": "a", "use_blueprint": {"path": path, "input": given}},
        "entity": entity,
        "states": states,
        "action": actions[0],
        "also": actions[1:],
        "blueprints": {path: BLUEPRINTS[name]},
    }
    done = finished([PYTHON, CORE], input=json.dumps(asked))
    assert done.returncode == 0, done.stderr
    told: list[Any] = json.loads(done.stdout)
    return told


@pytest.mark.slow
@needs_home_assistant
def test_a_fall_is_told_also_when_the_sensor_comes_back() -> None:
    told = run(
        "fall_alert",
        "binary_sensor.hall_fallen",
        ["off", "on", "off", "unavailable", "on", "unknown", "off"],
        "notify.notify",
        "persistent_notification.create",
        fallen="binary_sensor.hall_fallen",
        alert=[{"action": "notify.notify", "data": {"message": "a fall"}}],
        pause=0,
    )
    shown = {
        "action": "create",
        "notification_id": "posekernel binary_sensor.hall_fallen",
        "title": "Somebody fell",
        "message": "binary_sensor.hall_fallen: somebody lies on the floor.",
    }
    alert = [shown, {"action": "notify", "message": "a fall"}]
    assert told == [[], alert, [], [], alert, [], []]


@pytest.mark.slow
@needs_home_assistant
def test_the_light_follows_the_zone_and_is_left_alone_while_nobody_knows() -> None:
    told = run(
        "light_by_zone",
        "sensor.hall_sofa_people",
        ["0", "1", "2", "0", "unknown", "1", "unavailable"],
        "light.turn_on",
        "light.turn_off",
        people="sensor.hall_sofa_people",
        light={"entity_id": "light.sofa"},
        brightness=40,
        empty_for=0,
    )
    at = {"entity_id": ["light.sofa"]}
    on, off = {"action": "turn_on", **at, "brightness_pct": 40}, {"action": "turn_off", **at}
    assert told == [[off], [on], [], [off], [], [on], []]
