import logging
import os
import secrets
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.sensor.process.systemd import Heartbeat, notify, watchdog_s
from tests.support.waiting import LIMIT_S

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="systemd is Linux only")


class Systemd:
    """The receiving end of sd_notify."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self._socket.settimeout(LIMIT_S)

    def next(self) -> str:
        return self._socket.recv(4096).decode()

    def rest(self) -> list[str]:
        self._socket.setblocking(False)
        found = []
        try:
            while True:
                found.append(self._socket.recv(4096).decode())
        except BlockingIOError:
            return found
        finally:
            self._socket.settimeout(LIMIT_S)

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def systemd(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Systemd]:
    address = (
        str(tmp_path / "notify")
        if request.param == "path"
        else f"@posekernel-{secrets.token_hex(8)}"
    )
    receiver = Systemd(address)
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    yield receiver
    receiver.close()


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_notify_arrives(systemd: Systemd) -> None:
    assert notify("READY=1\nSTATUS=läuft")
    assert systemd.next() == "READY=1\nSTATUS=läuft"


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:9"}])
def test_without_systemd_nothing_happens(environment: dict[str, str]) -> None:
    assert not notify("READY=1", environment)


def test_systemd_gone_is_survived(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert not notify("READY=1", {"NOTIFY_SOCKET": str(tmp_path / "nobody")})
    assert "systemd could not be notified" in caplog.text


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "10000000"}, 10.0),
        ({"WATCHDOG_USEC": "500000", "WATCHDOG_PID": str(os.getpid())}, 0.5),
        ({"WATCHDOG_USEC": "500000", "WATCHDOG_PID": "1"}, None),
    ],
)
def test_watchdog_interval(environment: dict[str, str], expected: float | None) -> None:
    assert watchdog_s(environment) == expected


def test_pings_only_while_every_stage_reports(
    systemd: Systemd, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    clock = Clock()
    heart = Heartbeat(clock=clock, sound=1.0, image=5.0)
    assert heart.tick() == ()
    assert systemd.rest() == ["WATCHDOG=1", "STATUS=running"]

    clock.now += 0.9
    assert heart.tick() == ()
    assert systemd.rest() == ["WATCHDOG=1"]

    clock.now += 0.2
    heart.beat("image")
    assert heart.tick() == ("sound",)
    assert systemd.rest() == ["STATUS=no sign of life from sound"]
    assert heart.tick() == ("sound",)
    assert systemd.rest() == [], "notified once, and no ping"

    clock.now += 6.0
    heart.beat("sound")
    assert heart.tick() == ("image",)
    assert systemd.rest() == ["STATUS=no sign of life from image"]

    heart.beat("image")
    assert heart.tick() == ()
    assert systemd.rest() == ["WATCHDOG=1", "STATUS=running"]
    assert [r.message for r in caplog.records] == [
        "no sign of life from sound", "no sign of life from image", "all stages report again",
    ]  # fmt: skip


def test_an_unknown_stage_is_an_error() -> None:
    with pytest.raises(KeyError, match="soundd"):
        Heartbeat(sound=1.0).beat("soundd")


def test_thread_pings_until_a_stage_hangs(
    systemd: Systemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "100000")
    clock = Clock()
    with Heartbeat(clock=clock, sound=0.5) as heart:
        assert [systemd.next() for _ in range(3)] == ["READY=1", "WATCHDOG=1", "STATUS=running"]
        for _ in range(4):
            clock.now += 0.4
            heart.beat("sound")
            assert [systemd.next() for _ in range(4)] == ["WATCHDOG=1"] * 4
            assert heart.late() == ()
        clock.now += 0.6
        while (status := systemd.next()) == "WATCHDOG=1":
            pass
        assert status == "STATUS=no sign of life from sound"
        threading.Event().wait(0.3)
        assert systemd.rest() == []
    assert systemd.rest() == ["STOPPING=1"]
    heart.close()
    assert systemd.rest() == []


def test_works_without_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    with Heartbeat(sound=60.0) as heart:
        heart.beat("sound")
        assert heart.tick() == ()
