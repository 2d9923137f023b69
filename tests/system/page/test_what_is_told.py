"""Zones, events and the sound's cost on the live page."""

import time
from dataclasses import replace

import pytest

from tests.support.broker.mosquitto import Mosquitto, needs_mosquitto
from tests.support.messages import a_person, problems

pytest.importorskip(
    "websockets", reason="websockets is not installed; pip install 'posekernel[test]' brings it"
)
from tests.support.browser.chromium import Chromium, Page, needs_chromium
from tests.support.browser.page_sensor import LIVE, Sensor, a_pose, an_event, sensing, swaying

pytestmark = [pytest.mark.once, needs_chromium]


@needs_mosquitto
def test_zones_events_and_falls_are_shown(hall: tuple[Sensor, Page]) -> None:
    sensor, page = hall

    def events() -> list[str]:
        return str(
            page.js(
                "[...document.querySelectorAll('#event-list span')].map(e => "
                "e.textContent).join('|')"
            )
        ).split("|")

    # The floor of an occupied zone has the zone's colour, seen from above.
    page.js("document.querySelector('[data-view=top]').click()")
    tint = (
        "(() => { const p = posekernel.room.orbit.project([0.9, 2.6, 0]);"
        " const c = document.querySelector('#room').getContext('2d');"
        " if (!p) return null; const [r, g] = c.getImageData(Math.round(p.x), Math.round(p.y), 1, "
        "1).data; return r - g; })()"
    )
    page.wait(f"posekernel.room.orbit.up?.[1] > 0.99 && {tint} > 10")
    sensor.publisher.publish_event(an_event("zone_entered", "sofa"))
    sensor.publisher.publish_event(fall := an_event("fall"))
    page.wait("!document.querySelector('#fall').hidden")
    assert page.text("#fall").startswith("Person 1 fell at ")
    sensor.publisher.publish_stream("event", fall)  # at least once may be twice
    sensor.publisher.publish_event(an_event("fall", person=2))
    page.wait("document.querySelector('#fall').textContent.includes('Person 2 fell')")
    sensor.publisher.publish_event(an_event("fall_cleared"))
    page.wait("!document.querySelector('#fall').textContent.includes('Person 1 fell')")
    assert page.text("#fall").startswith("Person 2 fell at ")
    sensor.publisher.publish_event(an_event("fall_cleared", person=2))
    page.wait("document.querySelector('#fall').hidden")
    page.wait("document.querySelectorAll('#event-list li').length === 5")
    assert events() == [
        "Person 2 is up again", "Person 1 is up again", "Person 2 fell", "Person 1 fell",
        "Person 1 entered sofa",
    ]  # fmt: skip
    for k in range(8):
        sensor.publisher.publish_event(an_event("zone_left", f"<b>{k}</b>"))
    page.wait(
        "document.querySelector('#event-list span')?.textContent === 'Person 1 left <b>7</b>'"
    )  # text, not markup
    assert len(events()) == 6
    assert page.complaints() == []


NAMES = (
    "Spielecke neben dem grossen Buecherregal",
    "x" * 40,
    "寝室のとなりの廊下と玄関のあいだにある小さな物置とその奥の部屋",
    "غرفة المعيشة بجانب المطبخ",
    "👨\u200d👩\u200d👧 Кухня 🛋️",
)


@needs_mosquitto
@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844), (320, 568)])
def test_names_of_any_length_and_script_stay_on_the_screen(
    hall: tuple[Sensor, Page], browser: Chromium, width: int, height: int
) -> None:
    sensor, _ = hall
    sensor.paused.set()
    with browser.open(sensor.url, width=width, height=height, mobile=width < 800) as page:
        page.wait("posekernel.state.connection === 'connected'")
        there = replace(a_person().activity, zones=NAMES)
        message = a_pose(1, time.monotonic_ns(), replace(swaying(1), activity=there))
        for name in NAMES:
            sensor.publisher.publish_event(an_event("zone_entered", name))
        for _ in range(600):
            sensor.publisher.publish_pose(message)
            if page.js("document.querySelectorAll('.zones bdi').length") == len(NAMES):
                break
            time.sleep(0.1)
        page.wait(f"document.querySelectorAll('#event-list bdi').length >= {len(NAMES)}")
        shown = page.js("[...document.querySelectorAll('.zones bdi')].map(e => e.textContent)")
        assert tuple(shown) == NAMES
        assert page.js("document.documentElement.scrollWidth") <= width
        for selector in (".zones", ".zones bdi", "#event-list span", "dd"):
            edges = page.js(
                f"[...document.querySelectorAll('{selector}')].map(e => e.getBoundingClientRect())"
                ".flatMap(r => [r.left, r.right])"
            )
            assert 0 <= min(edges) <= max(edges) <= width, selector
        # Nothing of a name is cut off.
        cut = "e => e.scrollWidth > e.clientWidth + 1"
        assert not page.js(f"[document.querySelector('.person')].some({cut})")
        assert page.complaints() == []


@needs_mosquitto
def test_silence_and_recording_are_shown(browser: Chromium, broker: Mosquitto) -> None:
    control = {
        "schema": "posekernel.control/1", "id": "hall", "timestamp": "2026-01-01T00:00:00.000Z",
        "sensing": True, "mute": False,
        "level_dbfs": -20.0, "loudness": "discreet", "budget_dba": 35.0, "peak_dba": 55.0,
        "quiet_hours": None, "speaker": "on", "silent_because": None,
    }  # fmt: skip
    with sensing(broker, recording=True) as sensor, browser.open(sensor.url) as page:
        page.wait(LIVE)
        page.wait("!document.querySelector('#recording').hidden")
        assert page.text("#recording") == "Recording image and sound"
        red, green, _ = page.js(
            "getComputedStyle(document.querySelector('#recording')).color.match(/\\d+/g).map(Number)"
        )
        assert red > green + 80
        assert page.js("document.querySelector('#sound').hidden")
        hours = {"from": "22:00", "to": "07:00"}
        for change, words in (
            ({"mute": True, "silent_because": "mute"}, "Muted"),
            ({"loudness": "silent", "silent_because": "silent mode"}, "Silent mode"),
            ({"quiet_hours": hours, "silent_because": "quiet hours"}, "Quiet hours until 07:00"),
        ):
            message = control | change | {"speaker": "off"}
            assert problems("control", message) == []
            sensor.publisher.publish_retained("control", message)
            page.wait(f"document.querySelector('#sound').textContent === '{words}'")
        sensor.paused.set()
        off = control | {"sensing": False, "speaker": "off", "silent_because": "sensing off"}
        sensor.publisher.publish_retained("control", off)
        page.wait("document.querySelector('#empty').textContent === 'Sensing is off'")
        page.wait("document.querySelector('#connection-text').textContent === 'Sensing off'")
        sensor.publisher.publish_retained("control", control)
        page.wait("document.querySelector('#connection-text').textContent === 'Live'")
        assert page.js("document.querySelector('#sound').hidden")
        assert page.complaints() == []


@needs_mosquitto
def test_what_the_sound_costs_is_shown(browser: Chromium, broker: Mosquitto) -> None:
    sound = {
        "average_dba": 33.4, "peak_dba": 54.6, "seconds": 0.62, "loudness_from": "measured",
        "sigma_db": 1.2,
        "ambient": {"dba": 36.2, "unit": "dB SPL", "bands_hz": [1000.0], "bands_db": [20.0]},
    }  # fmt: skip
    guessed = sound | {"loudness_from": "nominal", "ambient": None}
    nothing = sound | {"average_dba": None, "peak_dba": None, "seconds": 0.0}
    shown = "['loudness', 'loudest', 'ambient'].map(i => document.getElementById(i).textContent)"
    with sensing(broker) as sensor, browser.open(sensor.url) as page:
        page.wait(LIVE)
        for entry, texts in (
            (sound, ["33 dB(A), 0.6 s", "55 dB(A)", "36 dB(A)"]),
            (guessed, ["about 33 dB(A), 0.6 s", "about 55 dB(A)", "–"]),
            (nothing, ["none", "none", "36 dB(A)"]),
        ):
            sensor.publisher.publish_stream("telemetry", {"sound": entry})
            page.wait(f"{shown}.join() === '{','.join(texts)}'")
        assert page.complaints() == []
