"""The live page and a broker that fails, hangs or asks who is there."""

import time
from pathlib import Path

import pytest

from edge.output.messages.attendance import RoomState
from edge.output.messages.payloads import summary_message
from tests.support.broker.mosquitto import Mosquitto, needs_mosquitto

pytest.importorskip(
    "websockets", reason="websockets is not installed; pip install 'posekernel[test]' brings it"
)
from tests.support.browser.chromium import Chromium, Page, needs_chromium
from tests.support.browser.page_sensor import LIVE, Sensor, sensing

pytestmark = [pytest.mark.once, needs_chromium]


@needs_mosquitto
def test_the_page_survives_a_broker_restart(hall: tuple[Sensor, Page], broker: Mosquitto) -> None:
    _, page = hall
    for end in (broker.kill, broker.stop):
        end()
        page.wait(
            "document.querySelector('#connection').dataset.state !== 'live' && "
            "posekernel.state.pose === null"
        )
        assert "Reconnecting" in page.text("#connection")
        assert page.js("document.querySelector('#person-list').hidden")
        before = page.js("posekernel.state.received")
        time.sleep(1.0)
        broker.start()
        page.wait(f"posekernel.state.received > {before} && {LIVE}")
        assert page.text("#connection") == "Live"
    allowed = (
        "WebSocket connection to",
        "ERR_CONNECTION_REFUSED",
    )  # Chromium's own words for a broker that is not there
    assert [c for c in page.complaints() if not any(a in c for a in allowed)] == []


@needs_mosquitto
def test_a_broker_that_hangs_is_noticed(hall: tuple[Sensor, Page], broker: Mosquitto) -> None:
    _, page = hall
    broker.freeze()
    try:
        page.wait("posekernel.state.pose === null")
        page.wait("document.querySelector('#connection').dataset.state !== 'live'")
    finally:
        broker.thaw()
    page.wait(LIVE)


@needs_mosquitto
def test_an_empty_room_and_a_stopped_sensor_look_different(hall: tuple[Sensor, Page]) -> None:
    sensor, page = hall
    sensor.paused.set()
    empty = summary_message("hall", RoomState(), source="simulated", utc_ns=time.time_ns())
    sensor.publisher.publish_retained("summary", empty)
    page.wait("posekernel.state.summary?.people === 0")
    page.wait("!document.querySelector('#empty').hidden")
    assert (page.text("#empty"), page.text("#connection"), page.text("#people")) == (
        "Nobody in view",
        "Live",
        "0",
    )
    assert page.js("posekernel.room.figures.size") == 0
    sensor.paused.clear()
    page.wait(LIVE)
    sensor.publisher.close()
    page.wait("posekernel.state.status?.state === 'offline'")
    assert page.text("#connection") == "Sensor offline (stopped)"
    page.wait("posekernel.state.pose === null")
    assert page.text("#empty") == "No poses"


@needs_mosquitto
def test_a_broker_with_passwords_asks_the_visitor(browser: Chromium, tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("corr3ct")
    with (
        Mosquitto(tmp_path / "locked", passwords={"hall": "corr3ct"}, websockets=True) as locked,
        sensing(locked, username="hall", password_file=str(secret)) as sensor,
        browser.open(sensor.url) as page,
    ):
        page.wait("document.querySelector('#login').open")
        for password in ("wrong", "corr3ct"):
            page.js("document.querySelector('#username').value = 'hall'")
            page.js(f"document.querySelector('#password').value = '{password}'")
            page.js("document.querySelector('#login button').click()")
            if password == "wrong":
                # Emptied when sent: open and empty, it asks again.
                page.wait(
                    "document.querySelector('#login').open && "
                    "document.querySelector('#password').value === ''"
                )
        page.wait(LIVE)
        kept = (
            "document.documentElement.outerHTML + "
            "JSON.stringify([localStorage, sessionStorage, document.cookie])"
        )
        assert "corr3ct" not in page.js(kept)
        assert page.js("document.querySelector('#password').value") == ""
