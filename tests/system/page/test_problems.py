"""What is wrong with the sensor stands on its page, with what to do about it."""

from dataclasses import asdict, replace

import pytest

from edge.behaviour.mounting.camera_height import CameraHeight
from edge.core.contracts import Problem
from edge.output.messages.device_messages import HealthMessage, ProblemEntry
from edge.output.messages.fields import Message
from tests.support.bodies import HANGS_M, hung_camera
from tests.support.broker.mosquitto import Mosquitto, needs_mosquitto
from tests.support.messages import problems

pytest.importorskip(
    "websockets", reason="websockets is not installed; pip install 'posekernel[test]' brings it"
)
from tests.support.browser.chromium import Chromium, Page, needs_chromium
from tests.support.browser.page_sensor import LIVE, Sensor, sensing

pytestmark = [pytest.mark.once, needs_chromium, needs_mosquitto]

SIZES = [(1280, 800), (390, 844), (320, 568)]
SHOWN = "!document.querySelector('#problems').hidden"
DEAF = Problem(
    "sound",
    "microphone 2 (channel 3)",
    "deaf",
    "is deaf",
    "a broken or covered microphone",
    "check the cable",
)


def off_the_floor() -> Problem:
    told = CameraHeight(hung_camera(HANGS_M + 0.3))
    told.recall(0.3)
    assert told.problem is not None
    return told.problem


def health(*found: Problem) -> Message:
    message: Message = HealthMessage(
        id="hall",
        timestamp="2026-01-01T00:00:00.000Z",
        reasons=[p.what for p in found],
        problems=[ProblemEntry(**asdict(p)) for p in found],
        version="1.0",
        version_on_disk="1.0",
    ).as_message()
    assert problems("health", message) == []
    return message


def told(page: Page) -> list[str]:
    return list(
        page.js("[...document.querySelectorAll('#problem-list p')].map(p => p.textContent)")
    )


def test_problems_come_and_go_on_the_page(hall: tuple[Sensor, Page]) -> None:
    sensor, page = hall
    assert page.js("document.querySelector('#trouble').hidden")
    sensor.publisher.publish_retained("health", health(off_the_floor()))
    page.wait(SHOWN)
    assert page.text("#trouble") == "1 problem"
    assert told(page) == [
        "Camera sees people stand about 30 cm above the floor.",
        "Likely cause: its height of 1.80 m or its tilt of 10 degrees is wrong, or it was moved "
        "since; people on a platform look the same.",
        "What to do: measure its tilt, and its height above the floor that people walk on, again: "
        "posekernel setup --only mounting; their feet say about 1.50 m.",
    ]
    sensor.publisher.publish_retained("health", health(DEAF, off_the_floor()))
    page.wait("document.querySelector('#trouble').textContent === '2 problems'")
    assert told(page)[0] == "Microphone 2 (channel 3) is deaf."
    page.js("document.querySelector('#trouble a').click()")
    page.wait("document.activeElement.id === 'problems'")
    sensor.publisher.publish_retained("health", health())
    page.wait("document.querySelector('#problems').hidden")
    assert page.js("document.querySelector('#trouble').hidden")
    assert page.complaints() == []


def test_words_are_text_and_an_older_sensor_tells_none(hall: tuple[Sensor, Page]) -> None:
    sensor, page = hall
    sensor.publisher.publish_retained("health", health(replace(DEAF, found="<b>is</b> deaf")))
    page.wait(SHOWN)
    assert told(page)[0] == "Microphone 2 (channel 3) <b>is</b> deaf."
    sensor.publisher.publish_retained("health", {"schema": "posekernel.health/1", "id": "hall"})
    page.wait("document.querySelector('#problems').hidden")
    assert page.complaints() == []


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a_page_that_is_opened_later_tells_them_and_none_is_cut_off(
    hall: tuple[Sensor, Page], browser: Chromium, width: int, height: int
) -> None:
    sensor, _ = hall
    long = replace(DEAF, part="microphone " + "x" * 60)
    six = [off_the_floor(), DEAF, *[replace(long, found=f"is deaf {k}") for k in range(4)]]
    sensor.publisher.publish_retained("health", health(*six))
    with browser.open(sensor.url, width=width, height=height, mobile=width < 800) as page:
        page.wait(f"{LIVE} && {SHOWN}")
        assert len(told(page)) == 18
        assert page.js("document.documentElement.scrollWidth") <= width
        edges = page.js(
            "[...document.querySelectorAll('#problem-list p, #trouble')]"
            ".map(e => e.getBoundingClientRect()).flatMap(r => [r.left, r.right])"
        )
        assert 0 <= min(edges) <= max(edges) <= width
        top = page.js("document.querySelector('#trouble').getBoundingClientRect().bottom")
        assert top < height, "its number is seen without scrolling"
        page.js("document.querySelector('#trouble a').click()")
        page.wait(
            "(r => r.top >= 0 && r.top < innerHeight)"
            "(document.querySelector('#problems-title').getBoundingClientRect())"
        )
        assert page.complaints() == []


def test_what_a_sensor_said_that_is_gone_is_not_told_of_now(
    browser: Chromium, broker: Mosquitto
) -> None:
    with sensing(broker) as sensor, browser.open(sensor.url) as page:
        page.wait(LIVE)
        sensor.publisher.publish_retained("health", health(off_the_floor()))
        page.wait(SHOWN)
        sensor.paused.set()
        sensor.publisher.close()  # its last will follows
        page.wait("document.querySelector('#connection').dataset.state === 'offline'")
        assert page.js("document.querySelector('#problems').hidden")
        assert page.js("document.querySelector('#trouble').hidden")
        assert page.complaints() == []
