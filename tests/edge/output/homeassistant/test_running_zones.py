"""Zones that are changed on the page of a running sensor, in a running Home Assistant."""

import time

import pytest

from tests.support.broker.mosquitto import Mosquitto, needs_mosquitto
from tests.support.browser.page_requests import ask
from tests.support.homeassistant.core import HomeAssistant, needs_home_assistant
from tests.support.homeassistant.replay import DEVICE, PASSWORD, PREFIX, ZONES, Replay
from tests.support.waiting import until

pytestmark = [pytest.mark.slow, needs_home_assistant, needs_mosquitto]

FOLLOW_S = 2.0
FLOOR = [[-4.0, 0.0], [4.0, 0.0], [4.0, 8.0], [-4.0, 8.0]]  # with everybody on it
CORNER = [[-9.0, 9.0], [-8.0, 9.0], [-8.0, 9.5]]  # with nobody


class Page:
    """Somebody signed in on a sensor's page: sends what it sends."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._cookie = ask(port, "POST", "/access/sign_in", {"secret": PASSWORD}).cookie
        assert self._cookie

    def change(self, old: str | None, new: str | None, corners: list[list[float]]) -> None:
        """Draw, rename or remove a zone."""
        version = ask(self._port, "GET", "/zones.json").content["version"]
        zone = None if new is None else {"name": new, "polygon": corners}
        edit = {"version": version, "old": old, "new": zone}
        answer = ask(self._port, "POST", "/zones", edit, Cookie=self._cookie)
        assert answer.status == 200, answer


def occupancy(zone: str) -> str:
    return f"binary_sensor.{PREFIX}_{zone}_occupancy"


def of_zones(home: HomeAssistant) -> set[str]:
    """Names of the zones that have entities, a trigger for coming and one for leaving."""
    entities = {e["original_name"] for e in home.entities(DEVICE).values()}
    device = next(d["id"] for d in home.devices() if d["name"] == DEVICE)
    triggers = home.ask("device_automation/trigger/list", device_id=device)
    found = {(t["type"], t["subtype"]) for t in triggers if t["domain"] == "mqtt"}
    named = {zone for kind, zone in found if kind == "zone_entered"}
    assert named == {zone for kind, zone in found if kind == "zone_left"}
    return {zone for zone in named if {f"{zone} occupancy", f"{zone} people"} <= entities}


def test_entities_follow_zones_that_are_changed_while_it_runs(
    tmp_path_factory: pytest.TempPathFactory, broker: Mosquitto, home: HomeAssistant
) -> None:
    with Replay(tmp_path_factory.mktemp("sensor"), broker.port) as sensor:
        home.wait(f"binary_sensor.{PREFIX}_occupancy", "on")
        assert until(lambda: of_zones(home) == {*ZONES})
        page = Page(sensor.page)
        took = []

        def changes(old: str | None, new: str | None, corners: list[list[float]]) -> None:
            """Changes it, and waits until Home Assistant knows: entities, and what they show."""
            began = time.monotonic()
            page.change(old, new, corners)
            wanted = {*ZONES, *([] if new is None else [new])}
            states = {
                occupancy("floor"): {"Floor": "on"}.get(new or ""),
                occupancy("ecke_nord"): {"Ecke Nord": "off"}.get(new or ""),
            }
            assert until(lambda: {e: home.value(e) for e in states} == states), home.states()
            took.append(time.monotonic() - began)
            assert until(lambda: of_zones(home) == wanted), of_zones(home)
            shown = round(took[-1], 2), round(time.monotonic() - began, 2)
            print(f"{old} -> {new}: states {shown[0]} s, with the registry {shown[1]} s")

        changes(None, "Floor", FLOOR)
        home.wait(f"sensor.{PREFIX}_floor_people", "1", "2")
        changes("Floor", "Ecke Nord", CORNER)
        home.wait(f"sensor.{PREFIX}_ecke_nord_people", "0")
        changes("Ecke Nord", "Floor", FLOOR)
        changes("Floor", None, [])
        assert sensor.process.poll() is None, "the same process"
        assert home.value(occupancy("beam")) in ("on", "off")
    assert min(took) < FOLLOW_S  # on a machine that does nothing else each of them
