"""Whatever a client sends, or does not, takes a bounded time and a bounded part of the server."""

import http.client
import threading
import time
from contextlib import ExitStack

import pytest

from edge.output.page import bounded_http
from edge.output.page.bounded_http import CONNECTIONS, REQUEST_BYTES, REQUEST_S
from edge.output.page.server import WebServer
from tests.support.browser.served_page import CONFIG, RIG, connect, get, raw_answer, rest
from tests.support.waiting import LIMIT_S, until


def test_a_body_does_not_pass_for_the_next_request(server: WebServer) -> None:
    inner = f"GET /config.json HTTP/1.1\r\nHost: localhost:{server.port}\r\n\r\n"
    answer = raw_answer(
        server,
        f"HEAD / HTTP/1.1\r\nHost: localhost:{server.port}\r\n"
        f"Content-Length: {len(inner)}\r\n\r\n{inner}",
    )
    assert answer.count(b"HTTP/1.1 200") == 1
    assert b"posekernel.page" not in answer


def test_a_request_of_any_shape_is_bounded_in_size(server: WebServer) -> None:
    for start in ("", "GET /", f"GET / HTTP/1.1\r\nHost: localhost:{server.port}\r\nX: "):
        answer = raw_answer(server, start + "a" * (REQUEST_BYTES - len(start)))
        assert answer.startswith(b"HTTP/1.1 431"), start
    many = "GET / HTTP/1.1\r\n" + "X: y\r\n" * 101
    assert raw_answer(server, many).startswith(b"HTTP/1.1 431")


@pytest.mark.parametrize("start", ["", "GET / HTTP/1.1\r\nHost: localhost:{0}\r\n\r\n"])
def test_a_client_that_drips_is_let_go_in_time(monkeypatch: pytest.MonkeyPatch, start: str) -> None:
    """Each byte comes within the limit, the request never does; others before it do."""
    monkeypatch.setattr(bounded_http, "REQUEST_S", 0.6)
    began = time.monotonic()
    with WebServer(CONFIG, RIG) as server, connect(server) as s:
        s.sendall(start.format(server.port).encode())
        s.settimeout(0.05)
        closed = False
        while not closed and time.monotonic() - began < LIMIT_S:
            try:
                s.sendall(b"G")
                rest(s)
                closed = True
            except TimeoutError:
                continue
            except ConnectionError:
                closed = True
    assert closed
    assert time.monotonic() - began >= 0.6


def test_an_answer_that_is_taken_in_drips_is_dropped_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bounded_http, "REQUEST_S", 0.6)
    large = bytes(32 << 20)  # more than the sockets' buffers hold
    with WebServer(CONFIG, RIG, recording=large) as server:
        idle = threading.active_count()  # the answer has a thread of its own
        with connect(server) as s:
            s.sendall(
                f"GET /recording.jsonl HTTP/1.1\r\nHost: localhost:{server.port}\r\n\r\n".encode()
            )
            taken = [s.recv(1024)]
            assert until(lambda: taken.append(s.recv(1024)) or threading.active_count() == idle)
            assert len(b"".join(taken)) + len(rest(s)) < len(large)


def test_connections_beyond_the_limit_are_closed_at_once_and_places_come_back() -> None:
    with WebServer(CONFIG, RIG) as server, ExitStack() as held:
        idle = [held.enter_context(connect(server)) for _ in range(CONNECTIONS)]
        for _ in range(8):
            with connect(server) as refused:
                began = time.monotonic()
                assert refused.recv(1) == b""
                assert time.monotonic() - began < REQUEST_S
        idle[0].close()
        end = time.monotonic() + LIMIT_S
        while True:  # the place is given back after the close is seen
            try:
                assert get(server, "/")[0] == 200
                break
            except (http.client.HTTPException, ConnectionError):
                assert time.monotonic() < end
