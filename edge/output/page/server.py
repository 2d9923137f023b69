"""The live page: static files and one description of the sensor, over HTTP. Poses come from the
broker, or from a recording.
"""

import io
import ipaddress
import json
import logging
import mimetypes
import re
import socket
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import numpy as np

import edge
from edge.core.config import Config
from edge.core.errors import ConfigError
from edge.core.rig import Rig

FILES = Path(__file__).parent / "web"
PAGE_SCHEMA = "posekernel.page/1"
RECORDING = "recording.jsonl"
# mimetypes asks the system's tables, which may call JavaScript anything; browsers refuse modules
# that are not text/javascript.
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
}
_REQUEST_S = 10.0
_REQUEST_BYTES = 16384
_CONNECTIONS = 32

log = logging.getLogger(__name__)


def page_description(config: Config, rig: Rig) -> dict[str, Any]:
    """What the page must know besides the messages: where they come from, and the sensor's
    geometry.

    Positions are in the room frame where the camera's height is known, else in axes like the room's
    with the camera at the origin (frame "camera"): x right, y forward, z up, metres. frustum: (4,
    3) the image's corners 1 m in front of the camera. zones: on the floor. websocket_url: None
    without a broker; recording: file beside the page that is played then, or None.
    """
    camera = rig.camera
    corners = camera.rays(
        [[0, 0], [camera.width, 0], [camera.width, camera.height], [0, camera.height]]
    )
    known = camera.height_m is not None

    def place(points: Any) -> list[list[float]]:
        p = camera.to_room(points) if known else np.asarray(points)[:, [0, 2, 1]] * (1.0, 1.0, -1.0)
        return [[round(float(v), 4) for v in row] for row in p]

    return {
        "schema": PAGE_SCHEMA,
        "version": edge.__version__,
        "id": config.device.id,
        "base_topic": config.mqtt.base_topic,
        "websocket_url": config.web.websocket_url or None,
        "recording": None,
        "frame": "room" if known else "camera",
        "camera": place(np.zeros((1, 3)))[0],
        "frustum": place(corners),
        "speakers": place(rig.speakers),
        "mics": place(rig.mics),
        "zones": [
            {"name": zone.name, "polygon": [list(corner) for corner in zone.polygon]}
            for zone in config.zones
        ],
        "envelope_rate_hz": config.mqtt.envelope_rate_hz,
        "max_range_m": config.lifter.max_range_m,
    }


class WebServer:
    """`with WebServer(config, rig) as server:` serves the page at server.url until closed.

    Only the files that ship with the page exist for it: they are read once, by name, and no request
    is ever turned into a path. A request must name this machine in its Host header (see
    `_own_hosts`), be read within 10 s and 16 KiB, and its answer taken within 10 s; connections
    beyond 32 at a time are closed at once. recording: content of a message file (`MessageFile`),
    which the page then plays instead of listening to a broker. Raises ConfigError when it cannot
    listen at web.host, web.port.
    """

    def __init__(self, config: Config, rig: Rig, recording: bytes | None = None) -> None:
        description = page_description(config, rig) | {
            "recording": None if recording is None else RECORDING
        }
        files = {
            f"/{f.name}": (f.read_bytes(), _type(f)) for f in sorted(FILES.iterdir()) if f.is_file()
        }
        files["/"] = files["/index.html"]
        if recording is not None:
            files[f"/{RECORDING}"] = recording, "application/x-ndjson"
        files["/config.json"] = (
            json.dumps(description, separators=(",", ":")).encode(),
            "application/json",
        )
        web = config.web
        try:
            self._server = _Server((web.host, web.port), _Handler)
        except (OSError, OverflowError) as e:
            raise ConfigError(
                f"web.host, web.port: cannot listen at {web.host}:{web.port} "
                f"({getattr(e, 'strerror', None) or e}); "
                "set web.port to a free one, or 0 for any"
            ) from e
        self._server.files = files
        self._server.headers = _headers(description["websocket_url"])
        self.port = int(self._server.server_address[1])
        self._server.takes_any_address = not ipaddress.ip_address(
            str(self._server.server_address[0])
        ).is_loopback
        self._server.hosts = _own_hosts(web.host, self.port, named=self._server.takes_any_address)
        self.url = f"http://{web.host}:{self.port}/"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="web", daemon=True
        )
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening; safe to call twice."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(1.0)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = _CONNECTIONS
    block_on_close = False  # a browser that keeps its connection must not hold up a stop
    files: dict[str, tuple[bytes, str]]
    headers: dict[str, str]
    hosts: frozenset[str]
    takes_any_address: bool

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self._free = threading.BoundedSemaphore(_CONNECTIONS)
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:  # no thread was started that would give the place back
            self._free.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.debug("web: request of %s ended early", client_address, exc_info=True)


class _TooLargeError(Exception):
    """A request of more than _REQUEST_BYTES."""


class _Incoming(io.RawIOBase):
    """What a client sends, bounded for each request in time and size, however it is cut up."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.begin()

    def begin(self) -> None:
        self._end_s = time.monotonic() + _REQUEST_S
        self._left = _REQUEST_BYTES

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


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "posekernel", ""
    error_content_type, error_message_format = (
        "text/plain; charset=utf-8",
        "%(message)s: %(explain)s\n",
    )

    def setup(self) -> None:
        super().setup()
        self.rfile.close()
        self._incoming = _Incoming(self.connection)
        self.rfile = io.BufferedReader(self._incoming)

    def handle_one_request(self) -> None:
        self._incoming.begin()
        self.command = self.requestline = self.request_version = ""
        try:
            super().handle_one_request()
        except _TooLargeError:
            self.close_connection = True
            self.send_error(
                HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
                explain=f"at most {_REQUEST_BYTES} bytes are read",
            )

    def parse_request(self) -> bool:
        """Also refuses a Host that is not this machine: a page whose name was pointed here (DNS
        rebinding) sends its own.
        """
        if not super().parse_request():
            return False
        self.connection.settimeout(_REQUEST_S)  # for the answer as a whole
        if "Content-Length" in self.headers or "Transfer-Encoding" in self.headers:
            self.close_connection = (
                True  # a body is not read, and must not pass for the next request
            )
        hosts = self.headers.get_all("Host", [])
        if len(hosts) == 1 and (
            hosts[0].lower() in self.server.hosts
            or (self.server.takes_any_address and _is_address(hosts[0]))
        ):
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
        log.debug("web: " + format, *args)


def _own_hosts(host: str, port: int, named: bool) -> frozenset[str]:
    """The Host headers of this page, in lower case: web.host and the loopback names; named: the
    machine's own names as well.
    """
    names = {host, "localhost", "127.0.0.1", "[::1]"} - {""}
    if named:
        full = socket.gethostname()
        short = full.partition(".")[0]
        names |= {full, short, f"{short}.local"}
    return frozenset(
        f"{name.lower()}{end}"
        for name in names
        for end in ([f":{port}", ""] if port == 80 else [f":{port}"])
    )


def _is_address(host: str) -> bool:
    """Whether a Host header is an IP address, with or without port: rebinding needs a name."""
    found = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+))(?::[0-9]{1,5})?", host)
    try:
        ipaddress.ip_address((found[1] or found[2]) if found else "")
    except ValueError:
        return False
    return True


def _headers(websocket_url: str | None) -> dict[str, str]:
    broker = (
        "" if websocket_url is None else " {0.scheme}://{0.netloc}".format(urlsplit(websocket_url))
    )
    return {
        "Content-Security-Policy": (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
            f"connect-src 'self'{broker}; base-uri 'none'; form-action 'none'; "
            "frame-ancestors 'none'"
        ),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
        "Cache-Control": "no-cache",
    }


def _type(file: Path) -> str:
    return (
        _TYPES.get(file.suffix) or mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    )
