"""Checks a device announcement, or automations, with Home Assistant's own schemas, or runs an
automation, also one of a blueprint, in its core; run by an interpreter that has `homeassistant`,
not by ours.

stdin: the announcement, or a list of automations, as JSON. Prints one line per complaint; exit code
1 when there was any. Or {"run": automation, "entity": id, "states": [...], "action": "light.x"}:
prints as JSON for each of these states of the entity the list of data that the actions got; with
"also": ids of others, and "blueprints": {path: text}, which the automation may use.
"""

import asyncio
import importlib
import json
import sys
import tempfile
from pathlib import Path


def main() -> int:
    given = json.load(sys.stdin)
    if "run" in given:
        print(json.dumps(asyncio.run(actions_of(**given))))
        return 0
    complaints = (
        automation_complaints(given) if isinstance(given, list) else announcement_complaints(given)
    )
    print("\n".join(complaints))
    return int(bool(complaints))


def automation_complaints(automations):
    from homeassistant.components.automation.config import PLATFORM_SCHEMA
    from homeassistant.components.homeassistant.triggers.state import TRIGGER_STATE_SCHEMA

    complaints = []
    for automation in automations:
        name = automation.get("alias", "?")
        try:
            for trigger in PLATFORM_SCHEMA(automation)["triggers"]:
                TRIGGER_STATE_SCHEMA(trigger)
        except Exception as e:
            complaints.append(f"{name}: {e}")
    return complaints


def announcement_complaints(announcement):
    from homeassistant.components.mqtt.discovery import DEVICE_DISCOVERY_SCHEMA

    complaints = []
    try:
        DEVICE_DISCOVERY_SCHEMA(json.loads(json.dumps(announcement)))
    except Exception as e:
        complaints.append(f"device: {e}")
    shared = {
        key: announcement[key]
        for key in ("device", "availability", "state_topic", "qos")
        if key in announcement
    }
    for key, component in announcement.get("components", {}).items():
        if component.keys() == {"platform"}:
            continue  # it is removed, and Home Assistant asks no platform
        # Home Assistant hands each component what the device's level shares, and lets its platform
        # judge the whole.
        config = shared | component
        try:
            platform = importlib.import_module(
                f"homeassistant.components.mqtt.{config.pop('platform')}"
            )
            platform.DISCOVERY_SCHEMA(config)
        except Exception as e:
            complaints.append(f"{key}: {e}")
    return complaints


async def actions_of(run, entity, states, action, also=(), blueprints=None):
    from homeassistant import bootstrap, config_entries, core, loader
    from homeassistant.auth import auth_manager_from_config
    from homeassistant.setup import async_setup_component

    with tempfile.TemporaryDirectory() as folder:
        for path, text in (blueprints or {}).items():
            file = Path(folder) / "blueprints" / "automation" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        hass = core.HomeAssistant(folder)
        hass.config.skip_pip = True
        loader.async_setup(hass)
        hass.config_entries = config_entries.ConfigEntries(hass, {})
        await bootstrap.async_load_base_functionality(hass)
        hass.auth = await auth_manager_from_config(hass, [], [])
        done = []
        for name in (action, *also):
            hass.services.async_register(
                *name.split("."), lambda call: done.append({"action": call.service, **call.data})
            )
        assert await async_setup_component(hass, "automation", {"automation": [run]})
        await hass.async_start()
        told = []
        for state in states:
            hass.states.async_set(entity, state)
            await hass.async_block_till_done()
            told.append(done.copy())
            done.clear()
        await hass.async_stop(force=True)
        return told


if __name__ == "__main__":
    sys.exit(main())
