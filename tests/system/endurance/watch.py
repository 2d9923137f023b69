"""Looks at a running sensor from outside: process, broker, page, watchdog."""

import json
import threading
import time
import urllib.request
from dataclasses import dataclass, field
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from tests.system.endurance.sensor import NAME, Sensor, process_state

SAMPLE_S = 5.0


@dataclass
class Sample:
    """One look. seconds: since the start. telemetry: the newest message, None before the first."""

    seconds: float
    memory_mb: float
    threads: int
    descriptors: int
    watchdog_gap_s: float
    page_ok: bool
    telemetry: dict[str, Any] | None
    poses: list[dict[str, Any]] = field(default_factory=list)
    events: list[int] = field(default_factory=list)


class Listener:
    """Subscribes to all of the sensor. `take` gives what came since the last call."""

    def __init__(self, port: int) -> None:
        self.telemetry: dict[str, Any] | None = None
        self._poses: list[dict[str, Any]] = []
        self._events: list[int] = []
        self._lock = threading.Lock()
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id="endurance-listener", protocol=mqtt.MQTTv5
        )
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda c, *_: c.subscribe(f"posekernel/{NAME}/#", qos=1)
        self._client.on_message = self._hear
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def command(self, name: str, payload: dict[str, Any]) -> None:
        """Command the sensor."""
        self._client.publish(
            f"posekernel/{NAME}/cmd/{name}", json.dumps(payload), qos=1
        ).wait_for_publish(10.0)

    def take(self) -> tuple[list[dict[str, Any]], list[int]]:
        """Poses (only what is looked at, of the first person) and numbers of events."""
        with self._lock:
            poses, self._poses = self._poses, []
            events, self._events = self._events, []
        return poses, events

    def _hear(self, _client: Any, _data: Any, message: mqtt.MQTTMessage) -> None:
        kind = message.topic.rsplit("/", 1)[-1]
        if kind not in ("pose", "event", "telemetry"):
            return
        content = json.loads(message.payload)
        with self._lock:
            if kind == "pose":
                first = content["people"][0]
                self._poses.append(
                    {k: content[k] for k in ("sequence", "latency_ms")}
                    | {k: first[k] for k in ("scale_source", "sir_db")}
                )
            elif kind == "event":
                self._events.append(content["sequence"])
            else:
                self.telemetry = content


def watch(sensor: Sensor, minutes: float, every_min: float) -> list[Sample]:
    """Samples, while each `every_min` minutes the broker is killed or sensing is off."""
    listener, samples = Listener(sensor.broker.port), []
    began_s = time.monotonic()
    next_trouble_s, turn = 60.0 * every_min, 0
    while (now_s := time.monotonic() - began_s) < 60.0 * minutes:
        if not sensor.alive:
            raise RuntimeError(f"the sensor ended after {now_s:.0f} s:\n{sensor.log[-2000:]}")
        poses, events = listener.take()
        samples.append(
            Sample(
                now_s,
                **process_state(sensor.pid),
                watchdog_gap_s=sensor.watchdog.take_longest_s(),
                page_ok=_page_answers(sensor.web_port),
                telemetry=listener.telemetry,
                poses=poses,
                events=events,
            )
        )
        if now_s >= next_trouble_s:
            next_trouble_s += 60.0 * every_min
            turn += 1
            if turn % 2:
                sensor.restart_broker()
            else:
                listener.command("sensing", {"on": False})
                time.sleep(5.0)
                listener.command("sensing", {"on": True})
        if len(samples) % 60 == 0:
            s = samples[-1]
            print(
                f"{s.seconds / 60:.0f} min: {s.memory_mb:.1f} MB, {s.descriptors} descriptors, "
                f"{s.threads} threads",
                flush=True,
            )
        time.sleep(max(0.0, SAMPLE_S - (time.monotonic() - began_s - now_s)))
    return samples


def _page_answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5.0) as answer:
            return bool(answer.status == 200 and answer.read())
    except OSError:
        return False
