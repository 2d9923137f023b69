"""The page is answered under its own names and addresses, and no other name that points there."""

import socket

import pytest

from edge.core.config import Config, DeviceConfig, WebConfig
from edge.output.page.server import WebServer
from tests.support.browser.served_page import RIG, with_host


@pytest.mark.parametrize("host", ["127.0.0.1:{0}", "localhost:{0}", "LocalHost:{0}", "[::1]:{0}"])
def test_on_loopback_the_loopback_names_are_answered(server: WebServer, host: str) -> None:
    assert with_host(server, host.format(server.port)).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "hosts",
    [
        (), ("",), ("evil.example:{0}",), ("localhost",), ("localhost:1",),
        ("127.0.0.1.evil.example:{0}",), ("192.168.1.5:{0}",), (":{0}",),
        ("localhost:{0}", "localhost:{0}"), ("localhost:{0}", "evil.example:{0}"),
        ("evil@localhost:{0}",),
    ],
)  # fmt: skip
def test_a_name_that_was_pointed_at_loopback_is_refused(
    server: WebServer, hosts: tuple[str, ...]
) -> None:
    answer = with_host(server, *(h.format(server.port) for h in hosts))
    assert answer.startswith(b"HTTP/1.1 421")
    assert b"frame-ancestors 'none'" in answer
    assert answer.endswith(
        b"the Host header does not name this page; open it at the address that posekernel printed\n"
    )
    assert b"posekernel.page" not in answer


def test_beyond_loopback_addresses_and_the_machines_own_names_are_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "Hall.lan")
    config = Config(
        device=DeviceConfig("hall"), web=WebConfig(True, "0.0.0.0", 0, "ws://127.0.0.1:9001/")
    )
    with WebServer(config, RIG) as s:
        for host in (
            "192.168.1.5:{0}",
            "10.0.0.1",
            "[fe80::1]:{0}",
            "localhost:{0}",
            "hall:{0}",
            "hall.local:{0}",
            "hall.lan:{0}",
        ):
            assert with_host(s, host.format(s.port)).startswith(b"HTTP/1.1 200"), host
        for host in (
            "evil.example:{0}",
            "hall.evil.example:{0}",
            "hall",
            "1.2.3:{0}",
            "[]:{0}",
            "1.2.3.4:x",
            "1.2.3.4.evil:{0}",
            "",
        ):
            assert with_host(s, host.format(s.port)).startswith(b"HTTP/1.1 421"), host
