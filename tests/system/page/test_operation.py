"""The live page by mouse, by keys and on small screens."""

import numpy as np
import pytest

from tests.support.broker.mosquitto import needs_mosquitto

pytest.importorskip(
    "websockets", reason="websockets is not installed; pip install 'posekernel[test]' brings it"
)
from tests.support.browser.chromium import Chromium, Page, needs_chromium
from tests.support.browser.page_sensor import LIVE, Sensor, canvas

pytestmark = [pytest.mark.once, needs_chromium]


@needs_mosquitto
def test_keys_mouse_and_buttons_move_the_view(hall: tuple[Sensor, Page]) -> None:
    _, page = hall

    def angles() -> list[float]:
        found: list[float] = page.js(
            "(o => [o.azimuth, o.elevation, o.distance])(posekernel.room.orbit)"
        )
        return found

    start = angles()
    stops = []
    for _ in range(8):
        page.press("Tab")
        stops.append(
            page.js(
                "document.activeElement.id || document.activeElement.dataset.view || "
                "document.activeElement.className"
            )
        )
    assert stops == ["skip", "room", "room", "front", "side", "top", "play", "scrub"]
    page.press("Tab")
    assert page.js("document.activeElement.id") == "open"
    page.js("document.querySelector('#room').focus()")
    for key in ("ArrowRight", "ArrowUp", "+"):
        page.press(key)
    azimuth, elevation, distance = angles()
    assert azimuth > start[0]
    assert elevation > start[1]
    assert distance < start[2]
    page.press("0")
    assert angles() == start
    page.drag((400, 300), (500, 300))
    assert angles()[0] < start[0]
    before = canvas(page)
    page.js("document.querySelector('[data-view=side]').click()")
    assert angles()[0] == pytest.approx(np.pi / 2)
    assert (
        page.js("document.querySelector('[data-view=side]').getAttribute('aria-pressed')") == "true"
    )
    seen = page.js("posekernel.room.frames")
    page.wait(f"posekernel.room.frames > {seen}")
    assert canvas(page) != before


@needs_mosquitto
def test_the_last_minute_can_be_paused_and_scrubbed(hall: tuple[Sensor, Page]) -> None:
    _, page = hall
    page.wait("posekernel.state.received > 25")
    page.wait(LIVE)
    page.js("document.querySelector('#play').click()")
    paused = page.js("posekernel.state.pose?.sequence")
    received = page.js("posekernel.state.received")
    page.wait(f"posekernel.state.received > {received + 4}")
    assert page.js("posekernel.state.pose?.sequence") == paused
    page.js(
        "{ const s = document.querySelector('#scrub'); s.value = -1; "
        "s.dispatchEvent(new Event('input')); }"
    )
    page.wait(f"posekernel.state.pose?.sequence < {paused}")
    assert page.text("#moment") == "−1.0 s"
    page.js("document.querySelector('#play').click()")
    page.wait(f"posekernel.state.pose?.sequence === {paused}")
    page.js("document.querySelector('#live').click()")
    page.wait(f"posekernel.state.pose?.sequence > {paused}")
    assert page.text("#moment") == "live"


@needs_mosquitto
@pytest.mark.parametrize(
    ("width", "height", "mobile"),
    [(1280, 800, False), (390, 844, True), (320, 568, True), (844, 390, True)],
)
def test_it_fits_the_screen(
    hall: tuple[Sensor, Page], browser: Chromium, width: int, height: int, mobile: bool
) -> None:
    sensor, _ = hall
    with browser.open(sensor.url, width=width, height=height, mobile=mobile) as page:
        page.wait(LIVE)
        page.js("document.getElementById('zones-open').hidden = false")  # where zones can be drawn
        assert page.js("document.documentElement.scrollWidth") <= width
        assert page.js("document.querySelector('#room').clientHeight") >= 150
        for selector in ("button", "dd", "h2", ".person", "#connection", "#scrub"):
            right = page.js(
                f"Math.max(...[...document.querySelectorAll('main {selector}')].map(e => "
                "e.getBoundingClientRect().right))"
            )
            assert right is None or right <= width, selector
        assert page.js("document.querySelector('#views').firstElementChild.offsetLeft") >= 0
        assert (
            min(page.js("[...document.querySelectorAll('#views button')].map(e => e.offsetHeight)"))
            >= 34
        )


@needs_mosquitto
def test_everything_that_can_be_operated_has_a_name(hall: tuple[Sensor, Page]) -> None:
    _, page = hall
    nodes = page.call("Accessibility.getFullAXTree")["nodes"]
    named = {
        (n["role"]["value"], n.get("name", {}).get("value", ""))
        for n in nodes
        if not n.get("ignored")
    }
    operable = {
        (role, name)
        for role, name in named
        if role in ("button", "slider", "link", "textbox", "image", "img")
    }
    assert {("button", "Pause"), ("button", "Top"), ("link", "Skip to the numbers")} <= operable
    assert all(name for _, name in operable)
    assert len([role for role, _ in operable if role == "slider"]) == 1
