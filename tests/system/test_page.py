"""The live page in a real browser: on the demo, and on a broker that fails."""

import hashlib
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import numpy as np
import pytest

from edge.core.arrays import Array
from edge.core.config import Config, DeviceConfig, MqttConfig, WebConfig, ZoneConfig
from edge.core.pose import Activity, LiftedPose, PersonEstimate
from edge.core.rig import Camera, Rig
from edge.output.message_file import MessageFile
from edge.output.messages.attendance import RoomState
from edge.output.messages.echo_profile import BINS, envelope_message
from edge.output.messages.fields import Message
from edge.output.messages.payloads import event_message, pose_message, summary_message
from edge.output.messages.person_messages import EventKind
from edge.output.mqtt.embedded_broker import EmbeddedBroker, find_mosquitto
from edge.output.mqtt.publisher import MqttPublisher
from edge.output.page.description import page_description
from edge.output.page.server import FILES, WebServer
from edge.sources.session.reader import DEMO_SESSION
from tests.support import ROOT
from tests.support.bodies import standing
from tests.support.broker.mosquitto import Mosquitto, needs_mosquitto
from tests.support.messages import a_person, an_estimate, problems
from tests.support.waiting import LIMIT_S

pytest.importorskip(
    "websockets", reason="websockets is not installed; pip install 'posekernel[test]' brings it"
)
from tests.support.browser.chromium import Chromium, Page, needs_chromium

pytestmark = [pytest.mark.once, needs_chromium]

RIG = Rig(
    speakers=np.array([[0.1, 0.05, 0.0]]),
    mics=np.array([[-0.03, 0.05, 0.0], [0.03, 0.05, 0.0]]),
    pairs=np.array([[0, 0], [0, 1]]),
    camera=Camera(640, 480, 500.0, 500.0, 320.0, 240.0, height_m=1.2),
    speed_of_sound_m_s=343.0,
)
SOFA = ZoneConfig("sofa", ((-1.0, 2.5), (1.0, 2.5), (1.0, 3.5), (-1.0, 3.5)))
FIRST = "[...posekernel.room.figures.values()][0]"  # whoever is drawn first
LIVE = "posekernel.state.connection === 'connected' && posekernel.state.pose !== null"


def somebody(
    number: int, place: tuple[float, float], height_m: float = 1.75, **changes: object
) -> PersonEstimate:
    """Heard, in the zone "sofa", unless changes say otherwise: of PersonEstimate or LiftedPose."""
    joints = standing(height_m, place)[:15]
    ours = {f.name for f in fields(LiftedPose)} & changes.keys()
    pose = LiftedPose(
        joints,
        np.full(15, 0.08),
        np.full(15, 0.9),
        "sound",
        sir_db=12.3,
        echo_range_m=2.75,
        sound_confidence=0.93,
    )
    pose = replace(pose, **{key: changes.pop(key) for key in ours})
    return a_person(id=number, pose=pose, joints_room=RIG.camera.to_room(joints), **changes)


def swaying(i: int) -> PersonEstimate:
    """Somebody who sways around 3 m, in the zone "sofa"."""
    return somebody(1, (0.3 * np.sin(i / 10), 3.0))


def a_pose(i: int, t_ns: int, *people: PersonEstimate, more: int = 0) -> Message:
    """Of these people; of the swaying one where none is given."""
    estimate = an_estimate(
        *(people or (swaying(i),)),
        sequence=i,
        more=more,
        t_ns=t_ns,
        utc_ns=time.time_ns(),
        source="simulated",
    )
    return pose_message(estimate, "hall")


def a_profile(t_ns: int, peak: int = 39) -> Message:
    """Silence but for one bin."""
    level = np.full(BINS, -80.0)
    level[peak] = -44.0
    return envelope_message(
        "hall",
        np.linspace(0.5, 6.0, BINS + 1),
        level,
        source="simulated",
        utc_ns=time.time_ns(),
        t_ns=t_ns,
    )


def an_event(kind: EventKind, zone: str | None = None, t_ns: int = 1, person: int = 1) -> Message:
    fall = (0.8, 1.2) if kind == "fall" else None
    return event_message(
        "hall",
        kind,
        person=person,
        source="simulated",
        utc_ns=time.time_ns(),
        monotonic_ns=t_ns,
        zone=zone,
        confidence=0.9,
        fall=fall,
    )


class Sensor:
    """A publisher of people by image, else one who sways around 3 m, and the page's server."""

    def __init__(
        self,
        host: str,
        port: int,
        websocket_port: int,
        recording: bool = False,
        people: Callable[[int], tuple[PersonEstimate, ...]] = lambda i: (swaying(i),),
        more: int = 0,
        **mqtt: object,
    ) -> None:
        self.people, self.more = people, more
        config = MqttConfig(host=host, port=port, discovery=False)
        self.mqtt = msgspec.structs.replace(config, **mqtt)  # type: ignore[arg-type]
        web = WebConfig(enabled=True, port=0, websocket_url=f"ws://{host}:{websocket_port}/")
        self.server = WebServer(
            Config(device=DeviceConfig("hall"), mqtt=self.mqtt, web=web, zones=(SOFA,)), RIG
        )
        self.url = self.server.url
        self.publisher = MqttPublisher(self.mqtt, "hall", source="simulated", recording=recording)
        self.paused = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._send)
        self._thread.start()

    def _send(self) -> None:
        i = 0
        while not self._stop.wait(0.1):
            if self.paused.is_set():
                continue
            i += 1
            message = a_pose(i, time.monotonic_ns(), *self.people(i), more=self.more)
            self.publisher.publish_pose(message)
            if i % 5 == 0:
                self.publisher.publish_stream("envelope", a_profile(time.monotonic_ns()))

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self.publisher.close()
        self.server.close()


@contextmanager
def sensing(broker: Mosquitto | EmbeddedBroker, **more: Any) -> Iterator[Sensor]:
    sensor = Sensor(broker.host, broker.port, broker.websocket_port, **more)
    try:
        yield sensor
    finally:
        sensor.close()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path / "broker", websockets=True) as b:
        yield b


@pytest.fixture
def hall(broker: Mosquitto, browser: Chromium) -> Iterator[tuple[Sensor, Page]]:
    with sensing(broker) as sensor, browser.open(sensor.url) as page:
        page.wait(LIVE)
        yield sensor, page


def canvas(page: Page) -> str:
    return hashlib.sha256(
        page.js("document.querySelector('#room').toDataURL()").encode()
    ).hexdigest()


def caught(page: Page, expression: str, timeout_s: float = LIMIT_S) -> Any:
    """The value of an expression that is null between two poses, once it is not."""
    page.wait(f"(window.caught = {expression}) != null", timeout_s)
    return page.js("window.caught")


def assert_on_this_host(page: Page) -> None:
    requests = page.requests()
    assert len(requests) >= 8
    assert {
        urlsplit(url).hostname for url in requests if not url.startswith(("about:", "data:"))
    } == {"127.0.0.1"}


def test_the_demo_shows_a_moving_skeleton(browser: Chromium, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "edge", "demo", "--seconds", "900"]
    demo = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert demo.stdout is not None
    try:
        url = next(line.split()[1] for line in demo.stdout if line.startswith("page: "))
        threading.Thread(target=demo.stdout.read, daemon=True).start()
        with browser.open(url) as page:
            page.wait(LIVE)
            page.wait("posekernel.state.received >= 5")
            pictures, places = set(), []
            # Somebody who walks, within as many poses as the demo has in two rounds.
            for _ in range(100):
                places.append(caught(page, f"{FIRST}?.shown?.flat()"))
                pictures.add(canvas(page))
                if len(pictures) >= 5 and np.ptp(np.array(places, float), axis=0).max() >= 0.1:
                    break
                page.wait(f"posekernel.state.received > {page.js('posekernel.state.received')}")
            else:
                raise AssertionError(f"{len(pictures)} pictures of 100 poses")
            joints = np.array(places[-1], float).reshape(15, 3)
            assert 1.0 < joints[8, 1] < 6.0
            assert (
                joints[0, 2] > joints[8, 2] > joints[[11, 14], 2].max()
            )  # upright, in a frame whose z is up
            assert "Live" in page.text("#connection")
            assert "simulated" in page.text("#source")
            page.wait("posekernel.state.summary?.occupancy")
            for name in ("pose", "status", "summary", "control", "envelope"):
                assert problems(name, caught(page, f"posekernel.state.{name}")) == []
            assert page.complaints() == []
            assert_on_this_host(page)
    finally:
        demo.terminate()
        demo.wait(LIMIT_S)


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
NO_CONES = {
    "long": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
             [-0.003882, -0.048116, 1.051998]],
    "medium": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
               [-0.011820, 0.042940, 0.968881]],
    "short": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
              [0.004733, 0.691367, 0.303900]],
    "none missing": np.eye(3).tolist(),
}  # fmt: skip


@pytest.mark.parametrize("missing", NO_CONES)
@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_peoples_colours_differ_for_colour_blind_readers(missing: str, scheme: str) -> None:
    light = scheme == "light"
    style = (FILES / "style.css").read_text()
    found = re.findall(r"--person-(\d): #([0-9a-f]{6});", style)
    assert [int(k) for k, _ in found] == 2 * list(range(6))
    ours = to_linear([text for _, text in found][6 * light :][:6])
    seen = np.clip(ours @ np.array(NO_CONES[missing]).T, 0.0, 1.0)
    lab = to_lab(seen)
    apart = np.linalg.norm(lab[:, None] - lab[None], axis=-1)[np.triu_indices(6, 1)]
    assert apart.min() > 15.0, "2.3 is just noticeable"
    on_it = to_linear(re.findall(r"--on-person: #([0-9a-f]{6});", style))[int(light)]
    a, b = (colours @ [0.2126, 0.7152, 0.0722] + 0.05 for colours in (ours, on_it))
    assert np.maximum(a / b, b / a).min() >= 4.5, "WCAG, for the number on its disc"


def to_linear(colours: list[str]) -> Array:
    """sRGB as six hexadecimal digits each -> linear (N, 3), 0..1."""
    rgb = np.array([[int(c[i : i + 2], 16) / 255.0 for i in (0, 2, 4)] for c in colours])
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def to_lab(linear: Array) -> Array:
    """CIE L*a*b* (N, 3) of linear sRGB, white D65."""
    xyz = linear @ np.array(
        [[0.4124, 0.2126, 0.0193], [0.3576, 0.7152, 0.1192], [0.1805, 0.0722, 0.9505]]
    ) / [0.9505, 1.0, 1.089]  # fmt: skip
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16.0 / 116.0)
    return np.stack(
        [116.0 * f[:, 1] - 16.0, 500.0 * (f[:, 0] - f[:, 1]), 200.0 * (f[:, 1] - f[:, 2])], axis=1
    )


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


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds in another place: poses, an echo that moves, and an event after two seconds."""
    path = tmp_path_factory.mktemp("recording") / "kitchen.jsonl"
    page = page_description(Config(device=DeviceConfig("kitchen")), RIG) | {"name": "kitchen <1>"}
    with MessageFile(path, page) as file:
        for k in range(61):
            t_ns = 5_000_000_000 + k * 100_000_000
            file.publish_pose(a_pose(1000 + k, t_ns))
            if k % 5 == 0:
                file.publish_stream("envelope", a_profile(t_ns, k))
            if k == 20:
                file.publish_event(an_event("zone_entered", "sofa", t_ns))
    return path


@needs_mosquitto
def test_a_recording_is_played_from_a_file_and_left_again(
    hall: tuple[Sensor, Page], recording: Path, tmp_path: Path
) -> None:
    _, page = hall
    before = len(page.requests())
    page.call("Page.setInterceptFileChooserDialog", enabled=True)
    page.js("document.querySelector('#open').focus()")
    page.press("Enter")
    page.wait("true")
    assert "Page.fileChooserOpened" in {e["method"] for e in page.events}
    broken = tmp_path / "broken.jsonl"
    broken.write_text(recording.read_text()[:-40])
    old = tmp_path / "old.jsonl"
    old.write_text('{"schema": "posekernel.pose/1", "monotonic_ns": 1}\n')
    for content, complaint in (
        (broken, "broken.jsonl: line"),
        (old, "old.jsonl: line 1 is of an earlier version"),
        (Path(__file__), "test_page.py: line 1 is not JSON"),
    ):
        page.choose_file("#file", content)
        page.wait(f"document.querySelector('#problem').textContent.includes('{complaint}')")
    assert page.js("posekernel.state.recording") is None

    with (
        recording.open("a") as file
    ):  # what is not known is passed over, even under a name that every object of JavaScript has
        file.write('{"schema": "constructor", "monotonic_ns": 5000000000, "kind": "x"}\n')
    page.choose_file("#file", recording)
    page.wait("posekernel.state.pose?.sequence >= 1005")  # it plays by itself
    assert page.text("#connection-text") == "Playing kitchen <1>"
    assert page.text("#device") == "kitchen"
    assert page.js("document.querySelector('#problem').hidden")
    assert page.js("document.activeElement.id") == "play"
    page.press("Enter")
    page.wait("document.querySelector('#play').textContent === 'Play'")
    page.press("Tab")
    page.press("End")
    page.wait("posekernel.state.pose?.sequence === 1060")
    assert page.text("#moment") == "0:06.0 / 0:06.0"
    assert page.js("posekernel.state.envelope?.level_db.indexOf(-44)") == 60
    assert page.text("#event-list") == "2.0 s\nPerson 1 entered sofa"
    page.press("Home")
    page.wait("posekernel.state.pose?.sequence === 1000")
    page.wait("document.querySelectorAll('#event-list li').length === 0")
    for _ in range(3):
        page.press("ArrowRight")
    page.wait("posekernel.state.pose?.sequence === 1003")
    assert (
        page.js("document.querySelector('#scrub').getAttribute('aria-valuetext')")
        == "0.3 of 6.0 seconds"
    )
    page.js("document.querySelector('#play').click()")
    page.wait("posekernel.state.pose?.sequence > 1006")
    page.js("document.querySelector('#live').click()")
    page.wait(f"posekernel.state.pose?.sequence < 1000 && {LIVE}")
    assert (page.text("#connection-text"), page.text("#device"), page.text("#moment")) == (
        "Live",
        "hall",
        "live",
    )
    assert len(page.requests()) == before  # nothing was uploaded
    assert page.complaints() == []


def test_a_recording_waits_for_a_visitor_who_wants_no_motion_and_comes_from_this_host_only(
    browser: Chromium, recording: Path
) -> None:
    with WebServer(
        Config(device=DeviceConfig("hall"), web=WebConfig(port=0)), RIG, recording.read_bytes()
    ) as server:
        with browser.open(server.url, still=True) as page:
            page.wait("posekernel.state.recording !== null")
            assert page.text("#play") == "Play"
            assert page.js("posekernel.state.pose?.sequence") == 1000
            assert page.complaints() == []
        foreign = "http://127.0.0.2/kitchen.jsonl"
        with browser.open(f"{server.url}?recording={foreign}") as page:
            page.wait("!document.querySelector('#problem').hidden")
            assert page.text("#problem").startswith(f"{foreign} cannot be read")
            assert page.js("posekernel.state.recording") is None
            assert page.text("#connection-text") == "Open a recording"
            assert any("Content Security Policy" in c for c in page.complaints())


def test_replay_shows_a_session_without_a_broker(browser: Chromium) -> None:
    command = [sys.executable, "-m", "edge", "replay", str(DEMO_SESSION), "--web"]
    replay = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert replay.stdout is not None
    try:
        url = next(line.split()[1] for line in replay.stdout if line.startswith("page: "))
        with browser.open(url) as page:
            page.wait("posekernel.state.pose?.sequence > 3")  # it plays by itself
            page.js(
                "{ const s = document.querySelector('#scrub'); s.value = s.max; "
                "s.dispatchEvent(new Event('input')); }"
            )
            page.wait("posekernel.state.pose === posekernel.state.recording.pose.at(-1).message")
            assert page.js("posekernel.state.pose.sequence") > 40
            assert page.js("posekernel.state.envelope") is not None
            assert page.text("#connection-text") == "Playing demo"
            assert page.text("#latency") == "–"
            page.js(
                "{ const s = document.querySelector('#scrub'); s.value = 2; "
                "s.dispatchEvent(new Event('input')); }"
            )
            assert 10 <= page.js("posekernel.state.pose?.sequence") <= 25
            assert page.js("document.querySelector('#live').hidden")
            assert not any(u.startswith("ws") for u in page.requests())
            assert page.complaints() == []
    finally:
        replay.terminate()
        assert replay.wait(LIMIT_S) == 0


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
