"""The broker role's files, as the role renders them, in a real mosquitto."""

import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import jinja2
import yaml

from tests.support import ROOT
from tests.support.broker.mosquitto import BINARY, Authority, free_port

ROLE = ROOT / "deploy" / "roles" / "broker"


class Broker:
    """The role's files with paths and ports of a test, and mosquitto running them. variables: the
    role's, beside its defaults.

    users: names and passwords; each reads what the sensors say. Persistent, as with Debian's own
    mosquitto.conf.
    """

    def __init__(
        self, folder: Path, authority: Authority, users: dict[str, str], **variables: Any
    ) -> None:
        self.authority, self.folder = authority, folder
        self.port, self.users_port, self.websocket_port = free_port(), free_port(), free_port()
        everything = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text()) | {
            "ansible_managed": "by a test",
            "inventory_hostname": "site-a",
            "broker_address": "127.0.0.1",
            "broker_port": self.port,
            "broker_users_port": self.users_port,
            "broker_websocket_port": self.websocket_port,
            "broker_websocket_address": "127.0.0.1",
            "broker_tls_dir": str(folder),
            "broker_users": {
                u: {"password": p, "acl": ["topic read posekernel/#"]} for u, p in users.items()
            },
            **variables,
        }
        certificate, key = authority.issue("site-a")
        for source, name in (
            (authority.certificate, "ca.crt"),
            (certificate, "device.crt"),
            (key, "device.key"),
        ):
            (folder / name).write_bytes(source.read_bytes())
        environment = jinja2.Environment(trim_blocks=True, undefined=jinja2.StrictUndefined)
        environment.filters["bool"] = bool
        for template, name in (
            ("posekernel.conf.j2", "posekernel.conf"),
            ("acl.j2", "posekernel.acl"),
        ):
            text = environment.from_string((ROLE / "templates" / template).read_text()).render(
                everything
            )
            (folder / name).write_text(text.replace("/etc/mosquitto", str(folder)))
            (folder / name).chmod(0o600)
        (folder / "posekernel.passwords").touch(0o600)
        for user, password in users.items():
            subprocess.run(
                ["mosquitto_passwd", "-b", folder / "posekernel.passwords", user, password],
                check=True,
            )
        with (folder / "posekernel.conf").open("a") as config:
            config.write(
                f"\nuser root\npersistence true\npersistence_location {folder}/\n"
                f"log_dest file {folder}/log\nlog_type all\n"
            )
        self.start()

    def start(self) -> None:
        """Start it and wait until it listens."""
        assert BINARY is not None
        self.process = subprocess.Popen([BINARY, "-c", str(self.folder / "posekernel.conf")])
        deadline = time.monotonic() + 20.0
        while not all(
            _listens("127.0.0.1", p) for p in (self.port, self.users_port, self.websocket_port)
        ):
            assert self.process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def stop(self) -> None:
        """End it, as systemd does."""
        self.process.terminate()
        self.process.wait(10.0)

    def publish(
        self,
        device: str | None,
        topic: str,
        payload: bytes = b"x",
        *,
        authority: Authority | None = None,
    ) -> bool:
        """Whether a device's message is taken; None: one without a certificate."""
        arguments = ["mosquitto_pub", "-V", "mqttv5", "-h", "127.0.0.1", "-p", str(self.port)]
        arguments += ["-q", "1", "-t", topic, "-s" if payload else "-n"]
        arguments += ["--cafile", str(self.authority.certificate)]
        if device is not None:
            certificate, key = (authority or self.authority).issue(device)
            arguments += ["--cert", str(certificate), "--key", str(key)]
        done = subprocess.run(
            arguments, input=payload, capture_output=True, check=False, timeout=30
        )
        return done.returncode == 0 and b"not authorized" not in (done.stdout + done.stderr).lower()


def _listens(host: str, port: int) -> bool:
    with socket.socket() as s:
        s.settimeout(1.0)
        return s.connect_ex((host, port)) == 0
