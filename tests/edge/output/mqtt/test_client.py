"""Connecting, coming back, the last will and the goodbye."""

import gc
import itertools
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from msgspec.structs import replace

import edge.output.mqtt.client
from edge.core.config import MqttConfig
from edge.output.mqtt.broker_visit import check
from edge.output.mqtt.publisher import MqttPublisher
from tests.support import ROOT
from tests.support.broker.mosquitto import Mosquitto, free_port, needs_mosquitto
from tests.support.broker.subscriber import POSE, WAITED_S, Subscriber, config_for, publishing
from tests.support.waiting import LIMIT_S, until

pytestmark = needs_mosquitto


def test_stream_resumes_after_the_broker_was_killed(
    broker: Mosquitto, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO, "edge")
    stop, offered, sent = threading.Event(), [0], [0]
    pauses_s: list[float] = []
    delay_s = edge.output.mqtt.client._delay_s

    def noted(failures: int, longest_s: float) -> float:
        pauses_s.append(delay_s(failures, longest_s))
        return pauses_s[-1]

    monkeypatch.setattr(edge.output.mqtt.client, "_delay_s", noted)

    def stream(publisher: MqttPublisher) -> None:
        while not stop.wait(0.02):
            sent[0] += publisher.publish_pose(POSE | {"sequence": offered[0]})
            offered[0] += 1

    with publishing(config_for(broker)) as publisher:
        assert publisher.wait_connected(LIMIT_S)
        worker = threading.Thread(target=stream, args=(publisher,))
        worker.start()
        try:
            for tries in (1, 4):
                with Subscriber(broker, "posekernel/hall/pose") as seen:
                    seen.next("posekernel/hall/pose")
                broker.kill()
                assert until(lambda: not publisher.connected)
                assert publisher.last_error is not None
                dropped, tried = publisher.counters.dropped, len(pauses_s)
                assert until(lambda n=dropped: publisher.counters.dropped > n)
                assert until(lambda n=tried + tries: len(pauses_s) >= n)
                broker.start()
                with Subscriber(broker, "posekernel/hall/pose") as seen:
                    seen.next("posekernel/hall/pose")
        finally:
            stop.set()
            worker.join()
    assert publisher.counters.published == sent[0]
    assert publisher.counters.published + publisher.counters.dropped == offered[0]
    assert publisher.counters.connections == 3
    assert max(pauses_s) <= 2.0, "the stream is to resume within 3 s"
    states = [r.message for r in caplog.records if r.name == "edge.output.mqtt.client"]
    assert len([s for s in states if s.startswith("connected")]) == 3
    assert all(a != b for a, b in itertools.pairwise(states)), "one line per change"
    assert len(states) <= 12


@pytest.mark.parametrize("state", ["connected", "away", "silent"])
def test_close_waits_for_nobody(broker: Mosquitto, state: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        ports = {"connected": broker.port, "away": free_port(), "silent": silent.getsockname()[1]}
        publisher = MqttPublisher(
            MqttConfig(host="127.0.0.1", port=ports[state]), "hall", source="simulated"
        )
        assert publisher.wait_connected(LIMIT_S if state == "connected" else 1.0) == (
            state == "connected"
        )
        began = time.monotonic()
        publisher.close()
        assert time.monotonic() - began < WAITED_S
        publisher.close()
        assert not publisher.publish_pose(POSE)


def test_last_will_when_the_process_is_killed(broker: Mosquitto) -> None:
    program = (
        "import sys, time\n"
        "from edge.core.config import MqttConfig\n"
        "from edge.output.mqtt.publisher import MqttPublisher\n"
        "config = MqttConfig(host='127.0.0.1', port=int(sys.argv[1]))\n"
        "p = MqttPublisher(config, 'hall', source='device')\n"
        "assert p.wait_connected(60); time.sleep(600)"
    )
    with Subscriber(broker) as seen:
        process = subprocess.Popen([sys.executable, "-c", program, str(broker.port)], cwd=ROOT)
        try:
            assert seen.next("posekernel/hall/status")[0]["state"] == "online"
            process.send_signal(signal.SIGKILL)
            will, _ = seen.next("posekernel/hall/status")
        finally:
            process.kill()
            process.wait()
    assert (will["state"], will["reason"], will["source"], will["timestamp"]) == (
        "offline",
        "connection lost",
        "device",
        None,
    )
    with Subscriber(broker) as late:
        assert late.next("posekernel/hall/status") == (will, True)


def test_two_clients_with_one_id_are_reported(
    broker: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    def reports() -> list[str]:
        return [
            r.getMessage()
            for r in caplog.records
            if "uses the id 'posekernel-hall'" in r.getMessage()
        ]

    with publishing(config_for(broker)), publishing(config_for(broker)):
        assert until(reports)
    assert "device.id" in reports()[0]


def test_broker_that_is_not_there() -> None:
    port = free_port()
    problem = check(MqttConfig(host="127.0.0.1", port=port))
    assert problem == (
        f"MQTT broker at 127.0.0.1:{port}: nothing listens there; "
        "start the broker or set mqtt.host and mqtt.port"
    )
    problem = check(MqttConfig(host="no-such-host.invalid"))
    assert problem is not None
    assert "cannot be resolved" in problem


def test_reconnecting_leaks_nothing(broker: Mosquitto) -> None:
    def open_files() -> int:
        return len(os.listdir("/proc/self/fd"))

    config = config_for(broker)
    away = replace(config, port=free_port())
    check(config)
    before, threads = open_files(), threading.active_count()
    gc.disable()
    try:
        for _ in range(20):
            assert check(config) is None
            assert check(away) is not None
        assert open_files() <= before + 2
    finally:
        gc.enable()
    assert threading.active_count() <= threads
