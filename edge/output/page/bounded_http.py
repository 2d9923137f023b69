"""Serves a few files over HTTP, with limits on time, size and connections.

http.server reads and writes HTTP; only the limits are ours. A small server such as waitress lacks
two: its time-out starts anew with each byte, so a client that drips holds its connection for ever,
and at its connection limit it leaves clients waiting instead of closing them.
"""

import io
import json
import logging
import socket
import threading
import time
from collections.abc import Container, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from edge.output.page.requests import (
    JSON_TYPE,
    PageAnswer,
    PageRequest,
    RefusedRequestError,
    Responder,
    check_own_page,
    read_content,
    refusal,
)

REQUEST_S = 10.0
REQUEST_BYTES = 16384
BODY_BYTES = 8192  # of the above
CONNECTIONS = 32

log = logging.getLogger(__name__)


class BoundedServer(ThreadingHTTPServer):
    """Serves `files`, path -> (content, content type), with `headers` on each answer, to requests
    whose Host is one of `hosts`. At most CONNECTIONS at a time; more are closed at once.

    responders: (GET or POST, path) -> the function that answers it, on a thread of its own. A POST
    reaches it only from this page itself, with a JSON object.

    A request must come whole within REQUEST_S and REQUEST_BYTES, and its answer be read within
    REQUEST_S.
    """

    daemon_threads = True
    request_queue_size = CONNECTIONS
    block_on_close = False  # a browser that keeps its connection must not hold up a stop
    files: dict[str, tuple[bytes, str]]
    headers: dict[str, str]
    hosts: Container[str]
    responders: Mapping[tuple[str, str], Responder]

    def __init__(self, address: tuple[str, int]) -> None:
        self._free = threading.BoundedSemaphore(CONNECTIONS)
        self.responders = {}
        super().__init__(address, Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Close a connection beyond the limit; else answer it on a thread."""
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:  # no thread was started that would free the place
            self._free.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer, and then free the connection's place."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away or are too slow are nothing to report."""
        log.debug("web: request of %s ended early", client_address, exc_info=True)


class _TooLargeError(Exception):
    """A request of more than REQUEST_BYTES."""


class _Incoming(io.RawIOBase):
    """What a client sends, limited in time and size for each request, whatever its pieces."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.begin()

    def begin(self) -> None:
        self._end_s = time.monotonic() + REQUEST_S
        self._left = REQUEST_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any, /) -> int:
        left_s = self._end_s - time.monotonic()
        if left_s <= 0.0:
            raise TimeoutError("the request was not complete in time")
        if self._left <= 0:
            raise _TooLargeError
        self._connection.settimeout(left_s)
        count = self._connection.recv_into(memoryview(into)[: self._left])
        self._left -= count
        return count


class Handler(BaseHTTPRequestHandler):
    """Answers GET, HEAD and POST."""

    server: BoundedServer
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "posekernel", ""
    error_content_type = "text/plain; charset=utf-8"
    error_message_format = "%(message)s: %(explain)s\n"

    def setup(self) -> None:
        """Read through the limits."""
        super().setup()
        self.rfile.close()
        self._incoming = _Incoming(self.connection)
        self.rfile = io.BufferedReader(self._incoming)

    def handle_one_request(self) -> None:
        """Each request has its own limits."""
        self._incoming.begin()
        self.command = self.requestline = self.request_version = ""
        try:
            super().handle_one_request()
        except _TooLargeError:
            self.close_connection = True
            self.send_error(
                HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
                explain=f"at most {REQUEST_BYTES} bytes are read",
            )

    def parse_request(self) -> bool:
        """Refuse other hosts, and requests with a body after this one."""
        if not super().parse_request():
            return False
        self.connection.settimeout(REQUEST_S)  # for the answer as a whole
        if "Content-Length" in self.headers or "Transfer-Encoding" in self.headers:
            # A body is not read, and must not be taken for the next request.
            self.close_connection = True
        hosts = self.headers.get_all("Host", [])
        if len(hosts) == 1 and hosts[0] in self.server.hosts:
            return True
        self.send_error(
            HTTPStatus.MISDIRECTED_REQUEST,
            explain="the Host header does not name this page; "
            "open it at the address that posekernel printed",
        )
        return False

    def do_GET(self) -> None:
        """One of the page's files, what a responder gives, or 404."""
        self._answer(body=True)

    def do_HEAD(self) -> None:
        """The same without content."""
        self._answer(body=False)

    def do_POST(self) -> None:
        """What a responder gives to this page itself."""
        responder = self.server.responders.get(("POST", self._path))
        if responder is None:
            self.send_error(HTTPStatus.NOT_IMPLEMENTED, "Unsupported method ('POST')")
            return
        try:
            check_own_page(self.headers)
            answer = responder(self._request(read_content(self._body())))
        except RefusedRequestError as e:
            answer = refusal(e.status, str(e))
        self._send(answer)

    @property
    def _path(self) -> str:
        return self.path.partition("?")[0]

    def _request(self, content: dict[str, Any]) -> PageRequest:
        cookies = "; ".join(self.headers.get_all("Cookie", []))
        return PageRequest(str(self.client_address[0]), cookies, content)

    def _body(self) -> bytes:
        """Raises RefusedRequestError."""
        lengths = self.headers.get_all("Content-Length", [])
        if "Transfer-Encoding" in self.headers or len(lengths) != 1 or not lengths[0].isdecimal():
            raise RefusedRequestError(HTTPStatus.LENGTH_REQUIRED, "one Content-Length is needed")
        length = int(lengths[0][:9])
        if length > BODY_BYTES:
            raise RefusedRequestError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"at most {BODY_BYTES} bytes are read"
            )
        return self.rfile.read(length)

    def _answer(self, body: bool) -> None:
        responder = self.server.responders.get(("GET", self._path))
        if responder is not None:
            self._send(responder(self._request({})), body)
            return
        found = self.server.files.get(self._path)
        content, kind = found or (b"not found\n", "text/plain; charset=utf-8")
        self._send_bytes(
            HTTPStatus.NOT_FOUND if found is None else HTTPStatus.OK, content, kind, {}, body
        )

    def _send(self, answer: PageAnswer, body: bool = True) -> None:
        content = json.dumps(answer.content, separators=(",", ":")).encode()
        self._send_bytes(answer.status, content, JSON_TYPE, answer.headers, body)

    def _send_bytes(
        self, status: HTTPStatus, content: bytes, kind: str, headers: Mapping[str, str], body: bool
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if body:
            self.wfile.write(content)

    def end_headers(self) -> None:
        """Errors carry the protecting headers too."""
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """One debug line per request."""
        log.debug("web: " + format, *args)
