"""The live page: static files and a description of the sensor. Poses come from the broker; what may
be changed goes through `Access`.
"""

import ipaddress
import json
import mimetypes
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from edge.core.config import Config
from edge.core.errors import ConfigError
from edge.core.rig import Rig
from edge.output.page.access import Access
from edge.output.page.bounded_http import BoundedServer
from edge.output.page.description import page_description
from edge.output.page.own_hosts import OwnHosts
from edge.output.page.page_password import PagePassword, keep_hash_only
from edge.output.page.sign_in import SignIn
from edge.output.page.zone_edits import ZoneEdits, ZoneFile

FILES = Path(__file__).parent / "web"
RECORDING = "recording.jsonl"
# mimetypes uses the system's tables, which may give JavaScript another type, but browsers refuse
# modules that are not text/javascript.
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
}


class WebServer:
    """`with WebServer(config, rig) as server:` serves the page at server.url until closed.

    It knows only the files that ship with the page: they are read once, and no request is ever
    turned into a path. Limits: see `BoundedServer`; hosts: see `OwnHosts`. recording: content of a
    message file (`MessageFile`), which the page then plays instead of connecting to a broker.
    zone_file: where zones may be changed; None: nothing can be changed. password: for that, which
    web.password_file holds, and from then on its hash alone; None: only codes count. print_code:
    shows a code to who sees the terminal.

    Raises ConfigError when it cannot listen at web.host, web.port.
    """

    def __init__(
        self,
        config: Config,
        rig: Rig,
        recording: bytes | None = None,
        zone_file: ZoneFile | None = None,
        password: PagePassword | None = None,
        print_code: Callable[[str], None] = lambda code: None,
    ) -> None:
        if password is not None:
            keep_hash_only(config.web.password_file, password)
        description = page_description(config, rig) | {
            "recording": None if recording is None else RECORDING,
            "zones_file": zone_file and zone_file.path.name,
        }
        files = {
            f"/{f.name}": (f.read_bytes(), content_type(f))
            for f in sorted(FILES.iterdir())
            if f.is_file()
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
            self._server = BoundedServer((web.host, web.port))
        except (OSError, OverflowError) as e:
            raise ConfigError(
                f"web.host, web.port: cannot listen at {web.host}:{web.port} "
                f"({getattr(e, 'strerror', None) or e}); set web.port to a free one, or 0 for any"
            ) from e
        self._server.files = files
        self._server.headers = page_headers(description["websocket_url"])
        self.port = int(self._server.server_address[1])
        bound = ipaddress.ip_address(str(self._server.server_address[0]))
        self._server.hosts = OwnHosts(web.host, self.port, any_address=not bound.is_loopback)
        if zone_file is not None:
            edits = ZoneEdits(config.zones, zone_file)
            sign_in = SignIn(Access(f"posekernel-{self.port}", password), print_code)
            self._server.responders = sign_in.responders | {
                ("GET", "/zones.json"): edits.show,
                ("POST", "/zones"): sign_in.guarded(edits.change),
            }
        self.url = f"http://{web.host}:{self.port}/"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="web", daemon=True
        )
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening; safe to call twice."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(1.0)


def page_headers(websocket_url: str | None, images: str = "") -> dict[str, str]:
    """What a page is protected by. websocket_url: of the broker, the only other host that the page
    may connect to. images: another source of them, such as "data:".
    """
    broker = ""
    if websocket_url is not None:
        url = urlsplit(websocket_url)
        broker = f" {url.scheme}://{url.netloc}"
    return {
        "Content-Security-Policy": (
            "default-src 'none'; script-src 'self'; style-src 'self'; "
            f"img-src 'self'{images and ' '}{images}; "
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


def content_type(file: Path) -> str:
    """As an HTTP header has it."""
    return (
        _TYPES.get(file.suffix) or mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    )
