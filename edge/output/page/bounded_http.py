"""Serves a few files over HTTP, with limits on time, size and connections.

http.server reads and writes HTTP; only the limits are ours. A small server such as waitress lacks
two: its time-out starts anew with each byte, so a client that drips holds its connection for ever,
and at its connection limit it leaves clients waiting instead of closing them.
"""

import io
import logging
import socket
import threading
import time
from collections.abc import Container
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

REQUEST_S = 10.0
REQUEST_BYTES = 16384
CONNECTIONS = 32

log = logging.getLogger(__name__)


class BoundedServer(ThreadingHTTPServer):
    """Serves `files`, path -> (content, content type), with `headers` on each answer, to requests
    whose Host is one of `hosts`. At most CONNECTIONS at a time; more are closed at once.

    A request must come whole within REQUEST_S and REQUEST_BYTES, and its answer be read within
    REQUEST_S.
    """

    daemon_threads = True
    request_queue_size = CONNECTIONS
    block_on_close = False  # a browser that keeps its connection must not hold up a stop
    files: dict[str, tuple[bytes, str]]
    headers: dict[str, str]
    hosts: Container[str]

    def __init__(self, address: tuple[str, int]) -> None:
        self._free = threading.BoundedSemaphore(CONNECTIONS)
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
    """Answers GET and HEAD."""

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
        """One of the page's files, or 404."""
        self._answer(body=True)

    def do_HEAD(self) -> None:
        """The same without content."""
        self._answer(body=False)

    def _answer(self, body: bool) -> None:
        found = self.server.files.get(self.path.partition("?")[0])
        content, kind = found or (b"not found\n", "text/plain; charset=utf-8")
        self.send_response(HTTPStatus.NOT_FOUND if found is None else HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
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
