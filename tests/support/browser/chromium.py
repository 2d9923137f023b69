"""A real browser for tests: headless Chromium over the Chrome DevTools protocol."""

import json
import shutil
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any, Self

import pytest
from websockets.sync.client import connect

from tests.support.waiting import LIMIT_S

BINARY = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
needs_chromium = pytest.mark.skipif(
    BINARY is None, reason="Chromium is not installed; sudo apt install chromium"
)
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
    "--remote-debugging-port=0",
)
_ANSWER_S = LIMIT_S
# Whether it holds within a second of the page's time, looked at in every turn of its loop.
_HOLDS = """new Promise((resolve, reject) => {
  const end = performance.now() + 1000;
  const look = () => {
    try {
      if (CONDITION) resolve(true);
      else if (performance.now() > end) resolve(false);
      else setTimeout(look, 10);
    } catch (error) { reject(error); }
  };
  look();
})"""


class Chromium:
    """`with Chromium(folder) as browser: page = browser.open(url)`."""

    def __init__(self, folder: Path) -> None:
        assert BINARY is not None
        command = [BINARY, *_FLAGS, f"--user-data-dir={folder}", "about:blank"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        ready = folder / "DevToolsActivePort"
        deadline = time.monotonic() + LIMIT_S
        while not (ready.exists() and ready.read_text().count("\n") == 1):
            assert self._process.poll() is None, "Chromium ended at once"
            assert time.monotonic() < deadline, "Chromium does not start"
            time.sleep(0.05)
        self._port = int(ready.read_text().split()[0])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(10.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def open(
        self,
        url: str,
        *,
        width: int = 1280,
        height: int = 800,
        mobile: bool = False,
        scheme: str = "dark",
        still: bool = False,
    ) -> "Page":
        """A new tab that shows url. scheme: preferred colours; still: no motion."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._port}/json/new?about:blank", method="PUT"
        )
        with urllib.request.urlopen(request, timeout=_ANSWER_S) as answer:
            target = json.load(answer)
        page = Page(target["webSocketDebuggerUrl"])
        for domain in ("Page", "Runtime", "Network", "Log"):
            page.call(f"{domain}.enable")
        page.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=mobile,
        )
        page.call(
            "Emulation.setEmulatedMedia",
            features=[
                {"name": "prefers-color-scheme", "value": scheme},
                {"name": "prefers-reduced-motion", "value": "reduce" if still else "no-preference"},
            ],
        )
        page.call("Page.navigate", url=url)
        page.wait("location.href !== 'about:blank' && document.readyState === 'complete'")
        return page


class Page:
    """One tab. events: what Chromium told about it so far."""

    def __init__(self, url: str) -> None:
        self._socket = connect(url, max_size=None, ping_interval=None)  # a busy machine is late
        self._calls = 0
        self.events: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.call("Page.close")
        self._socket.close()

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One DevTools command and its result."""
        self._calls += 1
        self._socket.send(json.dumps({"id": self._calls, "method": method, "params": parameters}))
        while True:
            message: dict[str, Any] = json.loads(self._socket.recv(timeout=_ANSWER_S))
            if message.get("id") == self._calls:
                assert "error" not in message, message["error"]
                result: dict[str, Any] = message["result"]
                return result
            self.events.append(message)

    def js(self, expression: str) -> Any:
        """The value of a JavaScript expression."""
        result = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def wait(self, condition: str, timeout_s: float = LIMIT_S) -> float:
        """Wait until a JavaScript condition holds; returns the seconds that it took.

        The page itself looks, so that what holds for a moment is noticed on a busy machine, too.
        """
        began = time.monotonic()
        while not self._holds(condition):
            assert time.monotonic() - began < timeout_s, (
                f"{condition} did not become true; the page says: {self.text('body')!r}"
            )
        return time.monotonic() - began

    def _holds(self, condition: str) -> bool:
        try:
            return bool(self.js(_HOLDS.replace("CONDITION", condition)))
        except AssertionError as e:
            if any(gone in str(e) for gone in ("navigated", "destroyed", "collected")):
                return False  # another page is there by now, which is asked next
            raise

    def text(self, selector: str) -> str:
        """What a visitor reads in an element."""
        return str(self.js(f"document.querySelector({json.dumps(selector)}).innerText"))

    def press(self, key: str) -> None:
        """A key of the keyboard, as its event names it."""
        code = {
            "Tab": 9,
            "Enter": 13,
            "End": 35,
            "Home": 36,
            "ArrowLeft": 37,
            "ArrowUp": 38,
            "ArrowRight": 39,
            "ArrowDown": 40,
        }.get(key, 0)
        common = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        extra = {"text": "\r"} if key == "Enter" else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", **common, **extra)
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def choose_file(self, selector: str, path: Path) -> None:
        """What a visitor does in the browser's own dialog of a file input."""
        element = self.call(
            "Runtime.evaluate", expression=f"document.querySelector({json.dumps(selector)})"
        )
        self.call(
            "DOM.setFileInputFiles", files=[str(path)], objectId=element["result"]["objectId"]
        )

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """The mouse's left button from start to end, CSS pixels."""
        for kind, (x, y) in (("mousePressed", start), ("mouseMoved", end), ("mouseReleased", end)):
            self.call(
                "Input.dispatchMouseEvent",
                type=kind,
                x=x,
                y=y,
                button="left",
                buttons=1,
                clickCount=1,
            )

    def complaints(self) -> list[str]:
        """The page's errors and warnings: exceptions, console, security policy."""
        self.js("0")  # collects what Chromium has told since
        found = []
        for event in self.events:
            match event["method"], event.get("params", {}):
                case "Runtime.exceptionThrown", p:
                    found.append(str(p["exceptionDetails"]))
                case "Runtime.consoleAPICalled", p if p["type"] in ("error", "warning", "assert"):
                    found.append(str(p["args"]))
                case "Log.entryAdded", p if p["entry"]["level"] in ("error", "warning"):
                    found.append(p["entry"]["text"])
        return found

    def requests(self) -> list[str]:
        """Every URL that the page asked for, WebSockets included."""
        self.js("0")
        urls = [
            e["params"]["request"]["url"]
            for e in self.events
            if e["method"] == "Network.requestWillBeSent"
        ]
        return urls + [
            e["params"]["url"] for e in self.events if e["method"] == "Network.webSocketCreated"
        ]
