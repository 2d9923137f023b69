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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

import edge.output.mqtt.link
from edge.core.config import MqttConfig
from edge.output.mqtt.access import PASSWORD_VARIABLE
from edge.output.mqtt.broker_visit import check
from edge.output.mqtt.connection import MAX_IN_FLIGHT
from edge.output.mqtt.publisher import MqttPublisher
from tests.support import ROOT
from tests.support.broker.mosquitto import Authority, Mosquitto, free_port, needs_mosquitto
from tests.support.broker.relay import Relay
from tests.support.broker.subscriber import SECRET, Subscriber, config_for, password_file
from tests.support.waiting import LIMIT_S, until

pytestmark = needs_mosquitto
WAITED_S = 4.0  # who waits for the network does so for 5 s and more
POSE = {"schema": "posekernel.pose/1", "sequence": 1}


@pytest.fixture(autouse=True)
def _no_password_in_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PASSWORD_VARIABLE, raising=False)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("tls") / "ours")


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path / "broker") as b:
        yield b


@contextmanager
def publishing(config: MqttConfig, device_id: str = "hall") -> Iterator[MqttPublisher]:
    with MqttPublisher(config, device_id, source="simulated") as publisher:
        yield publisher


@pytest.mark.parametrize("protocol", [5, 311])
def test_poses_and_status_arrive(broker: Mosquitto, protocol: int) -> None:
    with Subscriber(broker) as seen:
        with publishing(config_for(broker, protocol=protocol)) as publisher:
            assert publisher.wait_connected(LIMIT_S)
            assert publisher.last_error is None
            online, _ = seen.next("posekernel/hall/status")
            for i in range(50):
                assert publisher.publish_pose(POSE | {"sequence": i})
                assert seen.next("posekernel/hall/pose")[0]["sequence"] == i
        offline, _ = seen.next("posekernel/hall/status")
    assert (online["state"], online["source"], online["schema"]) == (
        "online",
        "simulated",
        "posekernel.status/1",
    )
    assert (offline["state"], offline["reason"]) == ("offline", "stopped")
    assert (publisher.counters.published, publisher.counters.dropped, publisher.counters.lost) == (
        50,
        0,
        0,
    )


def test_status_is_retained_and_poses_are_not(broker: Mosquitto) -> None:
    with Subscriber(broker) as early, publishing(config_for(broker)) as publisher:
        assert publisher.wait_connected(LIMIT_S)
        publisher.publish_pose(POSE)
        early.next("posekernel/hall/pose")
        with Subscriber(broker) as late:
            messages = late.drain()
    assert [(topic, retained) for topic, _, retained in messages] == [
        ("posekernel/hall/status", True)
    ]
    with Subscriber(broker) as later:
        status, retained = later.next("posekernel/hall/status")
    assert retained
    assert status["state"] == "offline"


def test_base_topic(broker: Mosquitto) -> None:
    with (
        Subscriber(broker) as seen,
        publishing(config_for(broker, base_topic="site/3"), "d") as publisher,
    ):
        assert publisher.wait_connected(LIMIT_S)
        publisher.publish_pose(POSE)
        assert seen.next("site/3/d/pose")[0] == POSE


def test_stream_resumes_after_the_broker_was_killed(
    broker: Mosquitto, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO, "edge")
    stop, offered, sent = threading.Event(), [0], [0]
    pauses_s: list[float] = []
    delay_s = edge.output.mqtt.link._delay_s

    def noted(failures: int, longest_s: float) -> float:
        pauses_s.append(delay_s(failures, longest_s))
        return pauses_s[-1]

    monkeypatch.setattr(edge.output.mqtt.link, "_delay_s", noted)

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
    states = [r.message for r in caplog.records if r.name == "edge.output.mqtt.link"]
    assert len([s for s in states if s.startswith("connected")]) == 3
    assert all(a != b for a, b in itertools.pairwise(states)), "one line per change"
    assert len(states) <= 12


def test_offline_messages_are_dropped_not_queued() -> None:
    config = MqttConfig(host="127.0.0.1", port=free_port())
    with publishing(config) as publisher:
        began = time.monotonic()
        for _ in range(2000):
            assert not publisher.publish_pose(POSE)
        assert time.monotonic() - began < WAITED_S
        assert not publisher.wait_connected(0.2)
        assert publisher.counters.dropped == 2000
        assert until(lambda: publisher.last_error)
        assert publisher.last_error is not None
        assert "nothing listens there" in publisher.last_error


def test_a_broker_that_stops_reading_costs_bounded_memory_and_no_time(broker: Mosquitto) -> None:
    big = POSE | {"padding": "x" * 100_000}
    with publishing(config_for(broker)) as publisher:
        assert publisher.wait_connected(LIMIT_S)
        broker.freeze()
        slowest = 0.0
        for _ in range(300):
            began = time.monotonic()
            publisher.publish_pose(big)
            slowest = max(slowest, time.monotonic() - began)
            time.sleep(0.001)
        assert publisher.counters.dropped > 0
        assert 0 < publisher._stream.unsent <= MAX_IN_FLIGHT
        assert slowest < WAITED_S
        began = time.monotonic()
        publisher.close()
        assert time.monotonic() - began < WAITED_S
        broker.thaw()


def test_unsent_messages_of_a_broken_connection_are_counted(broker: Mosquitto) -> None:
    big = POSE | {"padding": "x" * 100_000}
    with publishing(config_for(broker)) as publisher:
        assert publisher.wait_connected(LIMIT_S)
        broker.freeze()
        while publisher.publish_pose(big):
            time.sleep(0.001)
        unsent = publisher._stream.unsent
        broker.kill()
        assert until(lambda: not publisher.connected)
        assert unsent > 0
        assert until(lambda: publisher.counters.lost >= unsent - 1)


def test_a_broker_that_reads_slowly_makes_poses_few_and_not_old(broker: Mosquitto) -> None:
    """The kernel's buffer alone would hold minutes of them."""
    with (
        Relay(broker.port) as relay,
        Subscriber(broker) as seen,
        publishing(config_for(broker, port=relay.port)) as publisher,
    ):
        assert publisher.wait_connected(LIMIT_S)
        relay.bytes_per_s = 10_000.0
        deadline, said = time.monotonic() + LIMIT_S, 0
        while publisher.counters.dropped < 20 and time.monotonic() < deadline:
            publisher.publish_pose(POSE | {"sequence": said, "padding": "x" * 3_000})
            said += 1
            time.sleep(0.02)
        assert publisher.counters.dropped >= 20
        relay.bytes_per_s = None
        assert until(
            lambda: publisher._stream._connection is not None and publisher._stream.unsent == 0
        )
        assert publisher.publish_pose(POSE | {"sequence": said})
        arrived: list[int] = []
        while said not in arrived:
            arrived.append(seen.next("posekernel/hall/pose")[0]["sequence"])
        assert arrived == sorted(arrived)
        assert len(arrived) <= said - 20 + 1


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


def test_password_from_file_and_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Mosquitto(tmp_path / "b", passwords={"node": SECRET}) as broker:
        named = config_for(broker, username="node")
        assert check(replace(named, password_file=password_file(tmp_path))) is None
        monkeypatch.setenv(PASSWORD_VARIABLE, SECRET)
        assert check(named) is None
        monkeypatch.setenv(PASSWORD_VARIABLE, "wrong")
        assert check(replace(named, password_file=password_file(tmp_path))) is None, "the file wins"


@pytest.mark.parametrize("protocol", [5, 311])
def test_wrong_password_is_one_clear_sentence(
    tmp_path: Path, protocol: int, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = password_file(tmp_path, "not-" + SECRET)
    with Mosquitto(tmp_path / "b", passwords={"node": SECRET}) as broker:
        config = config_for(broker, username="node", password_file=wrong, protocol=protocol)
        problem = check(config)
        with publishing(config) as publisher:
            assert not publisher.wait_connected(1.0)
            assert publisher.last_error == problem
    assert problem is not None
    assert problem.startswith(f"MQTT broker at 127.0.0.1:{broker.port} refused user 'node'")
    assert f"check mqtt.username, the password in {wrong}" in problem
    assert len([r for r in caplog.records if "refused user" in r.getMessage()]) == 1


def test_wrong_password_is_mended_without_a_restart(tmp_path: Path) -> None:
    path = password_file(tmp_path, "wrong")
    with (
        Mosquitto(tmp_path / "b", passwords={"node": SECRET}) as broker,
        publishing(config_for(broker, username="node", password_file=path)) as publisher,
    ):
        assert until(lambda: publisher.last_error)
        password_file(tmp_path)
        assert publisher.wait_connected(LIMIT_S)
        assert publisher.last_error is None


def test_anonymous_where_a_user_is_needed(tmp_path: Path) -> None:
    with Mosquitto(tmp_path / "b", passwords={"node": SECRET}) as broker:
        problem = check(config_for(broker))
    assert problem is not None
    assert "refused an anonymous client" in problem
    assert "mqtt.username" in problem


def test_unreadable_password_file(broker: Mosquitto, tmp_path: Path) -> None:
    problem = check(config_for(broker, username="node", password_file=str(tmp_path / "absent")))
    assert (
        problem
        == f"mqtt.password_file: cannot read {tmp_path}/absent (No such file or directory); "
        "create it, mode 0600"
    )


def test_secret_stays_secret(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with Mosquitto(tmp_path / "b", passwords={"node": "another"}) as broker:
        config = config_for(broker, username="node", password_file=password_file(tmp_path))
        with publishing(config) as publisher:
            assert until(lambda: publisher.last_error)
            texts = [
                repr(publisher),
                str(publisher.last_error),
                repr(config),
                str(check(config)),
                repr(publisher.counters),
            ]
    with (
        Mosquitto(tmp_path / "c", passwords={"node": SECRET}) as broker,
        Subscriber(broker, "#", "node", SECRET) as seen,
    ):
        with publishing(replace(config, port=broker.port)) as publisher:
            assert publisher.wait_connected(LIMIT_S)
            texts += [repr(publisher), repr(publisher._stream._connection)]
        texts += [payload.decode() for _, payload, _ in seen.drain()]
    texts += [r.getMessage() + str(r.args) + str(r.exc_text) for r in caplog.records]
    assert len(texts) > 8
    assert not [t for t in texts if SECRET in t]


ACL = "user node\ntopic readwrite posekernel/hall/#\nuser reader\ntopic read #\n"


def test_a_device_writes_only_below_its_own_id(tmp_path: Path) -> None:
    passwords = {"node": SECRET, "reader": "r"}
    with (
        Mosquitto(tmp_path / "b", passwords=passwords, acl=ACL) as broker,
        Subscriber(broker, "#", "reader", "r") as seen,
    ):
        config = config_for(broker, username="node", password_file=password_file(tmp_path))
        assert check(config, "hall") is None
        with publishing(config) as publisher:
            assert publisher.wait_connected(LIMIT_S)
        seen.drain()
        problem = check(config, "kitchen")
        with publishing(config, "kitchen") as publisher:
            assert not publisher.wait_connected(1.0)
            denied = publisher.last_error
        assert seen.drain() == []
    for text in (problem, denied):
        assert text is not None
        assert "does not let user 'node' publish to posekernel/kitchen/" in text
        assert "ACL" in text


def test_two_clients_with_one_id_are_told(
    broker: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    def told() -> list[str]:
        return [
            r.getMessage()
            for r in caplog.records
            if "uses the id 'posekernel-hall'" in r.getMessage()
        ]

    with publishing(config_for(broker)), publishing(config_for(broker)):
        assert until(told)
    assert "device.id" in told()[0]


def test_tls(tmp_path: Path, authority: Authority) -> None:
    with Mosquitto(tmp_path / "b", tls=authority, passwords={"node": SECRET}) as broker:
        config = config_for(broker, tls=True, ca_file=str(authority.certificate), username="node")
        config = replace(config, password_file=password_file(tmp_path))
        with publishing(config) as publisher:
            assert publisher.wait_connected(LIMIT_S), publisher.last_error
            assert publisher.publish_pose(POSE)
            broker.kill()
            assert until(lambda: not publisher.connected)
            broker.start()
            assert publisher.wait_connected(LIMIT_S)
        assert publisher.counters.connections == 2


def test_tls_trouble_is_one_clear_sentence_each(tmp_path: Path, authority: Authority) -> None:
    foreign = Authority.create(tmp_path / "foreign")
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("not a certificate")
    with Mosquitto(tmp_path / "b", tls=authority) as broker:
        config = config_for(broker, tls=True, ca_file=str(authority.certificate))
        assert check(config) is None
        problems = [
            ("certificate is not trusted (", replace(config, ca_file=str(foreign.certificate))),
            ("certificate is not trusted (", replace(config, ca_file="")),
            (
                "closed the connection before it answered; if it is a TLS port set mqtt.tls = true",
                config_for(broker),
            ),
            (f"mqtt.ca_file: cannot use {garbage}", replace(config, ca_file=str(garbage))),
            (
                "mqtt.ca_file: cannot use /absent (No such file or directory)",
                replace(config, ca_file="/absent"),
            ),
            (
                "mqtt.client_cert, mqtt.client_key: cannot use",
                replace(config, client_cert="/absent", client_key="/absent"),
            ),
        ]
        for expected, wrong in problems:
            problem = check(wrong)
            assert problem is not None, expected
            assert expected in problem
            assert "\n" not in problem
    expired = authority.issue("expired", days=-1)
    elsewhere = authority.issue("elsewhere", alternative_names="DNS:elsewhere")
    for name, certificate, expected in (
        ("e", expired, "certificate has expired"),
        ("f", elsewhere, "certificate is not valid"),
    ):
        with Mosquitto(tmp_path / name, tls=authority, certificate=certificate) as broker:
            problem = check(config_for(broker, tls=True, ca_file=str(authority.certificate)))
            assert problem is not None
            assert expected in problem


def test_tls_against_a_plain_port(broker: Mosquitto, authority: Authority) -> None:
    problem = check(config_for(broker, tls=True, ca_file=str(authority.certificate)))
    assert problem is not None
    assert "mqtt.port" in problem
    assert "TLS" in problem


def test_client_certificates(tmp_path: Path, authority: Authority) -> None:
    foreign = Authority.create(tmp_path / "foreign")
    with Mosquitto(tmp_path / "b", tls=authority, require_certificate=True) as broker:
        config = config_for(broker, tls=True, ca_file=str(authority.certificate))

        def shown(pair: tuple[Path, Path]) -> str | None:
            return check(replace(config, client_cert=str(pair[0]), client_key=str(pair[1])))

        assert shown(authority.issue("node")) is None
        where = f"MQTT broker at 127.0.0.1:{broker.port}"
        assert (
            check(config)
            == f"{where} wants a client certificate; set mqtt.client_cert and mqtt.client_key"
        )
        for pair, cause in (
            (foreign.issue("node"), "unknown ca"),
            (authority.issue("old", days=-1), "certificate expired"),
        ):
            problem = shown(pair)
            assert problem is not None
            assert problem.startswith(f"{where} rejects our client certificate {pair[0]} ({cause})")


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
