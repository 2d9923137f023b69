"""Serves the page of the setup, to whoever has the code that the terminal shows."""

import threading
from collections.abc import Callable
from pathlib import Path

from edge.core.errors import ConfigError
from edge.output.page.access import Access
from edge.output.page.bounded_http import BoundedServer
from edge.output.page.own_hosts import OwnHosts
from edge.output.page.server import FILES, content_type, page_headers
from edge.output.page.sign_in import SignIn
from edge.sensor.process.lifetime import stop_on_signals
from edge.tools.setup.mdns import own_addresses
from edge.tools.setup.web.session import SetupSession

_STATIC = Path(__file__).parent / "static"
_SHARED = ("style.css", "icon.svg", "access.js", "dom.js")  # of the live page


def serve(session: SetupSession, port: int, *, lan: bool, say: Callable[[str], None]) -> bool:
    """Until the setup is finished, or a signal; whether it was finished. port: 0 is any free one.
    lan: for the local network, else for this machine alone. Raises ConfigError.
    """
    host = "0.0.0.0" if lan else "127.0.0.1"
    try:
        server = BoundedServer((host, port))
    except (OSError, OverflowError) as e:
        why = getattr(e, "strerror", None) or e
        raise ConfigError(
            f"--port: cannot listen at {host}:{port} ({why}); give a free one, or 0 for any"
        ) from e
    used = int(server.server_address[1])
    access = Access(f"posekernel-setup-{used}")
    sign_in = SignIn(access, lambda code: say(f"code: {code}"))
    server.files = _files()
    server.headers = page_headers(None, images="data:")
    server.hosts = OwnHosts(host, used, any_address=lan)
    server.responders = sign_in.responders | {
        path: sign_in.guarded(responder) for path, responder in session.responders.items()
    }
    code = access.new_code()
    for name in own_addresses() if lan else ["127.0.0.1"]:
        say(f"page: http://{name}:{used}/#{code}")
    say(f"code: {code} (counts once, for ten minutes; the page asks for a new one)")
    if lan:
        say("Whoever is in this network can read along what is typed: use a network you trust.")
    else:
        say("Only browsers on this machine reach it; for those of your network stop it with Ctrl-C")
        say(f"and give --web --lan, or come by ssh -L {used}:localhost:{used}.")
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), name="web", daemon=True)
    thread.start()
    try:
        with stop_on_signals() as stop:
            while not stop.is_set() and not session.finished.is_set():
                stop.wait(0.2)
    finally:
        server.shutdown()
        server.server_close()
        session.close()
        thread.join(1.0)
    return session.finished.is_set()


def _files() -> dict[str, tuple[bytes, str]]:
    paths = [*sorted(_STATIC.iterdir()), *(FILES / name for name in _SHARED)]
    files = {f"/{f.name}": (f.read_bytes(), content_type(f)) for f in paths if f.is_file()}
    files["/"] = files["/index.html"]
    return files
