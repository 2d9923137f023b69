"""Checks a device announcement, or automations, with Home Assistant's own schemas; run by an
interpreter that has `homeassistant`, not by ours.

stdin: the announcement, or a list of automations, as JSON. Prints one line per complaint; exit code
1 when there was any.
"""

import importlib
import json
import sys


def main() -> int:
    given = json.load(sys.stdin)
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


if __name__ == "__main__":
    sys.exit(main())
