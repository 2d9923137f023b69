"""Events against what happens to broker, disk and process."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from edge.output.mqtt.access import PASSWORD_VARIABLE
from edge.output.mqtt.connection import Connection
from edge.output.mqtt.publisher import MqttPublisher
from edge.sources.session.reader import DEMO_SESSION
from tests.support import ROOT
from tests.support.broker.event_delivery import measure
from tests.support.broker.mosquitto import Mosquitto, needs_mosquitto
from tests.support.broker.subscriber import SECRET, Subscriber, config_for, password_file
from tests.support.waiting import LIMIT_S, until

EVENT = "posekernel/hall/event"


def publisher(broker: Mosquitto, path: Path | None, **changes: Any) -> MqttPublisher:
    return MqttPublisher(
        config_for(broker, **changes), "hall", source="simulated", outbox_path=path
    )


@needs_mosquitto
def test_nothing_is_lost_while_broker_and_sensor_are_killed(tmp_path: Path) -> None:
    outcome = measure(tmp_path, kills=3, restarts=1, seconds=8.0)
    assert outcome.accepted > 20
    assert (outcome.missing, outcome.gaps, outcome.disorder) == (0, 0, 0)
    assert outcome.resumed == 3


@needs_mosquitto
@pytest.mark.parametrize("protocol", [5, 311])
def test_events_of_an_offline_sensor_arrive_in_order_after_a_restart(
    tmp_path: Path, protocol: int
) -> None:
    with Mosquitto(tmp_path / "b") as broker:
        broker.kill()
        with publisher(broker, tmp_path / "o", protocol=protocol) as offline:
            first = [offline.publish_event({"n": n}) for n in range(50)]
        broker.start()
        with (
            Subscriber(broker, EVENT) as seen,
            publisher(broker, tmp_path / "o", protocol=protocol) as online,
        ):
            last = online.publish_event({"n": 50})
            got = [seen.next(EVENT)[0] for _ in range(51)]
            assert until(lambda: online.outbox.depth == 0)
            assert seen.drain() == []
    assert [m["n"] for m in got] == list(range(51))
    assert [m["sequence"] for m in got] == [*first, last] == list(range(first[0], first[0] + 51))


@pytest.mark.slow
@needs_mosquitto
def test_the_whole_program_delivers_after_a_kill_what_it_saw_before(tmp_path: Path) -> None:
    with Mosquitto(tmp_path / "b") as broker:
        config = tmp_path / "config.toml"
        config.write_text(
            f'[device]\nid = "hall"\n'
            f'[source]\nkind = "replay"\npath = "{DEMO_SESSION}"\nloop = true\n'
            f'[mqtt]\nhost = "127.0.0.1"\nport = {broker.port}\n'
            f'[runtime]\nstate_dir = "{tmp_path}"\n'
        )
        command = [sys.executable, "-m", "edge", "run", "--config", str(config)]
        broker.kill()
        first = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
        try:
            assert until((tmp_path / "hall.outbox").exists)
            assert until(lambda: waiting(tmp_path / "hall.outbox"))
        finally:
            first.kill()
            first.wait()
        broker.start()
        with Subscriber(broker, EVENT) as seen:
            second = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
            try:
                before, after = seen.next(EVENT)[0], seen.next(EVENT)[0]
            finally:
                second.kill()
                second.wait()
    assert (before["kind"], after["kind"]) == ("person_entered", "person_entered")
    assert after["sequence"] == before["sequence"] + 1
    assert after["timestamp"] >= before["timestamp"]  # both people of the session come at once


def waiting(path: Path) -> int:
    """Events in the file of an outbox that another process owns."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as file:
        try:
            return int(file.execute("SELECT COUNT(*) FROM event").fetchone()[0])
        except sqlite3.OperationalError:  # not made yet
            return 0


@needs_mosquitto
def test_at_most_sixteen_are_unacknowledged(tmp_path: Path) -> None:
    with Mosquitto(tmp_path / "b") as broker, publisher(broker, tmp_path / "o") as p:
        assert p.wait_connected(LIMIT_S)
        broker.freeze()
        for n in range(100):
            p.publish_event({"n": n})
        assert until(lambda: p._traffic.delivery.unacknowledged)
        assert not until(lambda: p._traffic.delivery.unacknowledged > 16, 0.5)
        assert p.outbox.depth == 100
        broker.thaw()
        assert until(lambda: p.outbox.depth == 0)


@needs_mosquitto
def test_a_denied_event_waits_and_is_one_clear_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv(PASSWORD_VARIABLE, raising=False)
    acl = "".join(f"topic write posekernel/hall/{n}\n" for n in ("status", "summary", "pose"))
    passwords = {"node": SECRET}
    with Mosquitto(tmp_path / "b", passwords=passwords, acl=f"user node\n{acl}") as broker:
        access = {"username": "node", "password_file": password_file(tmp_path)}
        with publisher(broker, tmp_path / "o", **access) as p:
            assert p.wait_connected(LIMIT_S)
            p.publish_event({"n": 1})
            assert until(lambda: p.last_error)
            assert p.last_error is not None
            assert f"does not let user 'node' publish to {EVENT} (" in p.last_error
            assert "ACL" in p.last_error
            assert p.connected
            assert p.publish_pose({"sequence": 1})
            assert p.outbox.depth == 1
    assert len([r for r in caplog.records if EVENT in r.getMessage()]) == 1


@needs_mosquitto
def test_the_denial_of_one_message_is_not_that_of_a_later_one_with_its_number(
    tmp_path: Path,
) -> None:
    acl = "user node\ntopic write posekernel/hall/status\n"
    with Mosquitto(tmp_path / "b", passwords={"node": SECRET}, acl=acl) as broker:
        connection = Connection(
            config_for(broker, username="node", password_file=password_file(tmp_path)), "node"
        )
        try:
            connection.open()
            denied = connection.post(EVENT, b"{}")
            assert until(lambda: denied.answered)
            assert connection._client is not None
            connection._client._last_mid -= 1  # after 65,535 messages they come again
            connection.publish_acknowledged("posekernel/hall/status", b"{}", LIMIT_S)
        finally:
            connection.close()
