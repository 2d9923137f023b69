"""The page of the setup, run and used as somebody does who has a keyboard only."""

import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.browser.chromium import Page
from tests.support.browser.page_requests import ask
from tests.support.waiting import LIMIT_S

# Where each step's picture goes, when it is to be looked at.
SHOTS = os.environ.get("POSEKERNEL_SETUP_SHOTS", "")
ASKED = "document.querySelector('#answers button:enabled') !== null"


@dataclass
class Setup:
    """A running `posekernel setup --web`. said: lines of its stderr so far."""

    process: subprocess.Popen[str]
    url: str
    code: str
    folder: Path

    @property
    def port(self) -> int:
        return int(re.search(r":(\d+)/", self.url)[1])  # type: ignore[index]

    def post(
        self, path: str, content: object, cookie: str = "", **headers: str
    ) -> tuple[int, dict[str, Any], str]:
        """(status, answer, cookie) of a request as the page itself sends it, but for headers."""
        answer = ask(self.port, "POST", path, content, Cookie=cookie, **headers)
        is_json = answer.headers.get("Content-Type") == "application/json"
        return answer.status, answer.content if is_json else {}, answer.cookie

    def sign_in(self, code: str, **headers: str) -> tuple[int, dict[str, Any], str]:
        return self.post("/access/sign_in", {"secret": code}, **headers)


@contextmanager
def running(
    folder: Path, env: dict[str, str], *more: str, program: tuple[str, ...] = ("-m", "edge")
) -> Iterator[Setup]:
    command = ["setup", "--config", str(folder / "config.toml"), "--web", "--port", "0", *more]
    process = subprocess.Popen(
        [sys.executable, *program, *command],
        env=os.environ | env,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        said = ""
        while "code: " not in said:
            line = process.stderr.readline()
            assert line, said
            said += line
        url, code = (
            re.search(rf"^{name}: (\S+)", said, re.M)[1]  # type: ignore[index]
            for name in ("page", "code")
        )
        yield Setup(process, url, code, folder)
    finally:
        process.terminate()
        process.wait(LIMIT_S)
        process.stderr.close()


class Keyboard:
    """Somebody who has only a keyboard, and the folder for pictures of what they see."""

    def __init__(self, page: Page, name: str) -> None:
        self._page, self._name, self._count = page, name, 0
        page.call("Emulation.setFocusEmulationEnabled", enabled=True)  # a window in front

    def press(self, key: str) -> None:
        """A key as the browser's own focus handling takes it."""
        if key == " ":
            common = {"key": " ", "code": "Space", "windowsVirtualKeyCode": 32}
            self._page.call("Input.dispatchKeyEvent", type="keyDown", text=" ", **common)
            self._page.call("Input.dispatchKeyEvent", type="keyUp", **common)
        else:
            self._page.press(key)

    def go_to(self, selector: str) -> None:
        """Tab until an element has the focus; it must be reachable so."""
        there = f"document.activeElement.matches({json.dumps(selector)})"
        for _ in range(60):
            if self._page.js(there):
                outline = self._page.js("getComputedStyle(document.activeElement).outlineStyle")
                assert outline != "none", f"the focus at {selector} cannot be seen"
                return
            self._page.press("Tab")
        raise AssertionError(f"Tab does not reach {selector}")

    def fill(self, key: str, text: str) -> None:
        """Replace what an input holds."""
        self.go_to(f"#a-{key}")
        self._page.js("document.activeElement.select()")
        self._page.call("Input.insertText", text=text)

    def choose(self, key: str, value: str) -> None:
        """A radio button, by the arrows."""
        self.go_to(f"#answers input[type=radio][name={key}]")
        for _ in range(12):
            chosen = self._page.js(
                f"document.querySelector('#answers [name={key}]:checked')?.value"
            )
            if chosen == value:
                return
            self._page.press("ArrowDown")
        raise AssertionError(f"the arrows do not reach {value}")

    def shot(self, name: str) -> None:
        """A picture, where they are wanted."""
        self._count += 1
        if SHOTS:
            data = self._page.call("Page.captureScreenshot", format="png")["data"]
            path = Path(SHOTS) / f"{self._name}-{self._count:02d}-{name}.png"
            path.write_bytes(base64.b64decode(data))

    def step(self, title: str) -> None:
        """Wait until the step of this title asks."""
        self._page.wait(
            f"document.querySelector('#step-title').textContent === {json.dumps(title)} && {ASKED}"
        )
        self.shot(title.split()[0].lower())
        wide = self._page.js("document.documentElement.scrollWidth <= window.innerWidth")
        assert wide, f"{title}: one must scroll sideways"

    def submit(self) -> None:
        self.go_to("#answers button[type=submit]")
        self._page.press("Enter")

    def go_on(self) -> None:
        """Past what came of the step."""
        self._page.wait("!document.querySelector('#after').hidden")
        self.shot("judged")
        self.go_to("#next")
        self._page.press("Enter")
