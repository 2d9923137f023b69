"""The MQTT broker of `demo`, on loopback only, open to all: mosquitto, or amqtt in-process."""

import asyncio
import logging
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from typing import Literal, Protocol, Self

from edge.core.errors import BrokerError

Kind = Literal["mosquitto", "amqtt"]
HOST = "127.0.0.1"
_START_TIMEOUT_S = 10.0
_ATTEMPTS = 3  # another program may take the free port before the broker does

# Runs mosquitto such that it ends with this process, even by kill -9. A program of its own, because
# code between fork and exec (subprocess's preexec_fn) may deadlock in a process with threads.
# Argument 1: our process id; then the command.
_TIED_TO_PARENT = """
import ctypes, os, signal, sys
PR_SET_PDEATHSIG = 1
ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""


class EmbeddedBroker:
    """`with EmbeddedBroker() as broker:` serves MQTT at broker.host, broker.port and over
    WebSockets at broker.websocket_port.

    kind: which one; None: "mosquitto" where it is installed, else "amqtt". protocol: for
    MqttConfig.protocol (amqtt knows MQTT 3.1.1 only). Nothing is kept on disk, and no process
    remains however ours ends. The thread that opens it must live as long as the broker. Raises
    BrokerError when none is installed or it does not start.
    """

    host = HOST

    def __init__(self, kind: Kind | None = None) -> None:
        self.kind: Kind = kind or ("mosquitto" if find_mosquitto() else "amqtt")
        self.protocol: Literal[5, 311] = 5 if self.kind == "mosquitto" else 311
        self.port = 0
        self.websocket_port = 0
        self._server: _Server | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Start and wait until both ports listen. Raises BrokerError."""
        make: Callable[[int, int], _Server] = _Mosquitto if self.kind == "mosquitto" else _Amqtt
        for attempt in range(1, _ATTEMPTS + 1):
            self.port, self.websocket_port = _free_ports(2)
            server = make(self.port, self.websocket_port)
            try:
                _wait_ready(server)
            except BrokerError:
                server.stop()
                if attempt == _ATTEMPTS:
                    raise
            else:
                self._server = server
                return

    def close(self) -> None:
        """Stop it; safe to call twice."""
        server, self._server = self._server, None
        if server is not None:
            server.stop()


def find_mosquitto() -> str | None:
    """Path of the mosquitto program, also outside a user's PATH; None where there is none."""
    return shutil.which("mosquitto") or shutil.which(
        "mosquitto", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin"
    )


class _Server(Protocol):
    def ready(self) -> bool:
        """Whether both ports listen."""

    def trouble(self) -> str | None:
        """Why it ended, None while it runs or starts."""

    def stop(self) -> None:
        """End it; safe to call twice."""


class _Mosquitto:
    def __init__(self, port: int, websocket_port: int) -> None:
        program = find_mosquitto()
        if program is None:
            raise BrokerError(
                "mosquitto is not installed, but it was asked for; sudo apt install mosquitto"
            )
        lines = [
            f"listener {port} {HOST}",
            f"listener {websocket_port} {HOST}",
            "protocol websockets",
            # Without this mosquitto 2.0's WebSockets ignore the address and listen everywhere.
            "socket_domain ipv4",
            "allow_anonymous true",
            "persistence false",
            "log_dest stderr",
            "log_type error",
            "log_type warning",
        ]
        if os.geteuid() == 0:
            lines.append("user root")  # changing the user would undo PR_SET_PDEATHSIG
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-I",
                "-S",
                "-c",
                _TIED_TO_PARENT,
                str(os.getpid()),
                program,
                "-c",
                "/dev/stdin",
            ],
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=self._log,
        )
        assert self._process.stdin is not None
        self._process.stdin.write("\n".join([*lines, ""]).encode())
        self._process.stdin.close()
        self._ports = (port, websocket_port)

    def ready(self) -> bool:
        return all(_listens(port) for port in self._ports)

    def trouble(self) -> str | None:
        if self._process.poll() is None:
            return None
        self._log.seek(0)
        last = self._log.read().decode(errors="replace").strip().splitlines()[-1:]
        return last[0] if last else f"exit status {self._process.returncode}"

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(2.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()


class _Amqtt:
    def __init__(self, port: int, websocket_port: int) -> None:
        try:
            import amqtt.broker  # noqa: F401
        except ImportError as e:
            raise BrokerError(
                "no MQTT broker is installed; sudo apt install mosquitto, "
                "or pip install 'posekernel[demo]' for amqtt"
            ) from e
        self._ports = (port, websocket_port)
        self._trouble: str | None = None
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="amqtt", daemon=True)
        self._thread.start()

    def ready(self) -> bool:
        return self._ready.is_set()

    def trouble(self) -> str | None:
        return self._trouble

    def stop(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(3.0)

    def _run(self) -> None:
        try:
            with asyncio.Runner(
                loop_factory=lambda: self._loop
            ) as runner:  # cancels what amqtt leaves running
                runner.run(self._serve())
        except Exception as e:
            self._trouble = f"{type(e).__name__}: {e}"

    async def _serve(self) -> None:
        from amqtt.broker import Broker

        for name in ("amqtt", "transitions", "websockets"):
            logging.getLogger(name).setLevel(logging.ERROR)
        port, websocket_port = self._ports
        broker = Broker(
            {
                "listeners": {
                    "default": {"type": "tcp", "bind": f"{HOST}:{port}"},
                    "websockets": {"type": "ws", "bind": f"{HOST}:{websocket_port}"},
                },
                "plugins": {
                    "amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}
                },
            }
        )
        await broker.start()
        self._ready.set()
        await self._stopping.wait()
        await broker.shutdown()


def _free_ports(count: int) -> tuple[int, ...]:
    sockets = [socket.create_server((HOST, 0)) for _ in range(count)]
    try:
        return tuple(s.getsockname()[1] for s in sockets)
    finally:
        for s in sockets:
            s.close()


def _listens(port: int) -> bool:
    with socket.socket() as s:
        return s.connect_ex((HOST, port)) == 0


def _wait_ready(server: _Server) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while not server.ready():
        trouble = server.trouble()
        if trouble is not None:
            raise BrokerError(
                f"the embedded MQTT broker did not start ({trouble}); "
                "see its message, or run one of your own"
            )
        if time.monotonic() > deadline:
            raise BrokerError(
                f"the embedded MQTT broker does not listen after {_START_TIMEOUT_S:g} s; "
                "the machine is overloaded"
            )
        time.sleep(0.01)
