"""site.yml's hub on a bare Debian: broker, PostgreSQL, Telegraf, a stand-in for Grafana."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.machine import Machine, inventory, wait_for
from tests.deploy.peers.hub import as_grafana_asks, message, panels
from tests.deploy.playbooks import VARIABLES, play

PACKAGE = os.environ.get("POSEKERNEL_TELEGRAF_DEB", "")
pytestmark = pytest.mark.skipif(
    not PACKAGE,
    reason="no package of Telegraf, which Debian lacks: set POSEKERNEL_TELEGRAF_DEB to its maker's "
    "or Ubuntu's file",
)
HUB = {
    **VARIABLES,
    "provision_names": ["DNS:localhost"],
    "provision_services": ["mosquitto.service"],
    "broker_address": "127.0.0.1",
    "broker_queue_qos0": True,
    "broker_users": {
        "telegraf": {"password": "{{ hub_broker_password }}", "acl": ["topic read posekernel/#"]}
    },
    "hub_broker_password": "for the broker",
    "hub_database_password": "for the database",
    "hub_grafana_password": "for the dashboard",
    "hub_telegraf_repository": "",
    "hub_grafana_repository": "",
}
GRAFANA = {
    "DEBIAN/control": "Package: grafana\nVersion: 0\nArchitecture: all\nMaintainer: test\n"
    "Description: stand-in\n",
    "DEBIAN/postinst": "#!/bin/sh\nuseradd --system grafana\n",
    "etc/grafana/grafana.ini": "[server]\n;http_addr =\n;http_port = 3000\n",
    "etc/grafana/provisioning/datasources/.keep": "",
    "etc/grafana/provisioning/dashboards/.keep": "",
    "var/lib/grafana/api/health": "{}",
    "lib/systemd/system/grafana-server.service": "[Service]\nWorkingDirectory=/var/lib/grafana\n"
    "ExecStart=/usr/bin/python3 -m http.server -b 127.0.0.1 3000\n"
    "[Install]\nWantedBy=multi-user.target\n",
}


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with Machine(tmp_path_factory.mktemp("machine"), "hub") as machine:
        stand_in = machine.tree / "root" / "grafana"
        for name, text in GRAFANA.items():
            (stand_in / name).parent.mkdir(parents=True, exist_ok=True)
            (stand_in / name).write_text(text)
        (stand_in / "DEBIAN" / "postinst").chmod(0o755)
        subprocess.run(
            ["dpkg-deb", "-b", str(stand_in), f"{stand_in}.deb"], check=True, capture_output=True
        )
        shutil.copy(PACKAGE, machine.tree / "root" / "telegraf.deb")
        machine.run(
            "apt-get -q update && apt-get -qy install procps /root/telegraf.deb /root/grafana.deb"
        )
        yield machine


@pytest.fixture(scope="module")
def hosts(hub: Machine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The inventory of a hub that site.yml has been through once."""
    hosts = inventory(tmp_path_factory.mktemp("inventory"), [hub], HUB)
    hosts.write_text(json.dumps({"hubs": json.loads(hosts.read_text())["sensors"]}))
    recap = play(hosts, machine="hub")
    assert recap["failures"] == recap["unreachable"] == 0
    return hosts


def sent_and_there(hub: Machine, version: str) -> bool:
    """Whether a message, sent as a sensor does, is what the dashboard then shows."""
    told = json.dumps(message("hub", 5 + int(version) / 10, version=version))
    tls = "/etc/posekernel/tls"
    hub.run(
        f"mosquitto_pub -h localhost -p 8883 --cafile {tls}/ca.crt --cert {tls}/device.crt "
        f"--key {tls}/device.key -t posekernel/hub/telemetry -m '{told}'"
    )
    ask = as_grafana_asks(panels()["Sensors"]).replace("'hall', 'attic'", "'hub'")
    shown = (
        f'PGPASSWORD="for the dashboard" psql -h localhost -U grafana -d posekernel -XtAc "{ask}"'
    )
    wait_for(
        f"the row of {version}", lambda: hub.run(shown).startswith(f"hub|{version}|simulated"), 60.0
    )
    return True


def test_what_a_sensor_sends_is_what_the_dashboard_shows(hub: Machine, hosts: Path) -> None:
    assert hub.show("User", "telegraf.service") in ("telegraf", "_telegraf")
    assert sent_and_there(hub, "1")


def test_a_second_run_changes_nothing(hosts: Path) -> None:
    again = play(hosts, machine="hub")
    assert (again["failures"], again["changed"]) == (0, 0)


def test_telegraf_waits_for_a_broker_that_comes_late(hub: Machine, hosts: Path) -> None:
    hub.run("systemctl stop mosquitto; systemctl restart telegraf")
    wait_for("six ends of Telegraf", lambda: int(hub.show("NRestarts", "telegraf.service")) >= 6)
    hub.run("systemctl start mosquitto")
    wait_for("Telegraf", lambda: "Connected" in hub.run("journalctl -u telegraf -n 3"), 60.0)
    assert sent_and_there(hub, "2")


def test_after_a_reboot_it_goes_on(hub: Machine, hosts: Path) -> None:
    hub.reboot()
    wait_for("mosquitto", lambda: hub.show("ActiveState", "mosquitto.service") == "active", 60.0)
    assert sent_and_there(hub, "3")
