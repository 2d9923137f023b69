"""Zones are drawn in a real browser while a real sensor replays into a real broker."""

import json
import time
from collections.abc import Iterator

import pytest

from edge.core.config import load_config
from tests.support.broker.mosquitto import Mosquitto, needs_mosquitto
from tests.support.broker.subscriber import Subscriber
from tests.support.browser.page_requests import ask
from tests.support.waiting import LIMIT_S

pytest.importorskip(
    "websockets", reason="websockets is not installed; pip install 'posekernel[test]' brings it"
)
from tests.support.browser.chromium import Chromium, needs_chromium
from tests.support.browser.zones_page import (
    Heard,
    RunningSensor,
    keys,
    plan_point,
    saved,
    sign_in,
    tab_to,
    type_text,
)

pytestmark = [pytest.mark.once, needs_mosquitto, needs_chromium]

COMMENTS = [
    "# The hall, by",
    "# The broker of",
    "# not the usual one",
    "# Zones.",
    "# to the garden",
]
FOLLOW_S = 2.0  # within which everything follows
LONG = "長い名前の区域 " + "abcdefghij " * 3


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path_factory.mktemp("broker"), websockets=True) as b:
        yield b


@pytest.fixture(scope="module")
def sensor(tmp_path_factory: pytest.TempPathFactory, broker: Mosquitto) -> Iterator[RunningSensor]:
    with RunningSensor(tmp_path_factory.mktemp("sensor"), broker) as running:
        yield running


@pytest.fixture
def heard(broker: Mosquitto, sensor: RunningSensor) -> Iterator["Heard"]:
    with Subscriber(broker) as subscriber:
        yield Heard(subscriber)


def test_a_zone_is_drawn_dragged_renamed_and_removed_with_the_mouse(
    sensor: RunningSensor, browser: Chromium, heard: Heard
) -> None:
    heard.within({"Door"}, {"door"})
    with browser.open(sensor.address) as page:
        sign_in(page, sensor)
        page.js("document.getElementById('zone-new').click()")
        type_text(page, "Sofa")
        for x, y in ((-1.5, 2.5), (1.5, 2.5), (1.5, 4.5), (-1.5, 4.5)):
            point = plan_point(page, x, y)
            page.drag(point, point)
        page.js("document.getElementById('zone-save').click()")
        took = [heard.within({"Door", "Sofa"}, {"door", "sofa"})]
        saved(page)
        assert sensor.kept["Sofa"] == [
            [pytest.approx(x, abs=0.02), pytest.approx(y, abs=0.02)]
            for x, y in ((-1.5, 2.5), (1.5, 2.5), (1.5, 4.5), (-1.5, 4.5))
        ]
        page.wait("document.querySelector('#plan .person-mark') !== null")
        page.js("document.querySelector('[data-zone=Sofa]').click()")
        page.drag(plan_point(page, 1.5, 4.5), plan_point(page, 2.0, 5.0))
        page.js("document.getElementById('zone-name').select()")
        type_text(page, LONG)
        page.js("document.getElementById('zone-save').click()")
        name = LONG[:40].strip()
        saved(page)
        entity = next(z.key for z in load_config(sensor.file).zones if z.name == name)
        took.append(heard.within({"Door", name}, {"door", entity}))
        assert sensor.kept[name][2] == [pytest.approx(2.0, abs=0.02), pytest.approx(5.0, abs=0.02)]
        assert heard.components["zone_sofa"] == {"platform": "binary_sensor"}
        page.js(f"document.querySelector('[data-zone={json.dumps(name)}]').click()")
        for _ in range(2):
            page.js("document.getElementById('zone-delete').click()")
        took.append(heard.within({"Door"}, {"door"}))
        saved(page)
        assert sensor.kept == {"Door": [[1.5, 1.0], [2.5, 1.0], [2.5, 2.0]]}
        assert page.complaints() == []
    text = sensor.file.read_text()
    assert [comment for comment in COMMENTS if comment not in text] == []
    assert min(took) < FOLLOW_S


@pytest.mark.parametrize(("width", "height", "mobile"), [(1280, 800, False), (390, 844, True)])
def test_a_zone_is_drawn_renamed_and_removed_with_the_keyboard_alone(
    sensor: RunningSensor, browser: Chromium, heard: Heard, width: int, height: int, mobile: bool
) -> None:
    heard.within({"Door"}, {"door"})
    before = sensor.file.read_text()
    with browser.open(sensor.address, width=width, height=height, mobile=mobile) as page:
        sign_in(page, sensor)
        assert (
            page.js("document.activeElement.dataset.zone ?? document.activeElement.id")
            == "zone-new"
        )
        page.press("Enter")
        page.wait("document.activeElement.id === 'zone-name'")
        type_text(page, "Läufer")
        tab_to(page, "e.id === 'plan'")
        page.press("Enter")
        keys(page, *["ArrowRight"] * 6, "Enter", *["ArrowUp"] * 7, "Enter")
        page.wait("document.querySelectorAll('#plan .handle').length === 3")
        tab_to(page, "e.dataset.corner === '0'")
        page.press("ArrowLeft")
        tab_to(page, "e.id === 'zone-save'")
        page.press("Enter")
        took = heard.within({"Door", "Läufer"}, {"door", "laufer"})
        saved(page)
        assert sensor.kept["Läufer"] == [[-0.1, 2.0], [0.6, 2.0], [0.6, 2.7]]
        page.wait("document.activeElement.dataset.zone === 'Läufer'")
        page.press("Enter")
        page.wait("document.activeElement.id === 'zone-name'")
        keys(page, "End")
        type_text(page, " 2")
        page.press("Enter")
        heard.within({"Door", "Läufer 2"}, {"door", "laufer_2"})
        saved(page)
        page.wait("document.activeElement.dataset.zone === 'Läufer 2'")
        page.press("Enter")
        tab_to(page, "e.id === 'zone-delete'")
        keys(page, "Enter", "Enter")
        heard.within({"Door"}, {"door"})
        saved(page)
        assert page.js("document.documentElement.scrollWidth <= innerWidth")
        tab_to(page, "e.id === 'zones-close'")
        page.press("Enter")
        page.wait("document.getElementById('zones').hidden")
        assert page.js("document.activeElement.id") == "zones-open"
        assert page.complaints() == []
    assert sensor.file.read_text() == before
    assert took < LIMIT_S


def test_what_is_wrong_is_a_sentence_on_the_page(sensor: RunningSensor, browser: Chromium) -> None:
    before = sensor.file.read_text()
    with browser.open(sensor.address) as page:
        sign_in(page, sensor)
        page.js("document.getElementById('zone-new').click()")
        type_text(page, "door!")
        for x, y in ((-1.0, 2.0), (1.0, 4.0), (1.0, 2.0), (-1.0, 4.0)):
            point = plan_point(page, x, y)
            page.drag(point, point)
        told = "document.getElementById('zones-problem').innerText"
        page.js("document.getElementById('zone-save').click()")
        page.wait(f"{told}.includes('too much like')")
        page.js("document.getElementById('zone-name').value = 'Bed'")
        page.js("document.getElementById('zone-save').click()")
        page.wait(f"{told}.includes('cross')")
        assert page.js("document.querySelectorAll('#plan .handle').length") == 4  # nothing is lost
    assert sensor.file.read_text() == before


def test_two_browsers_see_each_others_zones(
    sensor: RunningSensor, browser: Chromium, heard: Heard
) -> None:
    with browser.open(sensor.address) as one, browser.open(sensor.address) as other:
        for page in (one, other):
            sign_in(page, sensor)
        one.js("document.querySelector('[data-zone=Door]').click()")
        other.js("document.querySelector('[data-zone=Door]').click()")
        for page, new in ((one, "Gate"), (other, "Porch")):
            page.js(f"document.getElementById('zone-name').value = '{new}'")
        one.js("document.getElementById('zone-save').click()")
        saved(one)
        other.js("document.getElementById('zone-save').click()")
        other.wait("document.getElementById('zones-problem').innerText.includes('meanwhile')")
        heard.within({"Gate"}, {"gate"})
        other.js("document.getElementById('zone-cancel').click()")
        other.wait("document.querySelector('[data-zone=Gate]') !== null")
        other.js("document.querySelector('[data-zone=Gate]').click()")
        other.js("document.getElementById('zone-name').value = 'Door'")
        other.js("document.getElementById('zone-save').click()")
        heard.within({"Door"}, {"door"})
        one.call("Page.bringToFront")  # a page that nobody sees does not ask
        one.wait("document.querySelector('[data-zone=Door]') !== null")  # by itself


def test_who_has_no_code_changes_nothing(sensor: RunningSensor, browser: Chromium) -> None:
    """Another origin, a code again, brute force at ten a second."""
    before = sensor.file.read_text()
    with browser.open(sensor.address) as page:
        sign_in(page, sensor)
        used = sensor.codes[-1]
        version = page.js("posekernel.zones.version")
    edit = {"version": version, "old": "Door", "new": None}
    port = int(sensor.address.rstrip("/").rpartition(":")[2])

    def told(path: str, content: object, **headers: str) -> int:
        return ask(port, "POST", path, content, **headers).status

    assert told("/zones", edit) == 401
    assert told("/zones", edit, Cookie=f"posekernel-{port}=guessed") == 401
    assert told("/access/sign_in", {"secret": used}) == 403
    assert told("/access/sign_in", {"secret": used}, Origin="http://evil.example") == 403
    assert told("/zones", edit, Host=f"evil.example:{port}") == 421
    other = f"http://localhost:{port}/"  # the same sensor, but for a browser another origin
    with browser.open(other) as page:
        options = {"method": "POST", "credentials": "include", "mode": "no-cors"}
        request = json.dumps(options | {"body": json.dumps(edit)})
        found = page.js(
            f"fetch('{sensor.address}zones', {request}).then(a => a.type, e => 'refused')"
        )
        assert found in ("opaque", "refused")
    statuses = []
    for k in range(30):
        statuses.append(told("/access/sign_in", {"secret": f"2222-22{k:02}"}))
        time.sleep(0.1)
    assert statuses.count(403) <= 4
    assert statuses[-1] == 429
    assert sensor.file.read_text() == before
