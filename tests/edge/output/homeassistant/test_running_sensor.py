"""A sensor that replays a session, in a running Home Assistant: its entities and its commands."""

import time
from collections.abc import Iterator

import pytest

from edge.core.config import ZoneConfig
from edge.output.homeassistant.discovery import entities
from tests.support.broker.mosquitto import Mosquitto, needs_mosquitto
from tests.support.homeassistant.core import HomeAssistant, HomeAssistantError, needs_home_assistant
from tests.support.homeassistant.replay import DEVICE, PREFIX, ZONES, Replay
from tests.support.waiting import until

pytestmark = [pytest.mark.slow, needs_home_assistant, needs_mosquitto]

ANSWER = f"sensor.{PREFIX}_last_answer"
ROWS_A_MINUTE, MEASURED_S = 60, 90.0


@pytest.fixture(scope="module")
def sensor(
    tmp_path_factory: pytest.TempPathFactory, broker: Mosquitto, home: HomeAssistant
) -> Iterator[Replay]:
    with Replay(tmp_path_factory.mktemp("sensor"), broker.port) as running:
        home.wait(f"binary_sensor.{PREFIX}_occupancy", "on")
        yield running


def answered(home: HomeAssistant, command: str, words: str, ok: bool = True) -> None:
    """Wait until the sensor's answer to this command holds these words."""

    def there() -> bool:
        state = home.state(ANSWER)
        return (
            state is not None
            and state["attributes"].get("command") == command
            and state["attributes"]["ok"] is ok
            and words in state["state"]
        )

    assert until(there), home.state(ANSWER)


@pytest.mark.usefixtures("sensor")
def test_every_entity_of_the_table_is_there_by_its_name(home: HomeAssistant) -> None:
    found = home.entities(DEVICE)
    by_name = {entity["original_name"]: entity for entity in found.values()}
    wanted = {
        e.component["name"]: e.component for _, _, e in entities([ZoneConfig(z, ()) for z in ZONES])
    }
    assert by_name.keys() == wanted.keys()
    for name, component in wanted.items():
        assert by_name[name]["entity_category"] == component.get("entity_category"), name
        on = by_name[name]["disabled_by"] is None
        assert on == component.get("enabled_by_default", True), name
    # What the sensor tells at once is known.
    for name in ("condition", "loudspeaker"):
        home.wait(f"sensor.{PREFIX}_{name}", but=("unknown", "unavailable"))
    for name in ("camera", "sound"):
        home.wait(f"binary_sensor.{PREFIX}_{name}_problem", "off")
    home.wait(f"update.{PREFIX}_program", "off")
    unclear = {e: s["state"] for e, s in home.states().items() if PREFIX in e}
    assert "unavailable" not in unclear.values(), unclear


def test_the_device_has_its_page_serial_and_triggers(home: HomeAssistant, sensor: Replay) -> None:
    (device,) = (d for d in home.devices() if d["name"] == DEVICE)
    assert device["configuration_url"].endswith(f":{sensor.page}/")
    assert device["serial_number"]
    assert "recorded" in device["model"] or "simulated" in device["model"]
    found = home.ask("device_automation/trigger/list", device_id=device["id"])
    kinds = {(t["type"], t.get("subtype")) for t in found if t["domain"] == "mqtt"}
    assert kinds == {
        *((kind, "room") for kind in ("person_entered", "person_left", "fall", "fall_cleared")),
        *((kind, zone) for kind in ("zone_entered", "zone_left") for zone in ZONES),
    }


@pytest.mark.usefixtures("sensor")
def test_a_device_trigger_starts_an_automation(home: HomeAssistant) -> None:
    (device,) = (d for d in home.devices() if d["name"] == DEVICE)
    trigger = {
        "trigger": "device", "domain": "mqtt", "device_id": device["id"],
        "type": "zone_entered", "subtype": "Beam",
    }  # fmt: skip
    notify = {
        "action": "persistent_notification.create",
        "data": {"notification_id": "entered", "message": "{{ trigger.payload_json.sequence }}"},
    }
    home.add_automation("entered", triggers=[trigger], actions=[notify])
    assert until(lambda: home.ask("persistent_notification/get"))
    (shown,) = home.ask("persistent_notification/get")
    assert int(shown["message"]) > 0


@pytest.mark.usefixtures("sensor")
def test_commands_are_answered_by_states_and_in_words(home: HomeAssistant) -> None:
    home.call("switch.turn_on", f"switch.{PREFIX}_mute")
    home.wait(f"switch.{PREFIX}_mute", "on")
    home.wait(f"sensor.{PREFIX}_loudspeaker", "mute")
    answered(home, "mute", "the loudspeaker is mute")
    assert "the loudspeaker is mute" in home.wait(
        f"sensor.{PREFIX}_condition", but=("unknown", "well", "the empty room is not learned yet")
    )["state"]  # fmt: skip
    home.call("switch.turn_off", f"switch.{PREFIX}_mute")
    home.wait(f"switch.{PREFIX}_mute", "off")

    home.call("number.set_value", f"number.{PREFIX}_loudness_budget", value=41)
    home.wait(f"number.{PREFIX}_loudness_budget", "41", "41.0")
    home.wait(f"select.{PREFIX}_loudness", "custom")
    answered(home, "budget", "at most 41 dB(A) on average, 61 at once")
    home.call("select.select_option", f"select.{PREFIX}_loudness", option="discreet")
    home.wait(f"number.{PREFIX}_loudness_budget", "35", "35.0")
    home.call("select.select_option", f"select.{PREFIX}_loudness", option="custom")
    answered(home, "loudness", "not configured", ok=False)
    home.wait(f"select.{PREFIX}_loudness", "discreet")

    home.call("text.set_value", f"text.{PREFIX}_quiet_hours", value="22:15-06:30")
    home.wait(f"text.{PREFIX}_quiet_hours", "22:15-06:30")
    with pytest.raises(HomeAssistantError):
        home.call("text.set_value", f"text.{PREFIX}_quiet_hours", value="late")
    home.call("text.set_value", f"text.{PREFIX}_quiet_hours", value="07:00-07:00")
    answered(home, "quiet_hours", "two different times", ok=False)
    home.call("text.set_value", f"text.{PREFIX}_quiet_hours", value="off")
    home.wait(f"text.{PREFIX}_quiet_hours", "off")

    home.call("switch.turn_off", f"switch.{PREFIX}_sensing")
    occupancy = home.wait(f"binary_sensor.{PREFIX}_occupancy", "unknown")
    assert occupancy["attributes"]["unknown_because"] == "sensing is off"
    home.wait(f"sensor.{PREFIX}_condition", "sensing is off")
    home.call("switch.turn_on", f"switch.{PREFIX}_sensing")
    home.wait(f"binary_sensor.{PREFIX}_occupancy", "on")
    home.call("button.press", f"button.{PREFIX}_learn_the_empty_room")
    answered(home, "recalibrate", "the empty room is forgotten")


@pytest.mark.usefixtures("sensor")
def test_the_recorder_keeps_little_of_two_people_who_move(home: HomeAssistant) -> None:
    began_s = time.time()
    time.sleep(MEASURED_S)  # it is a rate
    found = home.rows(began_s).items()
    rows = dict(sorted(((e, n) for e, n in found if PREFIX in e), key=lambda x: -x[1]))
    print(f"{60 * sum(rows.values()) / MEASURED_S:.0f} rows a minute: {rows}")
    assert sum(rows.values()) <= ROWS_A_MINUTE * MEASURED_S / 60


@pytest.mark.usefixtures("sensor")
def test_everybodys_positions_are_there_once_turned_on(home: HomeAssistant) -> None:
    entity = f"sensor.{PREFIX}_positions"
    assert home.value(entity) is None
    home.ask("config/entity_registry/update", entity_id=entity, disabled_by=None)
    # Home Assistant adds it by itself half a minute later.
    people = home.wait(entity, "1", "2")["attributes"]["people"]
    assert {"id", "floor_m", "mid_hip_distance_m", "posture", "zones"} == people[0].keys()


def test_restart_and_reload_come_back_with_their_settings(
    home: HomeAssistant, sensor: Replay
) -> None:
    home.call("number.set_value", f"number.{PREFIX}_loudness_budget", value=42)
    home.wait(f"number.{PREFIX}_loudness_budget", "42", "42.0")
    for name, words in (("reload", "starting over with it"), ("restart", "starts again")):
        home.call("button.press", f"button.{PREFIX}_{name}")
        answered(home, name, words)
        home.wait(f"binary_sensor.{PREFIX}_occupancy", "unavailable", "unknown")
        home.wait(f"binary_sensor.{PREFIX}_occupancy", "on")
        home.wait(f"number.{PREFIX}_loudness_budget", "42", "42.0")
        assert sensor.process.poll() is None, "the same process id goes on"


def test_forget_is_refused_while_it_runs_and_then_leaves_no_entity(
    home: HomeAssistant, sensor: Replay
) -> None:
    refused = sensor.forget()
    assert refused.returncode == 2
    assert "hall is online" in refused.stderr
    assert home.entities(DEVICE)
    sensor.stop()
    home.wait(f"binary_sensor.{PREFIX}_occupancy", "unavailable")
    assert sensor.forget().returncode == 0
    assert until(lambda: not home.entities(DEVICE))
    assert until(lambda: not [e for e in home.states() if PREFIX in e])
    assert DEVICE not in [d["name"] for d in home.devices()]
