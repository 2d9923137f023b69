"""The live page in a real browser: against the running demo, and against a broker that fails in every way it can."""

import hashlib
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest

from edge.broker import EmbeddedBroker, find_mosquitto
from edge.config import Config, DeviceConfig, MqttConfig, WebConfig
from edge.mqtt import MqttPublisher
from edge.pose import LiftedPose
from edge.publish import pose_message, summary_message
from edge.rig import Camera, Rig
from edge.web_server import WebServer
from tests.mosquitto import Mosquitto, needs_mosquitto
from tests.test_publish import an_estimate
from tests.test_schemas import problems
from tests.test_summary import BODY

pytest.importorskip("websockets", reason="websockets is not installed; pip install 'posekernel[test]' brings it")
from tests import chromium
from tests.chromium import Chromium, Page

pytestmark = pytest.mark.skipif(chromium.BINARY is None, reason="Chromium is not installed; sudo apt install chromium")

RIG = Rig(
    speakers=np.array([[0.1, 0.05, 0.0]]),
    mics=np.array([[-0.03, 0.05, 0.0], [0.03, 0.05, 0.0]]),
    pairs=np.array([[0, 0], [0, 1]]),
    camera=Camera(640, 480, 500.0, 500.0, 320.0, 240.0, height_m=1.2),
    speed_of_sound_m_s=343.0,
)
LIVE = "posekernel.state.connection === 'connected' && posekernel.state.pose !== null"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    with Chromium(tmp_path_factory.mktemp("chromium")) as b:
        yield b


class Sensor:
    """A publisher that sends a person who sways around 3 m, ten poses a second, and the page's server."""

    def __init__(self, host: str, port: int, websocket_port: int, **mqtt: object) -> None:
        config = MqttConfig(host=host, port=port, discovery=False)
        self.mqtt = replace(config, **mqtt)  # type: ignore[arg-type]
        web = WebConfig(enabled=True, port=0, websocket_url=f"ws://{host}:{websocket_port}/")
        self.server = WebServer(Config(device=DeviceConfig("hall"), mqtt=self.mqtt, web=web), RIG)
        self.url = self.server.url
        self.publisher = MqttPublisher(self.mqtt, "hall", source="simulated")
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
            joints = BODY + np.array([0.3 * np.sin(i / 10), 0.34, 3.0])
            pose = LiftedPose(joints, np.full(15, 0.08), np.full(15, 0.9), "sound", sir_db=12.3, echo_range_m=2.75)
            now = time.monotonic_ns()
            estimate = an_estimate(
                sequence=i, pose=pose, joints_room=RIG.camera.to_room(joints), people=1, t_ns=now, utc_ns=time.time_ns(),
                source="simulated",
            )  # fmt: skip
            self.publisher.publish_pose(pose_message(estimate, "hall"))

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self.publisher.close()
        self.server.close()


@contextmanager
def sensing(broker: Mosquitto | EmbeddedBroker, **mqtt: object) -> Iterator[Sensor]:
    sensor = Sensor(broker.host, broker.port, broker.websocket_port, **mqtt)
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
    return hashlib.sha256(page.js("document.querySelector('#room').toDataURL()").encode()).hexdigest()


def hips(page: Page) -> list[float]:
    page.wait("posekernel.room.shown !== null")  # drawn with the next picture, not with the message
    found: list[float] = page.js("posekernel.room.shown?.[8]")
    return found


def assert_on_this_host(page: Page) -> None:
    requests = page.requests()
    assert len(requests) >= 8
    assert {urlsplit(url).hostname for url in requests if not url.startswith(("about:", "data:"))} == {"127.0.0.1"}


def test_the_demo_shows_a_moving_skeleton(browser: Chromium, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "edge", "demo", "--seconds", "90"]
    demo = subprocess.Popen(command, cwd=Path(__file__).parents[1], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert demo.stdout is not None
    try:
        url = next(line.split()[1] for line in demo.stdout if line.startswith("page: "))
        threading.Thread(target=demo.stdout.read, daemon=True).start()
        with browser.open(url) as page:
            page.wait(LIVE, 60.0)
            page.wait("posekernel.state.received >= 5", 20.0)
            pictures, places = set(), []
            for _ in range(12):
                if page.js("posekernel.room.shown !== null"):
                    pictures.add(canvas(page))
                    places.append(page.js("posekernel.room.shown.flat()"))
                time.sleep(0.2)
            assert len(pictures) >= 5
            assert np.ptp(np.array(places, float), axis=0).max() > 0.1  # somebody who walks
            joints = np.array(places[-1], float).reshape(15, 3)
            assert 1.0 < joints[8, 1] < 6.0
            assert joints[0, 2] > joints[8, 2] > joints[[11, 14], 2].max()  # upright, in a frame whose z is up
            assert "Live" in page.text("#connection")
            assert "simulated" in page.text("#source")
            page.wait("posekernel.state.summary?.occupancy && posekernel.state.pose !== null", 20.0)
            for name in ("pose", "status", "summary"):
                assert problems(name, page.js(f"posekernel.state.{name}")) == []
            assert page.complaints() == []
            assert_on_this_host(page)
    finally:
        demo.terminate()
        demo.wait(10.0)


@pytest.mark.parametrize(
    "kind",
    [pytest.param("mosquitto", marks=pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed")), "amqtt"],
)
def test_numbers_are_those_of_the_message(browser: Chromium, kind: str) -> None:
    if kind == "amqtt":
        pytest.importorskip("amqtt", reason="amqtt is not installed")
    with (
        EmbeddedBroker(kind) as embedded,  # type: ignore[arg-type]
        sensing(embedded, protocol=embedded.protocol) as sensor,
        browser.open(sensor.url) as page,
    ):
        assert sensor.publisher.wait_connected(10.0)
        summary = summary_message("hall", an_estimate(people=1), source="simulated", utc_ns=0, height_m=1.754)
        sensor.publisher.publish_retained("summary", summary)
        page.wait(f"{LIVE} && posekernel.state.summary !== null")
        page.wait("posekernel.state.arrivals.length > 5")
        message = page.js("posekernel.state.pose")
        assert message["id"] == "hall"
        assert 2.9 < float(page.text("#distance")) < 3.2
        assert page.text("#sigma") == "± 0.08"
        assert page.text("#scale") == "scale from sound"
        assert (page.text("#echo"), page.text("#echo-range"), page.text("#height")) == ("12.3 dB", "2.75 m", "1.75 m")
        assert page.text("#people") == "1"
        assert 7.0 < float(page.text("#rate").split()[0]) < 12.0
        marks = page.js("[...document.querySelectorAll('#axis path.echo')].map(e => e.getBBox().x + e.getBBox().width / 2)")
        left, right = page.js("[18, document.querySelector('#axis').clientWidth - 18]")
        assert (marks[0] - left) / (right - left) * 6.0 == pytest.approx(2.75, abs=0.02)
        assert "hips at" in page.js("document.querySelector('#axis').getAttribute('aria-label')")
        assert page.complaints() == []
        assert_on_this_host(page)


@needs_mosquitto
def test_the_picture_is_where_the_joints_are(hall: tuple[Sensor, Page]) -> None:
    _, page = hall
    x, y, z = hips(page)
    assert abs(x) < 0.35
    assert y == pytest.approx(3.0, abs=0.02)
    assert z == pytest.approx(1.2 - 0.34, abs=0.02)
    # Seen from above with the sensor at the bottom, x is right and y is up on the screen: the projection keeps both.
    page.js("document.querySelector('[data-view=top]').click()")
    page.wait("posekernel.room.orbit.up?.[1] > 0.99")
    sensor = page.js("posekernel.room.orbit.project(posekernel.room.site.camera)")
    person = page.js("posekernel.room.orbit.project([0.5, 3, 0.86])")
    assert person["y"] < sensor["y"]
    assert person["x"] > sensor["x"]


@needs_mosquitto
def test_the_page_survives_a_broker_restart(hall: tuple[Sensor, Page], broker: Mosquitto) -> None:
    _, page = hall
    for end in (broker.kill, broker.stop):
        end()
        page.wait("document.querySelector('#connection').dataset.state !== 'live' && posekernel.state.pose === null")
        assert "Reconnecting" in page.text("#connection")
        assert page.text("#distance") == "–"
        before = page.js("posekernel.state.received")
        time.sleep(1.0)
        broker.start()
        assert page.wait(f"posekernel.state.received > {before} && {LIVE}", 15.0) < 5.0
        assert page.text("#connection") == "Live"
    allowed = ("WebSocket connection to", "ERR_CONNECTION_REFUSED")  # Chromium's own words for a broker that is not there
    assert [c for c in page.complaints() if not any(a in c for a in allowed)] == []


@needs_mosquitto
def test_a_broker_that_hangs_is_noticed(hall: tuple[Sensor, Page], broker: Mosquitto) -> None:
    _, page = hall
    broker.freeze()
    try:
        page.wait("posekernel.state.pose === null", 5.0)
        page.wait("document.querySelector('#connection').dataset.state !== 'live'", 20.0)
    finally:
        broker.thaw()
    page.wait(LIVE, 15.0)


@needs_mosquitto
def test_an_empty_room_and_a_stopped_sensor_look_different(hall: tuple[Sensor, Page]) -> None:
    sensor, page = hall
    sensor.paused.set()
    page.wait("!document.querySelector('#empty').hidden")
    assert (page.text("#empty"), page.text("#connection"), page.text("#distance")) == ("Nobody in view", "Live", "–")
    assert page.js("posekernel.room.shown") is None
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
        found: list[float] = page.js("(o => [o.azimuth, o.elevation, o.distance])(posekernel.room.orbit)")
        return found

    start = angles()
    stops = []
    for _ in range(8):
        page.press("Tab")
        stops.append(
            page.js("document.activeElement.id || document.activeElement.dataset.view || document.activeElement.className")
        )
    assert stops == ["skip", "room", "room", "front", "side", "top", "play", "scrub"]
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
    assert page.js("document.querySelector('[data-view=side]').getAttribute('aria-pressed')") == "true"
    time.sleep(0.3)
    assert canvas(page) != before


@needs_mosquitto
def test_the_last_minute_can_be_paused_and_scrubbed(hall: tuple[Sensor, Page]) -> None:
    _, page = hall
    page.wait("posekernel.state.received > 25", 10.0)
    page.js("document.querySelector('#play').click()")
    paused = page.js("posekernel.state.pose.sequence")
    time.sleep(0.5)
    assert page.js("posekernel.state.pose.sequence") == paused
    page.js("{ const s = document.querySelector('#scrub'); s.value = -1; s.dispatchEvent(new Event('input')); }")
    assert 5 <= paused - page.js("posekernel.state.pose.sequence") <= 14
    assert page.text("#moment") == "−1.0 s"
    page.js("document.querySelector('#play').click()")
    page.wait(f"posekernel.state.pose?.sequence === {paused}", 5.0)
    page.js("document.querySelector('#live').click()")
    page.wait(f"posekernel.state.pose?.sequence > {paused}", 5.0)
    assert page.text("#moment") == "live"


@needs_mosquitto
@pytest.mark.parametrize(
    ("width", "height", "mobile"), [(1280, 800, False), (390, 844, True), (320, 568, True), (844, 390, True)]
)
def test_it_fits_the_screen(hall: tuple[Sensor, Page], browser: Chromium, width: int, height: int, mobile: bool) -> None:
    sensor, _ = hall
    with browser.open(sensor.url, width=width, height=height, mobile=mobile) as page:
        page.wait(LIVE)
        assert page.js("document.documentElement.scrollWidth") <= width
        assert page.js("document.querySelector('#room').clientHeight") >= 150
        for selector in ("button", "dd", "h2", "#distance", "#connection", "#scrub"):
            right = page.js(
                f"Math.max(...[...document.querySelectorAll('main {selector}')].map(e => e.getBoundingClientRect().right))"
            )
            assert right is None or right <= width, selector
        assert min(page.js("[...document.querySelectorAll('#views button')].map(e => e.offsetHeight)")) >= 34


@needs_mosquitto
def test_everything_that_can_be_operated_has_a_name(hall: tuple[Sensor, Page]) -> None:
    _, page = hall
    nodes = page.call("Accessibility.getFullAXTree")["nodes"]
    named = {(n["role"]["value"], n.get("name", {}).get("value", "")) for n in nodes if not n.get("ignored")}
    operable = {(role, name) for role, name in named if role in ("button", "slider", "link", "textbox", "image", "img")}
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
                page.wait("document.querySelector('#login').open && document.querySelector('#password').value === ''")
        page.wait(LIVE)
        kept = "document.documentElement.outerHTML + JSON.stringify([localStorage, sessionStorage, document.cookie])"
        assert "corr3ct" not in page.js(kept)
        assert page.js("document.querySelector('#password').value") == ""
