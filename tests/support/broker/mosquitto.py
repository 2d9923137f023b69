"""A real mosquitto for tests: passwords, access list, TLS; killed, frozen, restarted."""

import os
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pytest

from tests.support.waiting import LIMIT_S

BINARY = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
PASSWD = shutil.which("mosquitto_passwd")
needs_mosquitto = pytest.mark.skipif(
    BINARY is None or PASSWD is None, reason="mosquitto is not installed"
)


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@dataclass(frozen=True)
class Authority:
    """A certificate authority; certificates last `days` (negative: expired)."""

    folder: Path

    @classmethod
    def create(cls, folder: Path) -> Self:
        folder.mkdir(parents=True)
        _openssl(
            *("req", "-new", "-x509", "-days", "30", *_KEY),
            *("-keyout", folder / "ca.key", "-out", folder / "ca.crt"),
            *("-subj", f"/CN=posekernel test {folder.name}"),
            *("-addext", "keyUsage=critical,keyCertSign,cRLSign"),
        )
        return cls(folder)

    @property
    def certificate(self) -> Path:
        return self.folder / "ca.crt"

    def issue(
        self, name: str, *, alternative_names: str = "DNS:localhost,IP:127.0.0.1", days: int = 30
    ) -> tuple[Path, Path]:
        """Certificate and key files for `name`."""
        key, request, certificate = (
            self.folder / f"{name}.{ending}" for ending in ("key", "csr", "crt")
        )
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(
            f"subjectAltName={alternative_names}\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
        )  # Python 3.13 verifies strictly
        _openssl("req", "-new", *_KEY, "-keyout", key, "-out", request, "-subj", f"/CN={name}")
        _openssl(
            *("x509", "-req", "-in", request, "-CA", self.certificate),
            *("-CAkey", self.folder / "ca.key", "-CAcreateserial"),
            *("-days", str(days), "-out", certificate, "-extfile", extensions),
        )
        return certificate, key


class Mosquitto:
    """`with Mosquitto(folder, passwords={"node": "secret"}, acl="...", tls=authority) as broker:
    broker.port`.

    acl: text of mosquitto's access list. tls: the authority that signs the broker's certificate.
    require_certificate: clients must show one of the same authority. certificate: the broker's own
    (certificate, key) instead of a fresh good one. websockets: a second listener at websocket_port.
    persistent: it saves each change of its sessions. extra: further lines of configuration. The
    ports stay over restarts.
    """

    def __init__(
        self,
        folder: Path,
        *,
        passwords: dict[str, str] | None = None,
        acl: str = "",
        tls: Authority | None = None,
        require_certificate: bool = False,
        certificate: tuple[Path, Path] | None = None,
        websockets: bool = False,
        persistent: bool = False,
        extra: str = "",
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.host = "127.0.0.1"
        self.port = free_port()
        self.websocket_port = free_port() if websockets else 0
        self.log = folder / "mosquitto.log"
        self._config = folder / "mosquitto.conf"
        self._process: subprocess.Popen[bytes] | None = None
        lines = [f"listener {self.port} {self.host}"]
        if tls is not None:
            crt, key = certificate or tls.issue("broker")
            lines += [f"cafile {tls.certificate}", f"certfile {crt}", f"keyfile {key}"]
            lines += [f"require_certificate {str(require_certificate).lower()}"]
        if websockets:
            lines += [
                f"listener {self.websocket_port} {self.host}",
                "protocol websockets",
                "socket_domain ipv4",
            ]
        lines += [
            f"allow_anonymous {'false' if passwords else 'true'}",
            f"log_dest file {self.log}",
            f"persistence {str(persistent).lower()}",
        ]
        if persistent:
            lines += [f"persistence_location {folder}/", "autosave_on_changes true"]
            lines += ["autosave_interval 1", "max_queued_messages 0"]
        if os.geteuid() == 0:
            lines.append("user root")
        if passwords:
            assert PASSWD is not None
            (folder / "passwords").touch(0o600)
            for user, password in passwords.items():
                subprocess.run(
                    [PASSWD, "-b", folder / "passwords", user, password],
                    check=True,
                    capture_output=True,
                )
            lines.append(f"password_file {folder / 'passwords'}")
        if acl:
            (folder / "acl").write_text(acl)
            (folder / "acl").chmod(0o600)
            lines.append(f"acl_file {folder / 'acl'}")
        self._config.write_text("\n".join([*lines, extra, ""]))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start and wait until it listens."""
        assert BINARY is not None
        self._process = subprocess.Popen(
            [BINARY, "-c", self._config],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + LIMIT_S
        while time.monotonic() < deadline:
            if all(map(self._answers, filter(None, (self.port, self.websocket_port)))):
                return
            assert self._process.poll() is None, (
                self.log.read_text() if self.log.exists() else "mosquitto ended at once"
            )
            time.sleep(0.01)
        raise AssertionError("mosquitto does not listen")

    def _answers(self, port: int) -> bool:
        with socket.socket() as s:
            return s.connect_ex((self.host, port)) == 0

    def stop(self) -> None:
        """End it in an orderly way."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Keep its connections open without serving them."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        # mosquitto loses a signal that comes after it listens and before its loop runs.
        deadline = time.monotonic() + LIMIT_S
        while self._process.poll() is None:
            self._process.send_signal(how)
            self._process.send_signal(signal.SIGCONT)
            try:
                self._process.wait(1.0)
            except subprocess.TimeoutExpired:
                if time.monotonic() > deadline:
                    raise
        self._process = None


_KEY = ("-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
