"""The README's automations and table of entities, against Home Assistant itself."""

import json
import os
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from edge.core.config import ZoneConfig, check_zones
from edge.core.typed import convert
from edge.output.homeassistant.discovery import discovery_message, removing
from edge.output.homeassistant.entity_table import entity_table, trigger_names
from edge.output.messages.fields import Message
from edge.output.messages.payloads import encode
from tests.edge.output.homeassistant.announced import CONFIG, announcement
from tests.support import ROOT
from tests.support.waiting import finished

README = ROOT / "edge/output/README.md"


HOME_ASSISTANT_SCHEMAS = Path(__file__).parent / "homeassistant_schemas.py"


HOME_ASSISTANT_PYTHON = Path(
    os.environ.get("HOME_ASSISTANT_PYTHON", ROOT / ".venv-homeassistant/bin/python")
)


needs_home_assistant = pytest.mark.skipif(
    not HOME_ASSISTANT_PYTHON.with_name("hass").exists(),
    reason="Home Assistant is not installed; `make homeassistant` does it",
)


def readme_block(kind: str, word: str) -> str:
    """The README's code block of a kind that holds a word."""
    blocks = re.findall(
        rf"^```{kind}\n(.*?)^```", README.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    (block,) = [b for b in blocks if word in b]
    return str(block)


def automations() -> list[dict[str, Any]]:
    yaml = pytest.importorskip("yaml", reason="pyyaml is not installed")
    loaded: list[dict[str, Any]] = yaml.safe_load(readme_block("yaml", "triggers:"))
    return loaded


def entity_ids(value: Any) -> set[str]:
    """Every entity named anywhere in an automation."""
    if isinstance(value, dict):
        named = value.get("entity_id", [])
        return set([named] if isinstance(named, str) else named).union(
            *(entity_ids(v) for v in value.values())
        )
    return set().union(*(entity_ids(v) for v in value)) if isinstance(value, list) else set()


def test_the_readmes_automations_name_entities_that_there_are() -> None:
    zones = tuple(
        convert(z, ZoneConfig) for z in tomllib.loads(readme_block("toml", "[[zones]]"))["zones"]
    )
    check_zones(zones)
    message = discovery_message(CONFIG, "livingroom", version="0.1.0", source="device", zones=zones)
    there = {
        f"{c['platform']}.{message['device']['name']} {c['name']}".lower().replace(" ", "_"): c
        for c in message["components"].values()
        if "name" in c
    }
    used = automations()
    assert [set(a) for a in used] == [{"alias", "triggers", "conditions", "actions"}] * 2
    ours = {e for e in entity_ids(used) if "pose_sensor" in e}
    assert len(ours) == 3
    assert ours <= there.keys()
    _, light = used
    assert (
        light["conditions"][1]["state"] in there["sensor.pose_sensor_livingroom_posture"]["options"]
    )
    assert light["conditions"][0]["state"] == "on"  # YAML's bare on is true


def test_the_readme_lists_every_entity_and_trigger() -> None:
    text = README.read_text(encoding="utf-8")
    assert entity_table() in text, "put there what `entity_table()` returns"
    assert trigger_names() in text


def check_with_home_assistant(message: Message | list[dict[str, Any]]) -> str:
    done = finished([HOME_ASSISTANT_PYTHON, HOME_ASSISTANT_SCHEMAS], input=json.dumps(message))
    assert done.returncode in (0, 1), done.stderr
    return done.stdout.strip()


@pytest.mark.slow
@needs_home_assistant
def test_home_assistant_takes_the_readmes_automations_and_is_not_blind() -> None:
    used = automations()
    assert check_with_home_assistant(used) == ""
    for part, wrong in (
        ("triggers", {"trigger": "state"}),
        ("conditions", {"condition": "state"}),
        ("actions", {"actoin": "a.b"}),
    ):
        assert used[0]["alias"] in check_with_home_assistant([used[0] | {part: [wrong]}])


@pytest.mark.slow
@needs_home_assistant
def test_the_readmes_light_follows_the_number_of_people_in_home_assistants_core() -> None:
    light = automations()[0]
    (entity,) = {e for e in entity_ids(light) if e.startswith("sensor.")}
    states = ["0", "1", "2", "3", "5", "unknown", "1", "unavailable", "0"]
    told = json.loads(
        check_with_home_assistant(
            {"run": light, "entity": entity, "states": states, "action": "light.turn_on"}
        )
    )
    brightness = [[data["brightness_pct"] for data in step] for step in told]
    assert brightness == [[0], [40], [70], [100], [100], [], [40], [], [0]]


@pytest.mark.slow
@needs_home_assistant
def test_home_assistants_own_schemas_take_it_and_are_not_blind() -> None:
    assert check_with_home_assistant(announcement()) == ""
    assert check_with_home_assistant(announcement(source="simulated")) == ""
    assert check_with_home_assistant(removing(announcement(zones=()), encode(announcement()))) == ""
    broken = announcement()
    broken["components"]["distance"]["device_class"] = "remoteness"
    broken["components"]["people"].pop("unique_id")
    broken.pop("origin")
    complaints = check_with_home_assistant(broken)
    assert "origin" in complaints or "unique_id" in complaints
    assert "remoteness" in complaints or "distance" in complaints
