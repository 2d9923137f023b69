"""The live page: static files and one description of the sensor, over HTTP. Poses come from the broker, or from a recording."""

import json
import logging
import mimetypes
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import numpy as np

import edge
from edge.config import Config
from edge.errors import ConfigError
from edge.rig import Rig

FILES = Path(__file__).parent / "web"
PAGE_SCHEMA = "posekernel.page/1"
RECORDING = "recording.jsonl"
# mimetypes asks the system's tables, which may call JavaScript anything; browsers refuse modules that are not text/javascript.
_TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}
_SILENT_CLIENT_S = 10.0

log = logging.getLogger(__name__)


def page_description(config: Config, rig: Rig) -> dict[str, Any]:
    """What the page must know besides the messages: where they come from, and the sensor's geometry.

    Positions are in the room frame where the camera's height is known, else in axes like the room's with the camera at the origin
    (frame "camera"): x right, y forward, z up, metres. frustum: (4, 3) the image's corners 1 m in front of the camera. zones: on
    the floor. websocket_url: None without a broker; recording: file beside the page that is played then, or None.
    """
    camera = rig.camera
    corners = camera.rays([[0, 0], [camera.width, 0], [camera.width, camera.height], [0, camera.height]])
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
        "zones": [{"name": zone.name, "polygon": [list(corner) for corner in zone.polygon]} for zone in config.zones],
        "envelope_rate_hz": config.mqtt.envelope_rate_hz,
        "max_range_m": config.lifter.max_range_m,
    }


class WebServer:
    """`with WebServer(config, rig) as server:` serves the page at server.url until closed.

    Only the files that ship with the page exist for it: they are read once, by name, and no request is ever turned into a path.
    recording: content of a message file (`MessageFile`), which the page then plays instead of listening to a broker.
    Raises ConfigError when it cannot listen at web.host, web.port.
    """

    def __init__(self, config: Config, rig: Rig, recording: bytes | None = None) -> None:
        description = page_description(config, rig) | {"recording": None if recording is None else RECORDING}
        files = {f"/{f.name}": (f.read_bytes(), _type(f)) for f in sorted(FILES.iterdir()) if f.is_file()}
        files["/"] = files["/index.html"]
        if recording is not None:
            files[f"/{RECORDING}"] = recording, "application/x-ndjson"
        files["/config.json"] = (json.dumps(description, separators=(",", ":")).encode(), "application/json")
        web = config.web
        try:
            self._server = _Server((web.host, web.port), _Handler)
        except (OSError, OverflowError) as e:
            raise ConfigError(
                f"web.host, web.port: cannot listen at {web.host}:{web.port} ({getattr(e, 'strerror', None) or e}); "
                "set web.port to a free one, or 0 for any"
            ) from e
        self._server.files = files
        self._server.headers = _headers(description["websocket_url"])
        self.port = int(self._server.server_address[1])
        self.url = f"http://{web.host}:{self.port}/"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="web", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening; safe to call twice."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(1.0)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a browser that keeps its connection must not hold up a stop
    files: dict[str, tuple[bytes, str]]
    headers: dict[str, str]

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.debug("web: request of %s ended early", client_address, exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "posekernel", ""
    timeout = _SILENT_CLIENT_S

    def do_GET(self) -> None:
        """One of the page's files, or 404."""
        self._answer(body=True)

    def do_HEAD(self) -> None:
        """The same without content."""
        self._answer(body=False)

    def _answer(self, body: bool) -> None:
        found = self.server.files.get(urlsplit(self.path).path)
        content, kind = found or (b"not found\n", "text/plain; charset=utf-8")
        self.send_response(HTTPStatus.NOT_FOUND if found is None else HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        log.debug("web: " + format, *args)


def _headers(websocket_url: str | None) -> dict[str, str]:
    broker = "" if websocket_url is None else " {0.scheme}://{0.netloc}".format(urlsplit(websocket_url))
    return {
        "Content-Security-Policy": (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
            f"connect-src 'self'{broker}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        ),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
        "Cache-Control": "no-cache",
    }


def _type(file: Path) -> str:
    return _TYPES.get(file.suffix) or mimetypes.guess_type(file.name)[0] or "application/octet-stream"
