"""The playbook on a bare Debian: a running sensor, restarted when it hangs."""

import json
import re
import shlex
import shutil
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.machine import Machine, inventory, wait_for
from tests.deploy.parts import devices
from tests.deploy.parts.packages import CRASH, FOLDER, PACKAGE, VERSION, release
from tests.deploy.parts.page import draw
from tests.deploy.playbooks import (
    CONFIG,
    SETTINGS,
    STORE,
    VARIABLES,
    WATCHDOG_S,
    hear,
    installed,
    play,
)
from tests.support.broker.mosquitto import Mosquitto, free_port


@pytest.fixture(scope="module")
def hall(tmp_path_factory: pytest.TempPathFactory, package: None) -> Iterator[Machine]:
    with Machine(tmp_path_factory.mktemp("machine"), "hall") as machine:
        yield machine


@pytest.fixture(scope="module")
def converged(hall: Machine, broker: Mosquitto, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The inventory of a machine that site.yml has been through once."""
    SETTINGS["mqtt.port"] = broker.port
    variables = {
        **VARIABLES,
        "update_reader_arguments": ["-h", broker.host, "-p", str(broker.port)],
    }
    hosts = inventory(tmp_path_factory.mktemp("inventory"), [hall], variables)
    recap = play(hosts)
    assert recap["failures"] == recap["unreachable"] == 0
    assert recap["changed"] > 10
    return hosts


def test_the_sensor_runs_and_sends_poses(hall: Machine, converged: Path, broker: Mosquitto) -> None:
    assert hall.show("ActiveState") == "active"
    assert hall.show("NRestarts") == "0"
    assert hall.show("User") == "posekernel"
    pose = hear(broker, "posekernel/hall/pose")
    assert pose["source"] == "simulated"
    journal = hall.run("journalctl -u posekernel --no-pager")
    assert "source: simulated" in journal
    assert "mid-hip" not in journal


def test_a_second_run_changes_nothing(converged: Path) -> None:
    again = play(converged)
    assert (again["failures"], again["changed"]) == (0, 0)


def test_the_unit_is_hardened_as_far_as_the_bar(hall: Machine, converged: Path) -> None:
    said = hall.run("systemd-analyze security --no-pager posekernel.service | tail -1")
    exposure = float(re.search(r": ([\d.]+) ", said)[1])  # type: ignore[index]
    print(said)
    assert exposure <= 2.5


def test_the_service_writes_where_it_may_and_nowhere_else(hall: Machine, converged: Path) -> None:
    status = hall.run(f"cat /proc/{hall.show('MainPID')}/status")
    assert re.search(r"^NoNewPrivs:\t1$", status, re.MULTILINE)
    assert re.search(r"^CapEff:\t0+$", status, re.MULTILINE)
    assert hall.run("find /var/cache/posekernel/numba -name '*.nbc' | wc -l") != "0"
    assert hall.run(f"stat -c '%U %G %a' {CONFIG}") == "posekernel posekernel 640"


def test_a_hung_process_is_killed_by_the_watchdog_and_runs_again(
    hall: Machine, converged: Path
) -> None:
    """Stopped, it cannot ping: systemd must kill it within WatchdogSec of its last ping, so of the
    stop, and start it again.
    """
    restarts, pid = int(hall.show("NRestarts")), hall.show("MainPID")
    hall.run(f"logger -t test stopping && kill -STOP {pid}")
    wait_for(
        "the restart",
        lambda: int(hall.show("NRestarts")) > restarts and hall.show("ActiveState") == "active",
    )
    assert hall.show("MainPID") != pid
    journal = [json.loads(x) for x in hall.run("journalctl -o json --no-pager").splitlines()]
    stopped = (
        max(int(x["__MONOTONIC_TIMESTAMP"]) for x in journal if x.get("MESSAGE") == "stopping")
        / 1e6
    )
    found = [
        int(x["__MONOTONIC_TIMESTAMP"]) / 1e6
        for x in journal
        if "Watchdog timeout" in str(x.get("MESSAGE"))
    ]
    print(
        f"the watchdog acted {found[-1] - stopped:.2f} s after the stop; "
        f"its deadline is {WATCHDOG_S} s"
    )
    assert 0.0 < found[-1] - stopped < WATCHDOG_S + 5.0


@pytest.fixture
def with_devices(hall: Machine, converged: Path, broker: Mosquitto) -> Iterator[None]:
    """A sound card and a camera instead of the session; afterwards all is as before."""
    devices.give_devices(hall)
    settings = {"device.id": hall.name, "mqtt.port": broker.port, **devices.SETTINGS}
    words = " ".join(shlex.quote(f"--set={k}={json.dumps(v)}") for k, v in settings.items())
    array, board = VARIABLES["posekernel_array"], VARIABLES["posekernel_board"]
    hall.run(
        f"cp -a {CONFIG} {CONFIG}.before && posekernel config "
        f"--array {array} --board {board} {words} --out {CONFIG} && systemctl restart posekernel"
    )
    yield
    hall.run(
        f"rm -f {devices.HANGS} && mv {CONFIG}.before {CONFIG} && systemctl restart posekernel"
    )


def test_a_sensor_whose_camera_hangs_comes_back_by_itself(
    hall: Machine, with_devices: None, broker: Mosquitto
) -> None:
    def told() -> dict[str, Any]:
        return hear(broker, "posekernel/hall/telemetry")

    def images_come() -> bool:
        return bool(told()["frames"] < told()["frames"])

    wait_for("images", images_come)
    restarts, pid = int(hall.show("NRestarts")), hall.show("MainPID")
    hall.run(f"echo {pid} > {devices.HANGS}")
    wait_for("the camera to be opened again", lambda: told()["camera_reopened"] > 0)
    wait_for("images", images_come)
    assert (hall.show("MainPID"), int(hall.show("NRestarts"))) == (pid, restarts)

    hall.run(f"echo {pid} deaf > {devices.HANGS}")
    hung_s = time.monotonic()
    wait_for("the restart", lambda: int(hall.show("NRestarts")) > restarts)
    ended_s = time.monotonic() - hung_s
    wait_for("the new process", lambda: hall.show("ActiveState") == "active")
    wait_for("images", images_come)
    print(f"restarted {ended_s:.1f} s after the hang, images {time.monotonic() - hung_s:.1f} s")
    assert hall.show("MainPID") != pid
    assert int(hall.show("NRestarts")) == restarts + 1
    journal = hall.run("journalctl -u posekernel --no-pager")
    assert "it is opened again" in journal
    assert "its driver does not let go of it" in journal
    assert "systemd starts the sensor again" in journal


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        ({"runtime_settings": {**SETTINGS, "excitation.level_dbfs": 3}}, "excitation.level_dbfs"),
        (
            {
                "runtime_array": "respeaker-4-mic-hat",
                "runtime_settings": {**SETTINGS, "audio.playback": "hw:0"},
            },
            "no TDM",
        ),
        ({"runtime_config_text": "[device]\nid = 'hall'\nname = 'hall'\n"}, "device.name"),
    ],
)
def test_a_bad_configuration_does_not_replace_the_good_one(
    hall: Machine, converged: Path, bad: dict[str, Any], expected: str
) -> None:
    before = (hall.run(f"sha256sum {CONFIG}"), hall.show("MainPID"))
    assert play(converged, **bad)["failures"] == 1
    assert expected in (converged.parent / "play.json").read_text()
    assert (hall.run(f"sha256sum {CONFIG}"), hall.show("MainPID")) == before
    assert hall.show("ActiveState") == "active"


def test_a_zone_drawn_on_the_page_outlives_the_next_runs(hall: Machine, converged: Path) -> None:
    port = free_port()
    settings = {
        **SETTINGS,
        "web.enabled": True,
        "web.port": port,
        "web.websocket_url": "ws://127.0.0.1:9001/",
    }
    assert play(converged, runtime_settings=settings)["failures"] == 0
    draw(hall, port, "Sofa", [[0.0, 2.0], [1.0, 2.0], [1.0, 3.5]])
    drawn = hall.run(f"cat {CONFIG}")
    assert [zone["name"] for zone in tomllib.loads(drawn)["zones"]] == ["Sofa"]
    again = play(converged, runtime_settings=settings)
    assert (again["failures"], again["changed"]) == (0, 0)
    assert hall.run(f"cat {CONFIG}") == drawn
    assert play(converged)["failures"] == 0  # without the page
    table = tomllib.loads(hall.run(f"cat {CONFIG}"))
    assert "web" not in table
    assert table["zones"] == tomllib.loads(drawn)["zones"]
    assert play(converged, runtime_keep_zones=False)["failures"] == 0
    assert "zones" not in tomllib.loads(hall.run(f"cat {CONFIG}"))


def test_a_tampered_package_is_refused(hall: Machine, converged: Path, tmp_path: Path) -> None:
    folder = tmp_path / "packages"
    shutil.copytree(FOLDER, folder)
    with (folder / PACKAGE.name).open("ab") as file:
        file.write(b" ")
    kept = f"sha256sum {STORE}/{VERSION}/{PACKAGE.name}"  # the way back
    before = (hall.run(kept), hall.show("MainPID"))
    assert play(converged, posekernel_packages=str(folder))["failures"] == 1
    assert f"{PACKAGE.name}: FAILED" in (converged.parent / "play.json").read_text()
    assert (hall.run(kept), hall.show("MainPID")) == before


def test_a_release_that_crashes_in_service_is_taken_back(
    hall: Machine, converged: Path, broker: Mosquitto, tmp_path: Path
) -> None:
    folder = release(tmp_path / "packages", "9.0.0", appended=CRASH)
    recap = play(
        converged,
        "update.yml",
        posekernel_version="9.0.0",
        posekernel_packages=str(folder),
        update_wait_s=60,
    )
    assert recap["failures"] == 1
    assert f"hall is back on {VERSION}" in (converged.parent / "play.json").read_text()
    assert "made to crash" in hall.run("journalctl -u posekernel --no-pager")
    assert installed(hall) == VERSION
    assert hall.run(f"ls {STORE}") == VERSION
    assert hear(broker, "posekernel/hall/telemetry")["version"] == VERSION


def test_a_good_update_stays(
    hall: Machine, converged: Path, broker: Mosquitto, tmp_path: Path
) -> None:
    folder = release(tmp_path / "packages", "9.0.1")
    recap = play(
        converged, "update.yml", posekernel_version="9.0.1", posekernel_packages=str(folder)
    )
    assert recap["failures"] == 0
    assert hear(broker, "posekernel/hall/telemetry")["version"] == "9.0.1"


def test_a_reboot_keeps_everything(hall: Machine, converged: Path) -> None:
    files = (
        f"{CONFIG} /etc/posekernel/tls/device.crt "
        "/etc/systemd/system/posekernel.service.d/site.conf"
    )
    before = hall.run(f"sha256sum {files}")
    hall.reboot()
    wait_for("the service after the reboot", lambda: hall.show("ActiveState") == "active")
    assert hall.run(f"sha256sum {files}") == before
    assert hall.show("NRestarts") == "0"
