"""A sensor of made-up people, and what a test looks at on its page."""

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec
import numpy as np

from edge.core.config import Config, DeviceConfig, MqttConfig, WebConfig, ZoneConfig
from edge.core.pose import LiftedPose, PersonEstimate
from edge.core.rig import Camera, Rig
from edge.output.messages.echo_profile import BINS, envelope_message
from edge.output.messages.fields import Message
from edge.output.messages.payloads import event_message, pose_message
from edge.output.messages.room_messages import EventKind
from edge.output.mqtt.embedded_broker import EmbeddedBroker
from edge.output.mqtt.publisher import MqttPublisher
from edge.output.page.server import WebServer
from tests.support.bodies import standing
from tests.support.broker.mosquitto import Mosquitto
from tests.support.messages import a_person, an_estimate
from tests.support.waiting import LIMIT_S

if TYPE_CHECKING:
    from tests.support.browser.chromium import Page

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


def canvas(page: "Page") -> str:
    return hashlib.sha256(
        page.js("document.querySelector('#room').toDataURL()").encode()
    ).hexdigest()


def caught(page: "Page", expression: str, timeout_s: float = LIMIT_S) -> Any:
    """The value of an expression that is null between two poses, once it is not."""
    page.wait(f"(window.caught = {expression}) != null", timeout_s)
    return page.js("window.caught")


def assert_on_this_host(page: "Page") -> None:
    requests = page.requests()
    assert len(requests) >= 8
    assert {
        urlsplit(url).hostname for url in requests if not url.startswith(("about:", "data:"))
    } == {"127.0.0.1"}
