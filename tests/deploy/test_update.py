"""update.yml on three devices: a bad release stops at the first; a good one moves all."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.deploy.machine import Machine, inventory
from tests.deploy.parts.packages import CRASH, VERSION, VISION, release
from tests.deploy.playbooks import DEPLOY, SETTINGS, STORE, VARIABLES, hear, installed, play
from tests.support.broker.mosquitto import Mosquitto
from tests.support.worse_model import worse

NAMES = ("hall", "kitchen", "attic")


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory, package: None) -> Iterator[list[Machine]]:
    with ExitStack() as stack:
        yield [
            stack.enter_context(Machine(tmp_path_factory.mktemp("machine"), name)) for name in NAMES
        ]


@pytest.fixture(scope="module")
def converged(
    fleet: list[Machine], broker: Mosquitto, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The inventory of three machines that site.yml has been through."""
    variables = {
        **VARIABLES,
        "runtime_settings": {**SETTINGS, "mqtt.port": broker.port},
        "update_reader_arguments": ["-h", broker.host, "-p", str(broker.port)],
        # three sensors share the processors of one machine here
        "update_most_latency_p95_ms": 5000,
    }
    hosts = inventory(tmp_path_factory.mktemp("inventory"), fleet, variables)
    play(hosts)
    assert [_recap(hosts, name)["failed"] for name in NAMES] == [0, 0, 0]
    return hosts


def _recap(hosts: Path, name: str) -> dict[str, int]:
    """What the last play counted for a machine."""
    line = next(
        x
        for x in (hosts.parent / "play.json").read_text().splitlines()
        if x.startswith(name) and " : ok=" in x
    )
    return {k: int(v) for k, v in (pair.split("=") for pair in line.split(":")[1].split())}


def _untouched(hosts: Path, name: str) -> bool:
    """Whether the last play did not come to a machine at all."""
    return not any(
        x.startswith(name) and " : ok=" in x
        for x in (hosts.parent / "play.json").read_text().splitlines()
    )


def _running(machine: Machine) -> tuple[str, str, str]:
    return (installed(machine), machine.show("MainPID"), machine.show("ActiveState"))


def test_a_release_with_worse_poses_stops_at_the_first_device(
    fleet: list[Machine], converged: Path, broker: Mosquitto, tmp_path: Path
) -> None:
    before = [_running(m) for m in fleet]
    folder = release(tmp_path / "packages", "9.0.0", {VISION: worse(DEPLOY.parent / VISION)})
    recap = play(
        converged, "update.yml", posekernel_version="9.0.0", posekernel_packages=str(folder)
    )
    said = " ".join((converged.parent / "play.json").read_text().split())
    assert recap["failures"] == 1
    assert f"hall is back on {VERSION}" in said
    assert re.search(
        r"ERROR poses \d+ poses in (\d+ of )?50 frames, \d+ scaled by sound, "
        r"median error \d+\.\d cm, but",
        said,
    )
    assert [_running(m) for m in fleet] == before  # it never stopped
    assert all(_untouched(converged, name) for name in NAMES[1:])
    assert all(m.run(f"ls {STORE}") == VERSION for m in fleet)


def test_a_release_that_crashes_stops_at_the_first_device(
    fleet: list[Machine], converged: Path, broker: Mosquitto, tmp_path: Path
) -> None:
    others = [_running(m) for m in fleet[1:]]
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
    assert _running(fleet[0])[0] == VERSION
    assert hear(broker, "posekernel/hall/telemetry")["version"] == VERSION
    assert [_running(m) for m in fleet[1:]] == others
    assert all(_untouched(converged, name) for name in NAMES[1:])
    assert all(m.run(f"ls {STORE}") == VERSION for m in fleet)


def test_a_tampered_release_is_refused_at_the_first_device(
    fleet: list[Machine], converged: Path, tmp_path: Path
) -> None:
    before = [_running(m) for m in fleet]
    folder = release(tmp_path / "packages", "9.0.1")
    package = next(folder.glob("*.deb"))
    with package.open("ab") as file:
        file.write(b" ")
    assert (
        play(converged, "update.yml", posekernel_version="9.0.1", posekernel_packages=str(folder))[
            "failures"
        ]
        == 1
    )
    assert f"{package.name}: FAILED" in (converged.parent / "play.json").read_text()
    assert [_running(m) for m in fleet] == before


def test_a_good_release_moves_all_three(
    fleet: list[Machine], converged: Path, broker: Mosquitto, tmp_path: Path
) -> None:
    folder = release(tmp_path / "packages", "9.0.2")
    play(converged, "update.yml", posekernel_version="9.0.2", posekernel_packages=str(folder))
    assert [_recap(converged, name)["failed"] for name in NAMES] == [0, 0, 0]
    for machine, name in zip(fleet, NAMES, strict=True):
        assert _running(machine)[0] == "9.0.2"
        assert hear(broker, f"posekernel/{name}/telemetry")["version"] == "9.0.2"
