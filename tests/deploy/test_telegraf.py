"""Telemetry through mosquitto and a real Telegraf into PostgreSQL's dashboard."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from edge.core.config import MqttConfig
from edge.output.mqtt.publisher import MqttPublisher
from tests.deploy.machine import wait_for
from tests.deploy.peers.broker import Broker
from tests.deploy.peers.hub import (
    ANSIBLE,
    BINARY,
    Postgres,
    Telegraf,
    message,
    panels_return_it,
    postgres,
    render,
    telemetry,
)
from tests.support.broker.mosquitto import Authority, needs_mosquitto

pytestmark = [
    needs_mosquitto,
    pytest.mark.skipif(
        ANSIBLE is None, reason="ansible is not on the path: make test-deploy puts it there"
    ),
]
needs_telegraf = pytest.mark.skipif(
    BINARY is None,
    reason="no telegraf: it is not in Debian; set POSEKERNEL_TELEGRAF to one from its maker or "
    "Ubuntu",
)
PASSWORDS = {
    "hub_broker_password": 'a "$HOME" \\ of secrets',
    "hub_database_password": "it's \\ $HOME ”",
}
WITHIN_S = 30.0  # twice Telegraf's own pace of connecting again, and slow machines


class Hub:
    """Everything between a sensor and the dashboard."""

    def __init__(self, folder: Path, database: Postgres) -> None:
        self.database, self._folder, self._sensors = database, folder, ExitStack()
        self.authority = Authority.create(folder / "authority")
        self.broker = Broker(
            folder,
            self.authority,
            {"telegraf": PASSWORDS["hub_broker_password"]},
            broker_queue_qos0=True,
        )
        password = PASSWORDS["hub_database_password"].replace("'", "''")
        database.sql(f"ALTER ROLE telegraf PASSWORD '{password}'")
        to = {
            "hub_broker": f"ssl://localhost:{self.broker.users_port}",
            "hub_broker_ca": str(folder / "ca.crt"),
        }
        render(folder / "telegraf", Telegraf.version(), **to, **PASSWORDS)
        self.telegraf = Telegraf(folder / "telegraf", PGPORT=str(database.port))
        self.sensors = {name: self._sensor(name) for name in ("hall", "attic")}

    def _sensor(self, name: str) -> MqttPublisher:
        """The sensor's own connection, with its certificate."""
        certificate, key = self.authority.issue(name)
        config = MqttConfig(host="localhost", port=self.broker.port, tls=True,
                            ca_file=str(self._folder / "ca.crt"),
                            client_cert=str(certificate), client_key=str(key),
                            discovery=False)  # fmt: skip
        return self._sensors.enter_context(MqttPublisher(config, name, source="simulated"))

    def close(self) -> None:
        self._sensors.close()
        self.telegraf.stop()
        self.broker.stop()

    def start_telegraf(self) -> None:
        self.telegraf.start()
        wait_for("Telegraf at the broker", lambda: "Connected [ssl" in self.new_log(), WITHIN_S)

    def new_log(self) -> str:
        """What Telegraf said since it was last started."""
        return self.telegraf.log.read_text().rpartition("Starting Telegraf")[2]

    def send(self, what: dict[str, Any]) -> None:
        """As the sensor sends its telemetry (edge/sensor/control.py)."""
        sensor = self.sensors[what["id"]]
        assert sensor.wait_connected(WITHIN_S), sensor.last_error
        assert sensor.publish_stream("telemetry", what)

    def arrives(self, mark: str) -> bool:
        """Whether a row of this version comes into the table."""
        deadline = time.monotonic() + WITHIN_S
        while not (there := self.rows(mark)) and time.monotonic() < deadline:
            time.sleep(0.1)
        return there > 0

    def rows(self, mark: str) -> int:
        return int(
            self.database.sql(
                f"SELECT count(*) FROM posekernel_telemetry WHERE version = '{mark}'"
            )[0][0]
        )


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with postgres() as database:
        hub = Hub(tmp_path_factory.mktemp("hub"), database)
        try:
            hub.start_telegraf()
            yield hub
        finally:
            hub.close()
            print(hub.telegraf.log.read_text()[-6000:])


@pytest.mark.parametrize(("version", "output"), [
    ("Telegraf 1.21.4+ds1-0ubuntu2", "sql"),
    ("Telegraf 1.24.0 (git: HEAD 1234567)", "postgresql"),
    ("Telegraf 1.32.1 (git: HEAD@1234567)", "postgresql"),
])  # fmt: skip
def test_the_output_is_one_that_this_telegraf_has(
    version: str, output: str, tmp_path: Path
) -> None:
    told = render(tmp_path, version, **PASSWORDS)
    assert list(told["outputs"]) == [output]
    source = told["inputs"]["mqtt_consumer"][0]
    assert source["password"] == PASSWORDS["hub_broker_password"]
    assert source["qos"] == 1
    assert source["persistent_session"]


def test_every_column_is_taken_with_its_type_and_nothing_else(tmp_path: Path) -> None:
    told = render(tmp_path, "Telegraf 1.21.4", **PASSWORDS)
    taken = told["inputs"]["mqtt_consumer"][0]["json_v2"][0]["object"][0]
    fields = told["processors"]["converter"][0]["fields"]
    with postgres() as database:
        columns = dict(database.sql(
            "SELECT column_name, data_type FROM information_schema.columns "
            "WHERE table_name = 'posekernel_telemetry'"
        ))  # fmt: skip
    assert columns.pop("time") == "timestamp with time zone"
    assert set(columns) == {"id", *taken["included_keys"]}
    by_type = {
        kind: {name for name, of in columns.items() if of == kind} for kind in set(columns.values())
    }
    assert by_type == {
        "text": {"id", *taken["tags"]}, "boolean": set(fields["boolean"]),
        "double precision": set(fields["float"]),
    }  # fmt: skip


@needs_telegraf
def test_the_panels_return_what_the_sensors_sent(hub: Hub) -> None:
    for sent in telemetry():
        hub.send(sent)
    hub.send(message("hall", 4, version="last"))
    assert hub.arrives("last")
    hub.database.sql("DELETE FROM posekernel_telemetry WHERE version = 'last'")
    panels_return_it(hub.database)
    assert hub.database.sql("SELECT count(*), min(runtime) FROM posekernel_telemetry") == [
        ["10", "ai-edge-litert"]
    ]


def _with(**changed: Any) -> Callable[[dict[str, Any]], bytes]:
    return lambda good: json.dumps(good | changed).encode()


def _without(name: str) -> Callable[[dict[str, Any]], bytes]:
    return lambda good: json.dumps({k: v for k, v in good.items() if k != name}).encode()


# What a device may send, its program being newer, broken or taken over; and whether a row comes of
# it.
ODD: dict[str, tuple[Callable[[dict[str, Any]], bytes], bool]] = {
    "an unknown property": (_with(fan_rpm=1200), True),
    "an unknown object with names of ours": (
        _with(gpu={"frames": 7, "lifter": 2, "uptime_s": "x"}),
        True,
    ),
    "an unknown list": (_with(disks=[{"frames": 1}, {"frames": 2}]), True),
    "nulls": (
        _with(
            temperature_c=None,
            throttled=None,
            throttled_flags=None,
            memory_mb=None,
            latency_p50_ms=None,
        ),
        True,
    ),
    "a text for a number": (_with(frames="many"), True),
    "a boolean for a number": (_with(uptime_s=True), True),
    "an object for a number": (_with(frames={"a": 1}), True),
    "a number past every type": (_with(frames=10**400), True),
    "a text for a boolean": (_with(throttled="maybe"), True),
    "NUL in a text": (_with(lifter="a\0b"), True),
    "broken UTF-8 in a text": (
        lambda good: _with(lifter="a?b")(good).replace(b"a?b", b"a\xffb"),
        True,
    ),
    "no id": (_without("id"), True),
    "another's id": (_with(id="attic"), True),
    "no timestamp": (_without("timestamp"), False),
    "a timestamp that is none": (_with(timestamp="yesterday"), False),
    "not a number": (lambda good: _with(uptime_s=float("nan"))(good), False),
    "no JSON": (lambda _: b"\xff\0no JSON", False),
    "nothing": (lambda _: b"", False),
    "a list": (lambda good: b"[" + json.dumps(good).encode() + b"]", False),
}


@needs_telegraf
@pytest.mark.parametrize("what", ODD)
def test_no_message_holds_up_those_after_it(hub: Hub, what: str) -> None:
    payload, row = ODD[what]
    mark = what.replace(" ", "-").replace("'", "")
    assert hub.broker.publish(
        "hall", "posekernel/hall/telemetry", payload(message("hall", 1, version=mark))
    )
    hub.send(message("attic", 1, version=f"after-{mark}"))
    assert hub.arrives(f"after-{mark}")
    assert hub.rows(mark) == row
    assert (
        hub.database.sql(f"SELECT DISTINCT id FROM posekernel_telemetry WHERE version = '{mark}'")
        == [["hall"]] * row
    )


@needs_telegraf
def test_after_the_broker_was_away_it_goes_on(hub: Hub) -> None:
    hub.broker.stop()
    hub.broker.start()
    hub.send(message("hall", 1, version="after-the-broker"))
    assert hub.arrives("after-the-broker")


@needs_telegraf
def test_after_the_database_was_away_it_goes_on(hub: Hub) -> None:
    hub.database.stop()
    hub.send(message("hall", 1, version="without-a-database"))
    time.sleep(6.0)  # it has tried and failed
    hub.database.start()
    assert hub.arrives("without-a-database")
    assert hub.rows("without-a-database") == 1


@needs_telegraf
def test_what_is_sent_while_telegraf_is_away_is_not_lost(hub: Hub) -> None:
    """The sensor sends at QoS 0: the hub's broker keeps that, too, even over a restart."""
    hub.telegraf.stop()
    hub.send(message("hall", 1, version="without-telegraf"))
    hub.send(message("attic", 1, version="without-telegraf"))
    hub.broker.publish(
        "hall",
        "posekernel/hall/telemetry",
        json.dumps(message("hall", 2, version="at-least-once")).encode(),
    )
    hub.broker.stop()
    hub.broker.start()
    hub.start_telegraf()
    assert hub.arrives("at-least-once")
    assert hub.rows("without-telegraf") == 2


@needs_telegraf
def test_it_ends_without_a_broker_hence_the_units_settings(hub: Hub) -> None:
    """Role hub's telegraf-service.conf starts it again for as long as it takes."""
    hub.telegraf.stop()
    hub.broker.stop()
    hub.telegraf.start()
    assert hub.telegraf.ended(60.0)
    hub.broker.start()
    hub.start_telegraf()
