"""Home Assistant's own program with a broker, set up and asked through its own API only."""

import json
import os
import signal
import sqlite3
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Self

import pytest
from websockets.sync.client import connect

from tests.support import ROOT
from tests.support.broker.mosquitto import Mosquitto, free_port
from tests.support.waiting import LIMIT_S, end, until

PYTHON = Path(os.environ.get("HOME_ASSISTANT_PYTHON", ROOT / ".venv-homeassistant/bin/python"))
needs_home_assistant = pytest.mark.skipif(
    not list(PYTHON.parent.parent.glob("lib/*/site-packages/hass_frontend")),
    reason="Home Assistant is not installed; `make homeassistant` does it",
)
_OWNER = {"name": "Owner", "username": "owner", "password": "secret of the test", "language": "en"}
_BLUEPRINTS = ROOT / "deploy/homeassistant"
_CONFIGURATION = """
homeassistant:
  time_zone: UTC
http:
  server_host: 127.0.0.1
  server_port: {port}
recorder:
  commit_interval: 1
automation: !include automations.yaml
"""

State = dict[str, Any]


class HomeAssistantError(AssertionError):
    """What Home Assistant refused, with its own words."""


class HomeAssistant:
    """`with HomeAssistant(folder) as home:` a fresh installation, its owner made by onboarding.

    Only `add_broker` and `add_blueprints` change it. It keeps its port over restarts.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._port = free_port()
        (folder / "configuration.yaml").write_text(_CONFIGURATION.format(port=self._port))
        (folder / "automations.yaml").write_text("[]\n")  # as a fresh installation has it
        self._process: subprocess.Popen[bytes] | None = None
        self._token = ""

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start and wait until it runs."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [PYTHON, "-m", "homeassistant", "-c", self.folder, "--skip-pip"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        if not self._token:
            assert until(lambda: self._answers("/api/onboarding")), self.log()
            self._onboard()
        assert until(self._runs), self.log()

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it and wait for its end."""
        process, self._process = self._process, None
        if process is not None:
            end(process, how)

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")[-4000:]

    def add_broker(self, broker: Mosquitto) -> None:
        """The MQTT integration, as a user adds it."""
        flow = self.post("/api/config/config_entries/flow", {"handler": "mqtt"})
        address = {"broker": broker.host, "port": broker.port}
        done = self.post(f"/api/config/config_entries/flow/{flow['flow_id']}", address)
        assert done["type"] == "create_entry", done

    def add_blueprints(self) -> None:
        """Copy the project's, as its README says."""
        folder = self.folder / "blueprints/automation/posekernel"
        folder.mkdir(parents=True, exist_ok=True)
        for path in _BLUEPRINTS.glob("*.yaml"):
            (folder / path.name).write_bytes(path.read_bytes())

    def add_automation(self, name: str, **definition: Any) -> None:
        """Save an automation, as the editor does, and wait until it is there."""
        self.post(f"/api/config/automation/config/{name}", {"alias": name, **definition})
        assert until(lambda: self.state(f"automation.{name}") is not None)

    def states(self) -> dict[str, State]:
        """Every state by its entity's id."""
        return {state["entity_id"]: state for state in self.get("/api/states")}

    def state(self, entity: str) -> State | None:
        try:
            found: State = self.get(f"/api/states/{entity}")
        except HomeAssistantError:
            return None
        return found

    def value(self, entity: str) -> str | None:
        """The entity's state, None where there is no such entity."""
        state = self.state(entity)
        return None if state is None else str(state["state"])

    def wait(self, entity: str, *values: str, but: Iterable[str] = ()) -> State:
        """Wait until it has one of these values, or, where none is given, any but those."""
        seen: list[str | None] = []

        def reached() -> bool:
            seen[:] = [self.value(entity)]
            now = seen[0]
            return now in values if values else now is not None and now not in but

        assert until(reached), f"{entity} is {seen}, wanted {values or f'none of {but}'}"
        found = self.state(entity)
        assert found is not None
        return found

    def call(self, action: str, entity: str | None = None, **data: Any) -> None:
        """Call an action, as a user's button does. Raises HomeAssistantError."""
        target = {} if entity is None else {"entity_id": entity}
        self.post(f"/api/services/{action.replace('.', '/')}", data | target)

    def entities(self, device: str) -> dict[str, dict[str, Any]]:
        """The registered entities of a device by entity id; device: name."""
        ids = [d["id"] for d in self.devices() if d["name"] == device]
        found = self.ask("config/entity_registry/list")
        return {e["entity_id"]: e for e in found if e["device_id"] in ids}

    def devices(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("config/device_registry/list")
        return found

    def ask(self, kind: str, **more: Any) -> Any:
        """One request over the web socket, as the user's browser makes it."""
        with connect(f"ws://127.0.0.1:{self._port}/api/websocket", max_size=None) as socket:
            socket.recv(LIMIT_S)
            socket.send(json.dumps({"type": "auth", "access_token": self._token}))
            assert json.loads(socket.recv(LIMIT_S))["type"] == "auth_ok"
            socket.send(json.dumps({"id": 1, "type": kind, **more}))
            while (answer := json.loads(socket.recv(LIMIT_S)))["type"] != "result":
                pass
            if not answer["success"]:
                raise HomeAssistantError(str(answer["error"]))
            return answer["result"]

    def rows(self, since_s: float) -> dict[str, int]:
        """How many states the recorder has written since then [s, UNIX], by entity."""
        path = self.folder / "home-assistant_v2.db"
        query = (
            "SELECT states_meta.entity_id, COUNT(*) FROM states "
            "JOIN states_meta USING (metadata_id) "
            "WHERE last_updated_ts >= ? GROUP BY states_meta.entity_id"
        )
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30.0)) as database:
            return dict(database.execute(query, (since_s,)).fetchall())

    def get(self, path: str) -> Any:
        return self._request("GET", path)

    def post(self, path: str, data: Any) -> Any:
        return self._request("POST", path, json.dumps(data).encode())

    def _request(
        self, method: str, path: str, body: bytes | None = None, form: str = "application/json"
    ) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._port}{path}", body, {"Content-Type": form}, method=method
        )
        if self._token:
            request.add_header("Authorization", f"Bearer {self._token}")
        try:
            with urllib.request.urlopen(request, timeout=LIMIT_S) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as e:
            raise HomeAssistantError(f"{path}: {e.code} {e.read()[:500]!r}") from None

    def _answers(self, path: str) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log()
        time.sleep(0.1)
        with suppress(OSError, HomeAssistantError, ValueError):
            self.get(path)
            return True
        return False

    def _runs(self) -> bool:
        with suppress(OSError, HomeAssistantError, ValueError):
            time.sleep(0.1)
            return bool(self.get("/api/config")["state"] == "RUNNING")
        return False

    def _onboard(self) -> None:
        """The owner only: the other steps add weather, radio and speech from the internet."""
        client = f"http://127.0.0.1:{self._port}/"
        done = self.post("/api/onboarding/users", {"client_id": client, **_OWNER})
        form = f"grant_type=authorization_code&client_id={client}&code={done['auth_code']}"
        kind = "application/x-www-form-urlencoded"
        self._token = self._request("POST", "/auth/token", form.encode(), kind)["access_token"]
        self._token = self.ask("auth/long_lived_access_token", client_name="test", lifespan=1)
