import logging
from pathlib import Path

import pytest
from msgspec.structs import replace

from edge.output.mqtt.access import PASSWORD_VARIABLE
from edge.output.mqtt.broker_visit import check
from tests.support.broker.mosquitto import Authority, Mosquitto, needs_mosquitto
from tests.support.broker.subscriber import (
    POSE,
    SECRET,
    Subscriber,
    config_for,
    password_file,
    publishing,
)
from tests.support.waiting import LIMIT_S, until

pytestmark = needs_mosquitto


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("tls") / "ours")


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
    assert sorted((topic, retained) for topic, _, retained in messages) == [
        ("posekernel/hall/status", True),
        ("posekernel/hall/summary", True),
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
