"""People on the live page, in a real browser."""

import time
from typing import Any

import numpy as np
import pytest

from edge.core.pose import Activity, PersonEstimate
from edge.output.messages.attendance import RoomState
from edge.output.messages.echo_profile import BINS
from edge.output.messages.payloads import summary_message
from edge.output.mqtt.embedded_broker import EmbeddedBroker, find_mosquitto
from tests.support.broker.mosquitto import Mosquitto, needs_mosquitto
from tests.support.waiting import LIMIT_S

pytest.importorskip(
    "websockets", reason="websockets is not installed; pip install 'posekernel[test]' brings it"
)
from tests.support.browser.chromium import Chromium, Page, needs_chromium
from tests.support.browser.page_sensor import (
    FIRST,
    LIVE,
    Sensor,
    assert_on_this_host,
    caught,
    sensing,
    somebody,
)

pytestmark = [pytest.mark.once, needs_chromium]


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(
            "mosquitto",
            marks=pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed"),
        ),
        "amqtt",
    ],
)
def test_numbers_are_those_of_the_message(browser: Chromium, kind: str) -> None:
    if kind == "amqtt":
        pytest.importorskip("amqtt", reason="amqtt is not installed")
    with (
        EmbeddedBroker(kind) as embedded,  # type: ignore[arg-type]
        sensing(embedded, protocol=embedded.protocol) as sensor,
        browser.open(sensor.url) as page,
    ):
        assert sensor.publisher.wait_connected(LIMIT_S)
        page.wait(f"{LIVE} && posekernel.state.envelope !== null")
        page.wait("posekernel.state.arrivals.length > 5")
        assert caught(page, "posekernel.state.pose")["id"] == "hall"
        card = "#person-list [data-id='1']"
        assert 2.9 < float(page.text(f"{card} .distance").split()[0]) < 3.2
        assert page.text(f"{card} .sigma") == "± 0.08"
        assert page.text(f"{card} .scale") == "scale from sound, 93 % sure"
        assert page.text(f"{card} .body") == "1.73 m tall, echo 12 dB at 2.75 m"
        assert page.text(f"{card} .doing") == "sitting, 0.1 m/s"
        assert page.text(f"{card} .zones") == "in sofa"
        assert (page.text("#people"), page.text("#others")) == ("1", "")
        assert page.text("#pairs") == "3 of 4"
        shown, arrivals = page.js(
            "[document.querySelector('#rate').textContent, posekernel.state.arrivals]"
        )
        assert float(shown.split()[0]) == pytest.approx(
            1000.0 / np.mean(np.diff(arrivals)), rel=0.3
        )
        marks = page.js(
            "[...document.querySelectorAll('#axis path.echo')].map(e => e.getBBox().x + "
            "e.getBBox().width / 2)"
        )
        left, right = page.js("[18, document.querySelector('#axis').clientWidth - 18]")
        assert (marks[0] - left) / (right - left) * 6.0 == pytest.approx(2.75, abs=0.02)
        # The curve is highest in the bin whose middle is at 2.76 m.
        page.wait("document.querySelector('#axis path.profile') !== null")
        curve = np.array(
            page.js("document.querySelector('#axis path.profile')?.getAttribute('d')")[1:]
            .replace("L", " ")
            .split()
        )
        points = curve.astype(float).reshape(-1, 2)
        assert len(points) == BINS
        x, y = points[np.argmin(points[:, 1])]
        assert (x - left) / (right - left) * 6.0 == pytest.approx(0.5 + 39.5 * 5.5 / BINS, abs=0.02)
        assert y < points[:, 1].max() - 50
        words = page.js("document.querySelector('#axis').getAttribute('aria-label')")
        assert "person 1: hips at" in words
        assert "strongest sound -44 decibels at 2.8 metres" in words
        assert page.complaints() == []
        assert_on_this_host(page)


@needs_mosquitto
def test_the_picture_is_where_the_joints_are(hall: tuple[Sensor, Page]) -> None:
    _, page = hall
    x, y, z = caught(
        page, f"{FIRST}?.shown?.[8]"
    )  # drawn with the next picture, not with the message
    assert abs(x) < 0.35
    assert y == pytest.approx(3.0, abs=0.02)
    assert z == pytest.approx(1.2 - 0.34, abs=0.02)
    # Seen from above with the sensor at the bottom, x is right and y is up on the screen: the
    # projection keeps both.
    page.js("document.querySelector('[data-view=top]').click()")
    page.wait("posekernel.room.orbit.up?.[1] > 0.99")
    sensor = page.js("posekernel.room.orbit.project(posekernel.room.site.camera)")
    person = page.js("posekernel.room.orbit.project([0.5, 3, 0.86])")
    assert person["y"] < sensor["y"]
    assert person["x"] > sensor["x"]


def three_people(i: int) -> tuple[PersonEstimate, ...]:
    """One heard on the sofa, one whose scale is assumed, and a picture that is only seen."""
    unheard: dict[str, Any] = {
        "scale_source": "height", "echo_range_m": float("nan"), "sir_db": float("nan"),
        "sound_confidence": float("nan"),
    }  # fmt: skip
    walking = Activity("walking", (0.9, 3.3), speed_m_s=0.9)
    return (
        somebody(1, (-0.9 + 0.2 * np.sin(i / 10), 2.6), echo_range_m=2.5),
        somebody(2, (0.9, 3.6), 1.6, sigma=np.full(15, 0.22), activity=walking, **unheard),
        somebody(7, (0.1, 4.3), presence="seen_only", activity=Activity("standing"), **unheard),
    )


def painted(page: Page, point: tuple[float, float, float], colour: str) -> bool:
    """Whether the picture at a place of the room has a person's colour."""
    return bool(
        page.js(
            f"(() => {{ const p = posekernel.room.orbit.project({list(point)});"
            " const c = document.querySelector('#room').getContext('2d');"
            f" const want = posekernel.room.pen.colours['{colour}'].match(/[0-9a-f]{{2}}/g);"
            " const got = c.getImageData(Math.round(p.x), Math.round(p.y), 1, 1).data;"
            " return want.every((v, k) => Math.abs(parseInt(v, 16) - got[k]) < 40); })()"
        )
    )


@needs_mosquitto
@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_three_people_are_told_apart(
    browser: Chromium, broker: Mosquitto, width: int, height: int
) -> None:
    with (
        sensing(broker, people=three_people, more=1) as sensor,
        browser.open(sensor.url, width=width, height=height, mobile=width < 800) as page,
    ):
        page.wait("posekernel.state.people.length === 3 && posekernel.room.figures.size === 3")
        assert page.text("#people") == "2"
        assert page.text("#others") == "1 seen, not heard, 1 more in view"
        cards = page.js(
            "[...document.querySelectorAll('.person')].map(e => [e.dataset.id, e.dataset.presence, "
            "e.querySelector('.sigma').innerText, e.querySelector('.scale').innerText])"
        )
        assert cards == [
            ["1", "present", "± 0.08", "scale from sound, 93 % sure"],
            ["2", "present", "± 0.22", "scale from an assumed height"],
            ["7", "seen_only", "± 0.08", "seen, not heard"],
        ]
        # A colour of their own, the same on card, plot and skeleton; 7 would have that of 1.
        colours = dict(page.js("posekernel.state.people.map(p => [String(p.id), p.colour])"))
        assert len(set(colours.values())) == 3
        chips = page.js(
            "[...document.querySelectorAll('.person .chip')].map(e => "
            "getComputedStyle(e.closest('.person')).getPropertyValue('--own').trim())"
        )
        drawn = page.js(
            "[...posekernel.room.figures.values()].map(f => "
            "posekernel.room.pen.colours[f.person.colour])"
        )
        plotted = page.js(
            "[...document.querySelectorAll('#axis circle.number')].map(e => "
            "[e.dataset.person, getComputedStyle(e).getPropertyValue('--own').trim()])"
        )
        assert chips == drawn == [dict(plotted)[number] for number in ("1", "2", "7")]
        hip, ear = caught(
            page, "posekernel.room.figures.get(2)?.shown?.filter((_, k) => k === 8 || k === 1)"
        )
        trunk = tuple(0.5 * (a + b) for a, b in zip(hip, ear, strict=True))
        page.wait("posekernel.room.frames > 5")
        assert painted(page, trunk, f"person-{colours['2']}")
        # Only those present fill a zone, and everybody's range stands on the axis.
        assert page.js("document.querySelectorAll('#axis line.hips').length") == 3
        assert page.js("document.querySelectorAll('#axis path.echo').length") == 1
        assert page.js("document.documentElement.scrollWidth") <= width
        words = page.js("document.querySelector('#axis').getAttribute('aria-label')")
        assert "person 7: hips at 4.3" in words
        assert page.complaints() == []


@needs_mosquitto
def test_whoever_is_missed_for_a_moment_stays_on_the_page_and_whoever_left_goes(
    hall: tuple[Sensor, Page],
) -> None:
    sensor, page = hall
    sensor.people = three_people
    page.wait("posekernel.state.people.length === 3")
    counts = "(window.counts ??= []).push(posekernel.state.people.length)"
    page.js(f"void setInterval(() => {{ {counts}; }}, 20)")
    sensor.people = lambda i: three_people(i)[: 3 - i % 2]  # one of three in every other image
    received = page.js("posekernel.state.received")
    page.wait(f"posekernel.state.received > {received + 20}")
    assert set(page.js("window.counts")) == {3}
    sensor.people = lambda i: three_people(i)[:1]
    page.wait("posekernel.state.people.length === 1")
    page.wait("document.querySelectorAll('.person').length === 1")


@needs_mosquitto
def test_what_is_unknown_is_told_with_its_reason(hall: tuple[Sensor, Page]) -> None:
    sensor, page = hall
    sensor.paused.set()
    dark = RoomState(
        fallen_since="2026-11-30T03:00:00.000Z", unknown_because="the image is too dark"
    )
    message = summary_message("hall", dark, source="simulated", utc_ns=time.time_ns())
    sensor.publisher.publish_retained("summary", message)
    page.wait("document.querySelector('#empty').textContent === 'Unknown: the image is too dark'")
    page.wait("document.querySelector('#people').textContent === '–'")
    # A fall from before this page was opened.
    assert page.text("#fall") == "Somebody fell and is not up again"


# Machado, Oliveira, Fernandes 2009: what somebody without one kind of cone sees, in linear RGB.
