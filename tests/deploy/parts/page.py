"""The page of a sensor under test, as somebody with a browser and the journal uses it."""

import re
import socket

from tests.deploy.machine import Machine, wait_for
from tests.support.browser.page_requests import ask


def draw(machine: Machine, port: int, name: str, polygon: list[list[float]]) -> None:
    """Sign in with the code that the sensor prints, and draw a zone. The machine's network is this
    one's.
    """
    wait_for("the page", lambda: _is_served(port))
    version = ask(port, "GET", "/zones.json").content["version"]
    assert ask(port, "POST", "/access/code", {}).status == 200
    codes: list[str] = []

    def is_printed() -> bool:
        journal = machine.run("journalctl -u posekernel -o cat --no-pager")
        codes.extend(re.findall(r"code for the page: (\S+)", journal))
        return bool(codes)

    wait_for("the code", is_printed)
    cookie = ask(port, "POST", "/access/sign_in", {"secret": codes[-1]}).cookie
    edit = {"version": version, "old": None, "new": {"name": name, "polygon": polygon}}
    answer = ask(port, "POST", "/zones", edit, Cookie=cookie)
    assert answer.status == 200, answer


def _is_served(port: int) -> bool:
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0
