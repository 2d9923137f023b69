"""The hub's SQL on a real PostgreSQL, with valid telemetry: every panel answers."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.deploy.peers.hub import (
    NOT_IN_THE_TABLE,
    ROLE,
    SCHEMA,
    Postgres,
    as_grafana_asks,
    panels,
    panels_return_it,
    postgres,
    telemetry,
)


@pytest.fixture(scope="module")
def database() -> Iterator[Postgres]:
    with postgres() as server:
        for sent in telemetry():
            insert(server, sent)
        yield server


def insert(server: Postgres, sent: dict[str, Any]) -> None:
    """As Telegraf does it (test_telegraf.py): its user, a column per property."""
    row = {
        "time": sent["timestamp"],
        **{k: v for k, v in sent.items() if k not in NOT_IN_THE_TABLE and v is not None},
    }
    values = ", ".join(f"'{v}'" for v in row.values())
    server.sql(
        f"INSERT INTO posekernel_telemetry ({', '.join(row)}) VALUES ({values})", user="telegraf"
    )


def test_the_table_has_a_column_for_every_property_and_no_other(database: Postgres) -> None:
    columns = database.sql(
        "SELECT column_name FROM information_schema.columns "
        "WHERE table_name = 'posekernel_telemetry'"
    )
    assert {c[0] for c in columns} == set(SCHEMA["properties"]) - NOT_IN_THE_TABLE | {"time"}


def test_the_sql_may_run_again(database: Postgres) -> None:
    assert not [
        row
        for row in database.sql((ROLE / "files" / "posekernel-telemetry.sql").read_text())
        if "made" in row[0]
    ]
    assert database.sql("SELECT count(*) FROM posekernel_telemetry") == [["10"]]


def test_a_table_of_an_earlier_release_gets_its_new_column(database: Postgres) -> None:
    sql = (ROLE / "files" / "posekernel-telemetry.sql").read_text()
    database.sql("DROP VIEW posekernel_now; ALTER TABLE posekernel_telemetry DROP COLUMN runtime")
    database.sql(
        "CREATE VIEW posekernel_now AS "
        "SELECT DISTINCT ON (id) *, 0 AS silent_s FROM posekernel_telemetry"
    )
    database.sql(sql)
    assert database.sql("SELECT runtime FROM posekernel_now", user="grafana") == [[""], [""]]


@pytest.mark.parametrize("title", panels())
def test_a_panel_answers_as_grafanas_own_user(database: Postgres, title: str) -> None:
    assert database.sql(as_grafana_asks(panels()[title]), user="grafana"), title


def test_the_panels_return_what_was_sent(database: Postgres) -> None:
    panels_return_it(database)


def test_grafana_reads_only(database: Postgres) -> None:
    with pytest.raises(AssertionError, match="permission denied"):
        database.sql("DELETE FROM posekernel_telemetry", user="grafana")
