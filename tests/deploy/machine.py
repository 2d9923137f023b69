"""A bare Debian with real systemd, booted by systemd-nspawn, reached by ssh."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

CACHE = Path(os.environ.get("POSEKERNEL_DEPLOY_CACHE", "~/.cache/posekernel-deploy")).expanduser()
# What Raspberry Pi OS Lite has on a fresh card; the roles bring the rest.
BARE = "systemd,systemd-sysv,dbus,openssh-server,sudo,udev,python3,python3-apt,ca-certificates,cron"
PATIENCE_S = 300.0
# A control group of its own: machines that are started from one would share their units' groups,
# and end each other's processes.
_HIERARCHIES = [
    p
    for p in (Path("/sys/fs/cgroup", below) for below in ("", "systemd", "unified"))
    if (p / "cgroup.procs").exists()
]
# Trixie's systemd asks for this on a machine whose control groups are of version 1.
_OLD_GROUPS = "SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1"
_REBOOTED = 133  # how systemd-nspawn --keep-unit ends when its machine wants to start again


def bare_tree(suite: str) -> Path:
    """A tree as after the first boot of a card, made once."""
    tree = CACHE / suite
    if not (tree / ".complete").exists():
        shutil.rmtree(tree, ignore_errors=True)
        CACHE.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ["debootstrap", "--variant=minbase", f"--include={BARE}", suite, str(tree)], check=True
        )
        (tree / "boot" / "firmware").mkdir(parents=True, exist_ok=True)
        (tree / "boot" / "firmware" / "config.txt").write_text(
            "# Raspberry Pi's own\narm_64bit=1\n"
        )
        (tree / ".complete").touch()
    return tree


def wait_for(what: str, done: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
    """Wait until `done`; fails when it does not come about."""
    deadline = time.monotonic() + patience_s
    while not done():
        assert time.monotonic() < deadline, f"{what}: not within {patience_s:g} s"
        time.sleep(0.2)


class Machine:
    """`with Machine(folder, "hall") as machine: machine.run("uname -a")`. Shares the network of
    this machine, nothing else.
    """

    def __init__(self, folder: Path, name: str, suite: str = "bookworm") -> None:
        self.name, self.tree, self.key = name, folder / name, folder / f"{name}.key"
        with socket.create_server(("127.0.0.1", 0)) as s:
            self.port = int(s.getsockname()[1])
        subprocess.run(
            ["cp", "-a", "--reflink=auto", str(bare_tree(suite)), str(self.tree)], check=True
        )
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.key)], check=True
        )
        ssh = self.tree / "root" / ".ssh"
        ssh.mkdir(mode=0o700, exist_ok=True)
        (ssh / "authorized_keys").write_text(self.key.with_suffix(".key.pub").read_text())
        (self.tree / "etc" / "ssh" / "sshd_config.d" / "test.conf").write_text(
            f"ListenAddress 127.0.0.1:{self.port}\n"
        )
        (self.tree / "etc" / "hostname").write_text(f"{name}\n")
        self.log = folder / f"{name}.console"
        self._groups = [h / f"posekernel-{os.getpid()}-{name}" for h in _HIERARCHIES]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._boot()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(60.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self.tree, ignore_errors=True)
        for group in self._groups:
            subprocess.run(
                ["find", str(group), "-depth", "-type", "d", "-exec", "rmdir", "{}", ";"],
                check=True,
            )

    def _boot(self) -> None:
        for group in self._groups:
            group.mkdir(exist_ok=True)
        join = "".join(f"echo $$ > {group}/cgroup.procs && " for group in self._groups)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                ["sh", "-c", f'{join}exec "$@"', "sh", "systemd-nspawn", "--quiet",
                 "--register=no", "--keep-unit",
                 "--console=pipe", f"--machine={self.name}", f"--directory={self.tree}", "--boot",
                 _OLD_GROUPS],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        wait_for(f"ssh to {self.name}", self.answers)

    @property
    def ssh_arguments(self) -> list[str]:
        options = [
            "StrictHostKeyChecking=no",
            "UserKnownHostsFile=/dev/null",
            "LogLevel=ERROR",
            "ConnectTimeout=5",
        ]
        return ["-i", str(self.key), "-p", str(self.port), *(x for o in options for x in ("-o", o))]

    def answers(self) -> bool:
        """Whether ssh gets in."""
        assert self._process is not None
        assert self._process.poll() is None, (
            f"systemd-nspawn ended: {self.log.read_text(errors='replace')[-2000:]}"
        )
        return self._ssh("true").returncode == 0

    def run(self, command: str) -> str:
        """What a command prints; fails when the command does."""
        done = self._ssh(command)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def refused(self, command: str) -> str:
        """What a command prints that must fail."""
        done = self._ssh(command)
        assert done.returncode != 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def show(self, name: str, unit: str = "posekernel.service") -> str:
        """A property of a unit, as systemctl shows it."""
        return self.run(f"systemctl show --property {name} --value {unit}")

    def reboot(self) -> None:
        """Reboot and wait until ssh gets in again."""
        assert self._process is not None
        self._ssh("systemctl reboot")
        assert self._process.wait(PATIENCE_S) == _REBOOTED, self.log.read_text(errors="replace")[
            -2000:
        ]
        self._boot()

    def _ssh(self, command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["ssh", *self.ssh_arguments, "root@127.0.0.1", command],
            capture_output=True,
            text=True,
            check=False,
        )


def inventory(folder: Path, machines: list[Machine], variables: Mapping[str, object]) -> Path:
    """An inventory of sensors with these variables for all."""
    folder.mkdir(parents=True, exist_ok=True)
    hosts = {
        m.name: {
            "ansible_host": "127.0.0.1",
            "ansible_port": m.port,
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(m.key),
            "ansible_ssh_common_args": "-o StrictHostKeyChecking=no "
            "-o UserKnownHostsFile=/dev/null",
        }
        for m in machines
    }
    path = folder / "hosts.json"
    path.with_suffix(".part").write_text(
        json.dumps({"sensors": {"hosts": hosts, "vars": dict(variables)}})
    )
    return path.with_suffix(".part").replace(path)  # whole from the moment it is there
