"""A running sensor whose zones are drawn on its page, by mouse and keys, and what others hear."""

import json
import subprocess
import sys
import threading
import time
import tomllib
from pathlib import Path
from typing import Any, Self

from edge.sources.session.reader import DEMO_SESSION
from tests.support import ROOT
from tests.support.broker.mosquitto import Mosquitto
from tests.support.broker.subscriber import Subscriber
from tests.support.browser.chromium import Page
from tests.support.waiting import LIMIT_S, until

CONFIG = """\
# The hall, by the front door.
device = {{ id = "hall" }}
source = {{ kind = "replay", path = "{session}", loop = true }}
runtime = {{ state_dir = "{state}" }}

# The broker of the house.
[mqtt]
host = "127.0.0.1"
port = {port}   # not the usual one

[web]
enabled = true
port = 0
websocket_url = "ws://127.0.0.1:{websocket_port}/"

# Zones.
[[zones]]
name = "Door"   # to the garden
polygon = [[1.5, 1.0], [2.5, 1.0], [2.5, 2.0]]
"""
DISCOVERY = "homeassistant/device/posekernel_hall/config"
SUMMARY = "posekernel/hall/summary"


class RunningSensor:
    """`posekernel run` on the session of the demo. address: of its page. codes: printed so far."""

    def __init__(self, folder: Path, broker: Mosquitto) -> None:
        self.file = folder / "config.toml"
        self.file.write_text(
            CONFIG.format(
                session=DEMO_SESSION,
                state=folder / "state",
                port=broker.port,
                websocket_port=broker.websocket_port,
            )
        )
        self.lines: list[str] = []
        command = [sys.executable, "-m", "edge", "run", "--json", "--config", str(self.file)]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line)

    def __enter__(self) -> Self:
        until(lambda: self._after("page: ") or self.process.poll() is not None)
        if not self._after("page: "):
            self.__exit__()
            raise AssertionError(self.lines)
        self.address = self._after("page: ")[-1]
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(LIMIT_S)
        self._reader.join()

    def _after(self, start: str) -> list[str]:
        return [s.removeprefix(start).strip() for s in list(self.lines) if s.startswith(start)]

    @property
    def codes(self) -> list[str]:
        return self._after("code for the page: ")

    @property
    def kept(self) -> dict[str, list[list[float]]]:
        """The zones in the file."""
        zones = tomllib.loads(self.file.read_text()).get("zones", [])
        return {zone["name"]: zone["polygon"] for zone in zones}


class Heard:
    """What Home Assistant and automations know by now."""

    def __init__(self, subscriber: Subscriber) -> None:
        self._subscriber = subscriber
        self.components: dict[str, Any] = {}
        self.zones: set[str] = set()

    def within(self, named: set[str], entities: set[str]) -> float:
        """Seconds until the summary counts in just these zones, and these entities exist."""
        began = time.monotonic()
        assert until(lambda: self._look() == (named, entities)), self._look()
        return time.monotonic() - began

    def _look(self) -> tuple[set[str], set[str]]:
        while not self._subscriber.messages.empty():
            topic, payload, _ = self._subscriber.messages.get()
            if topic == DISCOVERY:
                self.components = json.loads(payload)["components"]
            if topic == SUMMARY:
                self.zones = {zone["name"] for zone in json.loads(payload)["zones"] or []}
        alive = {key for key, component in self.components.items() if "unique_id" in component}
        return self.zones, {k.removeprefix("zone_") for k in alive if k.startswith("zone_")}


def type_text(page: Page, text: str) -> None:
    """As from a keyboard, into whatever has the focus."""
    page.call("Input.insertText", text=text)


def keys(page: Page, *names: str) -> None:
    for key in names:
        page.press(key)


def tab_to(page: Page, condition: str) -> None:
    """Press Tab until the focused element, `e`, is the one."""
    for _ in range(60):
        if page.js(f"(e => {condition})(document.activeElement)"):
            return
        page.press("Tab")
    raise AssertionError(f"Tab does not come to {condition}; the page says {page.text('body')}")


def plan_point(page: Page, x_m: float, y_m: float) -> tuple[float, float]:
    """Where a place of the room is in the window."""
    x, y = page.js(
        "(() => { const plan = posekernel.zones.plan, box = plan.svg.getBoundingClientRect();"
        f" return [box.left + plan.origin[0] + plan.scale * {x_m},"
        f" box.top + plan.origin[1] - plan.scale * {y_m}]; }})()"
    )
    return float(x), float(y)


def sign_in(page: Page, sensor: RunningSensor) -> None:
    """With the keyboard; a page that is signed in is not asked."""
    page.call("Page.bringToFront")  # no key reaches a tab behind another
    before = len(sensor.codes)
    page.wait("!document.getElementById('zones-open').hidden")
    tab_to(page, "e.id === 'zones-open'")
    page.press("Enter")
    page.wait("document.getElementById('access').open || !document.getElementById('zones').hidden")
    if page.js("document.getElementById('access').open"):
        while len(sensor.codes) == before:  # one that was printed a moment ago is not printed again
            page.js("document.getElementById('access-code').click()")
            time.sleep(0.5)
        page.js("document.getElementById('secret').focus()")
        type_text(page, sensor.codes[-1].lower())
        page.press("Enter")
    page.wait("!document.getElementById('zones').hidden")


def saved(page: Page) -> None:
    page.wait("!document.getElementById('zones-kept').hidden")
