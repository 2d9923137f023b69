"""The hub of a test: a PostgreSQL of its own with the role's SQL, a real Telegraf with the role's
configuration, telemetry as the schema has it, and the dashboard's queries.
"""

import json
import os
import shutil
import signal
import subprocess
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from edge.output.messages.schemas import schema
from tests.support import ROOT
from tests.support.broker.mosquitto import free_port

ROLE = ROOT / "deploy" / "roles" / "hub"
SCHEMA = schema("telemetry")
NOT_IN_THE_TABLE = {
    "schema", "timestamp", "models", "threads", "problems", "sound", "room_changes",
}  # fmt: skip
NOW = datetime.now(UTC).replace(microsecond=0)
PROGRAMS = Path("/usr/lib/postgresql")
BINARY = shutil.which(os.environ.get("POSEKERNEL_TELEGRAF", "telegraf"))
ANSIBLE = shutil.which("ansible")
STEPS = 5


def message(sensor: str, step: float, **changed: Any) -> dict[str, Any]:
    """Telemetry of a sensor, `step` minutes after the first."""
    base: dict[str, Any] = {
        "schema": "posekernel.telemetry/1",
        "id": sensor,
        "timestamp": (NOW - timedelta(minutes=STEPS - step)).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "source": "simulated",
        "version": "0.1.0",
        "uptime_s": 60.0 * step + 60.0,
        "temperature_c": 50.0 + step,
        "throttled": False,
        "throttled_flags": 0,
        "cpu_percent": 80.0,
        "memory_mb": 400.0,
        "poses_per_s": 9.5,
        "latency_p50_ms": 120.0,
        "latency_p95_ms": 180.0 + step,
        "frames": int(600 * step),
        "frames_dropped": int(60 * step),
        "periods": int(600 * step),
        "periods_faulty": int(30 * step),
        "xruns": int(2 * step),
        "outbox_waiting": int(step),
        "lifter": "geometric",
        "runtime": "ai-edge-litert",
        "threads": {"keypoints": 2, "lifter": 1},
        "models": [{"name": "movenet_thunder_int8.tflite", "sha256": "0" * 64}],
        "problems": [],
        "sound": {
            "average_dba": 41.5,
            "peak_dba": 52.0,
            "seconds": 6.5,
            "loudness_from": "nominal",
            "sigma_db": 6.0,
            "ambient": {
                "dba": None,
                "unit": "dBFS",
                "bands_hz": [1000.0, 1250.0],
                "bands_db": [-71.0, -73.5],
            },
        },
        "room_changes": [],
    }
    counts = {name: 0 for name in SCHEMA["required"] if name not in base}
    whole = {**counts, **base, **changed}
    jsonschema.validate(whole, SCHEMA)
    return whole


def telemetry() -> list[dict[str, Any]]:
    """What `panels_return_it` expects: five minutes of two sensors, one of which restarts."""
    nothing = {"latency_p50_ms": None, "latency_p95_ms": None}
    hall = [message("hall", step) for step in range(STEPS)]
    attic = [
        message("attic", step, uptime_s=60.0 * (step % 3) + 60.0, **nothing)
        for step in range(STEPS)
    ]
    return [one for pair in zip(hall, attic, strict=True) for one in pair]


class Postgres:
    """A server in a folder, on a socket and on loopback; `sql` runs a text, gives rows."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.bin = max(PROGRAMS.glob("*/bin"), key=lambda p: int(p.parent.name))
        self.user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        folder.chmod(0o777)
        self._run(
            "initdb",
            "-D",
            str(folder / "data"),
            "--auth-local=trust",
            "--auth-host=scram-sha-256",
            "-U",
            "postgres",
        )
        self.start()
        self._run(
            "createdb", "-h", str(folder), "-p", str(self.port), "-U", "postgres", "posekernel"
        )

    def start(self) -> None:
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-w", "-l", str(self.folder / "log"),
                  "-o", f"-c listen_addresses=127.0.0.1 -p {self.port} -k {self.folder}",
                  "start")  # fmt: skip

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-m", "immediate", "stop")

    def sql(self, text: str, user: str = "postgres") -> list[list[str]]:
        to = ["-h", str(self.folder), "-p", str(self.port), "-U", user, "-d", "posekernel"]
        done = subprocess.run(
            [str(self.bin / "psql"), *to, "-XAt", "-F", "\t", "-v", "ON_ERROR_STOP=1"],
            input=text, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{text}: {done.stderr}"
        return [line.split("\t") for line in done.stdout.splitlines()]

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [*self.user, str(self.bin / program), *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
        )
        assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A server with the role's SQL; skips where PostgreSQL is not installed."""
    if not list(PROGRAMS.glob("*/bin/initdb")):
        pytest.skip("PostgreSQL is not installed")
    folder = Path("/tmp") / f"posekernel-postgres-{os.getpid()}"  # the server's user must get there
    folder.mkdir()
    server = Postgres(folder)
    try:
        server.sql((ROLE / "files" / "posekernel-telemetry.sql").read_text())
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


def panels() -> dict[str, str]:
    dashboard = json.loads((ROLE / "files" / "posekernel.json").read_text())
    return {p["title"]: p["targets"][0]["rawSql"] for p in dashboard["panels"]}


def as_grafana_asks(sql: str) -> str:
    """What Grafana makes of its macros and the variable."""
    sql = sql.replace(
        "$__timeFilter(time)", "time BETWEEN now() - interval '1 hour' AND now()"
    ).replace("$sensor", "'hall', 'attic'")
    assert "$" not in sql
    return sql


def panels_return_it(database: Postgres) -> None:
    """All panels, asked by Grafana's user, return what `telemetry` says."""
    answers = {
        title: database.sql(as_grafana_asks(sql), user="grafana") for title, sql in panels().items()
    }

    def values(title: str, sensor: str = "hall") -> list[float]:
        return [float(row[2]) for row in answers[title] if row[1] == sensor and row[2]]

    steps = [float(step) for step in range(STEPS)]
    assert values("Poses per second") == values("Poses per second", "attic") == [9.5] * STEPS
    assert values("Latency, 95th percentile") == [180.0 + step for step in steps]
    assert values("Latency, 95th percentile", "attic") == []
    assert values("Sound periods that are not usable") == [5.0] * (STEPS - 1)
    assert values("Images seen too late") == [10.0] * (STEPS - 1)
    assert values("Processor temperature") == [50.0 + step for step in steps]
    assert values("CPU, of one core") == [80.0] * STEPS
    assert values("Memory") == [400.0] * STEPS
    assert values("Events that wait for the broker") == steps
    assert values("Lost sound: xruns, gaps, reopened card") == [0.0] + [2.0] * (STEPS - 1)
    assert values("Restarts of the program") == []
    assert values("Restarts of the program", "attic") == [1.0]
    assert answers["Sensors that are silent"] == [["0"]]
    state = {row[0]: row for row in answers["Sensors"]}
    assert state["hall"][1:4] + state["hall"][5:] == [
        "0.1.0", "simulated", "geometric", "9.5", "184", "54", "f", "4", "300"
    ]  # fmt: skip
    assert state["attic"][5:7] == ["9.5", ""]
    assert len(answers) == 12


def render(folder: Path, version: str, **variables: Any) -> dict[str, Any]:
    """telegraf.conf.j2 in folder/telegraf.d, by Ansible itself, for a Telegraf that says this
    `version`; and what it says.
    """
    assert ANSIBLE is not None
    (folder / "telegraf.d").mkdir(parents=True, exist_ok=True)
    variables = {
        "hub_telegraf_version": {"stdout": version},
        "ansible_managed": "by a test",
        **variables,
    }
    (folder / "variables.json").write_text(json.dumps(variables))
    target = folder / "telegraf.d" / "posekernel.conf"
    files = [ROLE / "defaults" / "main.yml", ROLE / "vars" / "main.yml", folder / "variables.json"]
    done = subprocess.run(
        [ANSIBLE, "hub", "-i", "hub,", "-c", "local", *(a for f in files for a in ("-e", f"@{f}")),
         "-m", "ansible.builtin.template",
         "-a", f"src={ROLE}/templates/telegraf.conf.j2 dest={target} mode=0600"],
        env=os.environ | {"LC_ALL": "C.UTF-8"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return tomllib.loads(target.read_text())


class Telegraf:
    """Runs in a folder that `render` has filled; start and stop it as often as you like."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder, self.log = folder, folder / "log"
        self._environment = os.environ | environment
        self._process: subprocess.Popen[bytes] | None = None

    @staticmethod
    def version() -> str:
        """What it says of itself."""
        assert BINARY is not None
        return subprocess.run(
            [BINARY, "--version"], capture_output=True, text=True, check=True
        ).stdout.strip()

    def start(self) -> None:
        assert BINARY is not None
        files = [
            "--config",
            str(ROLE / "files" / "telegraf.conf"),
            "--config-directory",
            str(self.folder / "telegraf.d"),
        ]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [BINARY, *files], env=self._environment, stdout=log, stderr=log
            )

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it, as systemd does."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(30.0)
            self._process = None

    def ended(self, patience_s: float) -> int | None:
        """Its exit status once it ends by itself."""
        assert self._process is not None
        try:
            return self._process.wait(patience_s)
        except subprocess.TimeoutExpired:
            return None
