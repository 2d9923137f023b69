"""The Debian package on a bare Bookworm and a bare Trixie: installed, run, upgraded, removed."""

import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import tomli_w

from edge.sources.session.reader import DEMO_SESSION, load_session
from tests.deploy.machine import Machine, wait_for
from tests.deploy.parts import devices
from tests.deploy.parts.packages import PACKAGE, VERSION, release
from tests.deploy.playbooks import hear
from tests.support.broker.mosquitto import Mosquitto
from tests.support.setup.answers import session_answers

NEWER = "9.0.0"
KEPT = "/etc/posekernel /var/lib/posekernel"
KERNELS = "/var/cache/posekernel/numba"
FILM = "/var/lib/posekernel/film.mp4"
# What Raspberry Pi OS Lite has beside machine.BARE.
LITE = "alsa-utils libgomp1 libstdc++6 passwd"
ONLINE = "DEBIAN_FRONTEND=noninteractive apt-get install -y -q"
APT = f"{ONLINE} -o Acquire::http::Proxy=http://127.0.0.1:9"  # where nobody answers


@pytest.fixture(scope="module", params=["bookworm", "trixie"])
def board(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, package: None
) -> Iterator[Machine]:
    """A machine with Debian's own packages and ours in /root, but without the internet's."""
    suite = str(request.param)
    with Machine(tmp_path_factory.mktemp("machine"), suite, suite) as machine:
        machine.run(f"apt-get update -qq && {ONLINE} {LITE}")
        put(machine, PACKAGE)
        yield machine


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory, package: None) -> Path:
    return next(release(tmp_path_factory.mktemp("newer"), NEWER).glob("*.deb"))


def put(machine: Machine, package: Path) -> None:
    subprocess.run(["cp", str(package), str(machine.tree / "root")], check=True)


def install(machine: Machine, package: Path) -> str:
    """What apt says; fails when it does. Nothing is downloaded."""
    started = time.monotonic()
    said = machine.run(f"{APT} /root/{package.name} 2>&1")
    print(f"{machine.name}: {package.name} in {time.monotonic() - started:.0f} s")
    return said


def sums(machine: Machine) -> list[str]:
    """Owner, mode and content of what is kept, without the card's files and what grows."""
    found = f"find {KEPT} -path {devices.CARD} -prune -o -type f"
    lines = machine.run(
        f"{found} -exec stat -c '%n %U %G %a' {{}} +; {found} -exec sha256sum {{}} +"
    ).splitlines()
    return sorted(x for x in lines if not re.search("outbox|room", x))


def test_apt_needs_nothing_else_and_says_what_comes_next(board: Machine) -> None:
    said = install(board, PACKAGE)
    assert "Now run: sudo posekernel setup" in said
    assert VERSION in board.run("posekernel --version")
    assert board.run("dpkg --verify posekernel") == ""
    assert board.run("stat -c '%U %G %a' /etc/posekernel") == "root posekernel 770"
    assert board.run("stat -c '%U %G %a' /var/lib/posekernel") == "posekernel posekernel 700"
    size = board.run("dpkg-query -W -f '${Installed-Size}' posekernel")
    print(f"{board.name}: {size} KiB, {PACKAGE.stat().st_size / 1e6:.0f} MB as a file")


def test_without_a_configuration_it_does_not_run_but_will_at_boot(board: Machine) -> None:
    assert board.run("systemctl is-enabled posekernel") == "enabled"
    board.run("systemctl start posekernel")
    assert (board.show("ActiveState"), board.show("ConditionResult")) == ("inactive", "no")


def test_the_users_self_test_passes(board: Machine) -> None:
    said = board.run("runuser -u posekernel -- posekernel doctor --no-hardware --self-test")
    print(said)
    assert re.search(r"OK +poses +\d+ poses in .*50 frames", said)
    assert board.run(f"find {KERNELS} -name '*.nbc' | wc -l") != "0"
    assert board.run("find /usr/lib/posekernel -newer /etc/posekernel -type f") == ""


@pytest.fixture(scope="module")
def running(board: Machine, broker: Mosquitto) -> None:
    """The service that `posekernel setup` started, with a card of files and a film."""
    devices.give_devices(board)
    (board.tree / FILM[1:]).write_bytes((DEMO_SESSION / "frames.mp4").read_bytes())
    given = session_answers(
        load_session(DEMO_SESSION),
        board.name,
        FILM,
        broker.port,
        board="raspberry-pi-5",
        capture=devices.SETTINGS["audio.capture"],
        playback=devices.SETTINGS["audio.playback"],
        playback_channels=2,
    )
    (board.tree / "root/answers.toml").write_text(tomli_w.dumps(given))
    board.run(f"rm -r {KERNELS}")  # as without the self-test before
    started = time.monotonic()
    print(board.run("posekernel setup --yes --answers /root/answers.toml 2>&1"))
    print(f"{board.name}: setup in {time.monotonic() - started:.0f} s")
    hear(broker, f"posekernel/{board.name}/pose")
    print(f"{board.name}: a pose {time.monotonic() - started:.0f} s after setup began")


def test_poses_from_card_and_camera_reach_the_broker(
    board: Machine, running: None, broker: Mosquitto
) -> None:
    assert board.show("ActiveState") == "active"
    assert board.show("User") == "posekernel"
    pose = hear(broker, f"posekernel/{board.name}/pose")
    assert pose["people"][0]["joints"]
    assert hear(broker, f"posekernel/{board.name}/telemetry")["version"] == VERSION


def test_what_setup_compiled_the_service_does_not_compile_again(
    board: Machine, running: None
) -> None:
    listed = "&& find . -type f -exec sha256sum {} + | sort"
    roots = board.run(f"cd /var/cache/posekernel-root {listed}").splitlines()
    assert len(roots) > 20
    assert board.run(f"cd {KERNELS} {listed}").splitlines() == roots


def test_the_unit_is_hardened_as_far_as_the_bar(board: Machine, running: None) -> None:
    said = board.run("systemd-analyze security --no-pager posekernel.service | tail -1")
    print(f"{board.name}: {said}")
    assert float(re.search(r": ([\d.]+) ", said)[1]) <= 2.5  # type: ignore[index]
    status = board.run(f"cat /proc/{board.show('MainPID')}/status")
    assert re.search(r"^NoNewPrivs:\t1$", status, re.MULTILINE)
    assert re.search(r"^CapEff:\t0+$", status, re.MULTILINE)


def test_the_service_writes_where_it_may_and_nowhere_else(board: Machine, running: None) -> None:
    inside = f"nsenter -t {board.show('MainPID')} -m setpriv --reuid posekernel --regid posekernel"
    inside += " --clear-groups touch"
    for folder in ("/etc/posekernel", "/var/lib/posekernel", "/var/cache/posekernel"):
        board.run(f"{inside} {folder}/touched && rm {folder}/touched")
    for folder in ("/usr/lib/posekernel", "/etc", "/var/lib", "/home"):
        assert board.refused(f"{inside} {folder}/touched")


def test_an_upgrade_keeps_the_files_and_runs(
    board: Machine, running: None, newer: Path, broker: Mosquitto
) -> None:
    board.run(
        "install -o posekernel -m 600 /dev/stdin /var/lib/posekernel/calibration.toml </etc/fstab"
    )
    board.run("mkdir -p /etc/posekernel/tls && echo key > /etc/posekernel/tls/device.key")
    put(board, newer)
    before, pid = sums(board), board.show("MainPID")
    assert {"config.toml", "calibration.toml", "device.key"} <= {
        Path(x.split()[0]).name for x in before
    }
    said = install(board, newer)
    assert "Now run" not in said
    assert sums(board) == before
    wait_for("the new process", lambda: board.show("ActiveState") == "active")
    assert board.show("MainPID") != pid
    wait_for(
        "its telemetry",
        lambda: hear(broker, f"posekernel/{board.name}/telemetry")["version"] == NEWER,
    )


def test_a_downgrade_is_refused_with_a_sentence(board: Machine, running: None) -> None:
    before = sums(board)
    said = board.refused(f"{APT} --allow-downgrades /root/{PACKAGE.name}")
    assert f"posekernel {NEWER} is installed, and {VERSION} is older" in said
    assert "sudo apt remove posekernel" in said
    assert board.refused(f"dpkg -i /root/{PACKAGE.name}").count(f"Keep {NEWER}, or") == 1
    assert board.run("dpkg-query -W -f '${Status} ${Version}' posekernel") == (
        f"install ok installed {NEWER}"
    )
    assert NEWER in board.run("posekernel --version")
    wait_for("the service", lambda: board.show("ActiveState") == "active")
    assert sums(board) == before


def test_a_removal_leaves_nothing_running_and_the_settings(board: Machine, running: None) -> None:
    before = sums(board)
    board.run("apt-get remove -y -q posekernel")
    assert board.refused("pgrep -u posekernel") == ""
    assert board.refused("posekernel --version")
    assert board.refused("systemctl start posekernel")
    assert (
        board.run("ls -d /usr/lib/posekernel /usr/bin/posekernel 2>&1 | grep -vc 'No such' || true")
        == "0"
    )
    assert sums(board) == before


def test_the_older_one_runs_again_after_a_removal(
    board: Machine, running: None, broker: Mosquitto
) -> None:
    assert "Now run" not in install(board, PACKAGE)
    assert board.run("systemctl is-enabled posekernel") == "enabled"
    wait_for("the service", lambda: board.show("ActiveState") == "active")
    assert hear(broker, f"posekernel/{board.name}/pose")["people"]


def test_a_purge_leaves_nothing(board: Machine, running: None) -> None:
    user = board.run("id -u posekernel")
    board.run("mkdir -p /etc/alsa/conf.d && touch /etc/alsa/conf.d/60-posekernel.conf")
    board.run("posekernel doctor --no-hardware || true")  # as root
    board.run("apt-get purge -y -q posekernel")
    assert board.refused("getent passwd posekernel; getent group posekernel") == ""
    assert board.refused(f"pgrep -u {user}") == ""
    left = board.run(
        r"find / -xdev \( -path /root -o -path /proc -o -path /sys \) -prune -o "
        rf"\( -iname '*posekernel*' -o -uid {user} \) -print; find /run -iname '*posekernel*'"
    )
    assert left == ""
    assert "posekernel" not in board.run("systemctl list-unit-files --no-pager; dpkg -l")
