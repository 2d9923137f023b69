"""The page of a sensor under test, as somebody with a browser and the journal uses it."""

import json
import re
import socket
import urllib.request
from typing import Any

from tests.deploy.machine import Machine, wait_for


def draw(machine: Machine, port: int, name: str, polygon: list[list[float]]) -> None:
    """Sign in with the code that the sensor prints, and draw a zone."""
    wait_for("the page", lambda: _is_served(port))
    shown, _ = _ask(port, "/zones.json")
    _ask(port, "/access/code", {})
    codes: list[str] = []

    def is_printed() -> bool:
        journal = machine.run("journalctl -u posekernel -o cat --no-pager")
        codes.extend(re.findall(r"code for the page: (\S+)", journal))
        return bool(codes)

    wait_for("the code", is_printed)
    _, cookie = _ask(port, "/access/sign_in", {"secret": codes[-1]})
    edit = {"version": shown["version"], "old": None, "new": {"name": name, "polygon": polygon}}
    _ask(port, "/zones", edit, cookie)


def _is_served(port: int) -> bool:
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def _ask(
    port: int, path: str, content: object | None = None, cookie: str = ""
) -> tuple[dict[str, Any], str]:
    """(The answer, its cookie); a refusal raises. The machine's network is this one's."""
    origin = f"http://127.0.0.1:{port}"
    headers = {"Origin": origin, "Content-Type": "application/json", "Cookie": cookie}
    body = None if content is None else json.dumps(content).encode()
    request = urllib.request.Request(origin + path, body, headers)
    with urllib.request.urlopen(request, timeout=60.0) as answer:
        given = str(answer.headers["Set-Cookie"] or "").partition(";")[0]
        return dict(json.load(answer)), given
