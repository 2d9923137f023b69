"""The SQL of the hub on a real PostgreSQL, with telemetry that the sensor's schema accepts: every panel answers."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest

ROOT = Path(__file__).parents[2]
HUB = ROOT / "deploy" / "roles" / "hub" / "files"
SCHEMA = json.loads((ROOT / "edge" / "schemas" / "telemetry.json").read_text())
NOT_IN_THE_TABLE = {"schema", "timestamp", "models"}
NOW = datetime.now(UTC).replace(microsecond=0)
PROGRAMS = Path("/usr/lib/postgresql")


def message(sensor: str, step: int, **changed: Any) -> dict[str, Any]:
    """Telemetry of a sensor, `step` minutes after the first."""
    base: dict[str, Any] = {
        "schema": "posekernel.telemetry/1",
        "id": sensor,
        "timestamp": (NOW - timedelta(minutes=5 - step)).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
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
        "frames": 600 * step,
        "frames_dropped": 60 * step,
        "periods": 600 * step,
        "periods_faulty": 30 * step,
        "outbox_waiting": step,
        "lifter": "geometric",
        "models": [{"name": "pose_detection.tflite", "sha256": "0" * 64}],
    }
    counts = {name: 0 for name in SCHEMA["required"] if name not in base}
    whole = {**counts, **base, **changed}
    jsonschema.validate(whole, SCHEMA)
    return whole


class Postgres:
    """A server of its own in a folder, on a socket; `sql` runs a text and gives its rows."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = max(PROGRAMS.glob("*/bin"), key=lambda p: int(p.parent.name))
        self.user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        folder.chmod(0o777)
        self._run("initdb", "-D", str(folder / "data"), "-A", "trust", "-U", "postgres")
        self._run("pg_ctl", "-D", str(folder / "data"), "-w", "-l", str(folder / "log"),
                  "-o", f"-c listen_addresses='' -k {folder}", "start")  # fmt: skip
        self._run("createdb", "-h", str(folder), "-U", "postgres", "posekernel")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-m", "immediate", "stop")

    def sql(self, text: str, user: str = "postgres") -> list[list[str]]:
        done = subprocess.run(
            [self.bin / "psql", "-h", self.folder, "-U", user, "-d", "posekernel", "-XAt", "-F", "\t", "-v", "ON_ERROR_STOP=1"],
            input=text, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{text}: {done.stderr}"
        return [line.split("\t") for line in done.stdout.splitlines()]

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [*self.user, str(self.bin / program), *arguments], capture_output=True, text=True, check=False, cwd="/"
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    if not list(PROGRAMS.glob("*/bin/initdb")):
        pytest.skip("PostgreSQL is not installed")
    folder = Path("/tmp") / f"posekernel-postgres-{os.getpid()}"  # the server's user must get there
    folder.mkdir()
    server = Postgres(folder)
    try:
        server.sql((HUB / "posekernel-telemetry.sql").read_text())
        for step in range(5):
            insert(server, message("hall", step))
            insert(server, message("attic", step, uptime_s=60.0 * (step % 3) + 60.0, latency_p50_ms=None, latency_p95_ms=None))
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


def insert(server: Postgres, sent: dict[str, Any]) -> None:
    """As Telegraf's PostgreSQL output does it: its user, a column per property."""
    row = {"time": sent["timestamp"], **{k: v for k, v in sent.items() if k not in NOT_IN_THE_TABLE and v is not None}}
    values = ", ".join(f"'{v}'" for v in row.values())
    server.sql(f"INSERT INTO posekernel_telemetry ({', '.join(row)}) VALUES ({values})", user="telegraf")


def panels() -> dict[str, str]:
    dashboard = json.loads((HUB / "posekernel.json").read_text())
    return {p["title"]: p["targets"][0]["rawSql"] for p in dashboard["panels"]}


def as_grafana_asks(sql: str) -> str:
    """What Grafana makes of its macros and the variable."""
    sql = sql.replace("$__timeFilter(time)", "time BETWEEN now() - interval '1 hour' AND now()").replace(
        "$sensor", "'hall', 'attic'"
    )
    assert "$" not in sql
    return sql


def test_the_table_has_a_column_for_every_property_and_no_other(database: Postgres) -> None:
    columns = database.sql("SELECT column_name FROM information_schema.columns WHERE table_name = 'posekernel_telemetry'")
    assert {c[0] for c in columns} == set(SCHEMA["properties"]) - NOT_IN_THE_TABLE | {"time"}


def test_the_sql_may_run_again(database: Postgres) -> None:
    assert not [row for row in database.sql((HUB / "posekernel-telemetry.sql").read_text()) if "made" in row[0]]
    assert database.sql("SELECT count(*) FROM posekernel_telemetry") == [["10"]]


@pytest.mark.parametrize("title", panels())
def test_a_panel_answers_as_grafanas_own_user(database: Postgres, title: str) -> None:
    assert database.sql(as_grafana_asks(panels()[title]), user="grafana"), title


def test_the_panels_return_what_was_sent(database: Postgres) -> None:
    def values(title: str, sensor: str = "hall") -> list[float]:
        rows = database.sql(as_grafana_asks(panels()[title]), user="grafana")
        return [float(row[2]) for row in rows if row[1] == sensor and row[2]]

    assert values("Processor temperature") == [50.0, 51.0, 52.0, 53.0, 54.0]
    assert values("Latency, 95th percentile") == [180.0, 181.0, 182.0, 183.0, 184.0]
    assert values("Latency, 95th percentile", "attic") == []
    assert values("Sound periods that are not usable") == [5.0] * 4
    assert values("Images seen too late") == [10.0] * 4
    assert values("Restarts of the program") == []
    assert values("Restarts of the program", "attic") == [1.0]
    assert database.sql(as_grafana_asks(panels()["Sensors that are silent"])) == [["0"]]
    assert {row[0] for row in database.sql(as_grafana_asks(panels()["Sensors"]))} == {"hall", "attic"}


def test_grafana_reads_only(database: Postgres) -> None:
    with pytest.raises(AssertionError, match="permission denied"):
        database.sql("DELETE FROM posekernel_telemetry", user="grafana")
