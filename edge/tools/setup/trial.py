"""Tries what the sensor is for, before it starts: whether it sees somebody, and whether the word of
a fall would arrive.
"""

import io
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from msgspec import structs

from edge.core.config import Config, MqttConfig
from edge.core.errors import ModelError
from edge.core.pose import Activity, FrameEstimate, LiftedPose, PersonEstimate
from edge.lifting.lifter import MODELS
from edge.output.messages.events import EventKeeper
from edge.output.messages.fields import Message
from edge.output.messages.payloads import encode
from edge.output.mqtt.broker_visit import round_trip
from edge.sensor.kept_permissions import control_file
from edge.sensor.permissions import Sensing
from edge.sensor.plan import prepare
from edge.sensor.process.console import Console
from edge.sensor.process.running_sensor import RunningSensor
from edge.sensor.process.warm_up import warm_up
from edge.sensor.reports.telemetry import Telemetry

TEST_SCHEMA = "posekernel.test/1"
_RATE_HZ = 15.0
_ENOUGH = 40  # images in which somebody was present


@dataclass(frozen=True, slots=True)
class PresenceTrial:
    """What a sensor saw in a while. poses: images with somebody in view. present: those with
    somebody who counts as present. nearest_m: the least distance of anybody's hips, None without.
    """

    poses: int
    present: int
    by_sound: int
    nearest_m: float | None
    most: int


def try_presence(config: Config, seconds: float, say: Callable[[str], None]) -> PresenceTrial:
    """Run the whole sensor on its devices for so long, without a broker; sound mode and quiet hours
    are heeded. It ends early once somebody was present for long enough. Raises PosekernelError.
    """
    config = structs.replace(
        config,
        mqtt=structs.replace(config.mqtt, enabled=False),
        web=structs.replace(config.web, enabled=False),
        osc=structs.replace(config.osc, enabled=False),
    )
    plan, pipeline = prepare(config)
    say("preparing; the very first start compiles for up to a minute")
    warm_up(pipeline)
    stop, quiet = threading.Event(), io.StringIO()
    telemetry = Telemetry(config, plan.kind, pipeline, MODELS)
    sensing = Sensing(config, control_file(config))
    seen: list[FrameEstimate] = []
    present = 0
    timer = threading.Timer(seconds, stop.set)
    timer.daemon = True
    with RunningSensor(
        plan, pipeline, sensing, telemetry, Console(False, quiet, quiet), stop
    ) as sensor:
        say(f"looking and listening for {seconds:g} s: walk about in front of the camera")
        timer.start()
        try:
            for estimate in sensor.poses(lambda stage: sensing.tick()):
                seen.append(estimate)
                present += bool(estimate.present)
                if present >= _ENOUGH:
                    stop.set()
        finally:
            timer.cancel()
    return _summed(seen)


def _summed(seen: list[FrameEstimate]) -> PresenceTrial:
    people = [person for estimate in seen for person in estimate.people]
    return PresenceTrial(
        poses=len(seen),
        present=sum(bool(estimate.present) for estimate in seen),
        by_sound=sum(person.pose.scale_source == "sound" for person in people),
        nearest_m=min((p.pose.mid_hip_distance_m for p in people), default=None),
        most=max((len(estimate.people) + estimate.more for estimate in seen), default=0),
    )


def try_fall(mqtt: MqttConfig, device_id: str) -> tuple[float, float]:
    """(time from the floor to the event, time to the broker and back) [s] of a made-up fall.

    It goes through the sensor's own detection and message, and to the topic `test` of the sensor,
    inside a message that says that it is a test: nothing that waits for a fall gets one. Raises
    PosekernelError.
    """
    event, after_s = _made_up_fall(device_id)
    message = {
        "schema": TEST_SCHEMA,
        "id": device_id,
        "test": True,
        "text": "TEST by posekernel setup: nobody fell",
        "would_be": event | {"sequence": 0},
    }
    took_s = round_trip(mqtt, f"{mqtt.base_topic}/{device_id}/test", encode(message))
    return after_s, took_s


def _made_up_fall(device_id: str) -> tuple[Message, float]:
    events: list[Message] = []
    now_s, upright_s, drop_s = 0.0, 2.0, 0.6
    keeper = EventKeeper(device_id, "simulated", events.append, clock=lambda: now_s)
    while now_s < upright_s + drop_s + 3.0:
        down = min(max((now_s - upright_s) / drop_s, 0.0), 1.0)
        keeper.pose(_figure(1.0 - down, now_s))
        falls = [event for event in events if event["kind"] == "fall"]
        if falls:
            return falls[0], now_s - upright_s - drop_s
        now_s += 1.0 / _RATE_HZ
    raise ModelError("a made-up fall was not recognised; install another release")


def _figure(upright: float, t_s: float) -> FrameEstimate:
    """Somebody 3 m away whose trunk is between the floor (0) and upright (1)."""
    activity = Activity(
        floor_m=(0.0, 3.0),
        hip_height_m=0.1 + 0.8 * upright,
        chest_height_m=0.14 + 1.2 * upright,
        standing_height_m=1.7,
    )
    joints = np.tile((0.0, 0.0, 3.0), (15, 1))
    pose = LiftedPose(joints, np.full(15, 0.05), np.full(15, 0.9), "sound", 10.0)
    person = PersonEstimate(1, pose, None, "present", activity)
    t_ns, k = round(t_s * 1e9), round(t_s * _RATE_HZ)
    return FrameEstimate(k, k, t_ns, time.time_ns(), (person,), 0, None, None, "simulated")
