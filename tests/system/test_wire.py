"""Everything that a running sensor sends holds no image and no raw sound."""

import base64
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge.output.messages.schemas import schema
from edge.output.page.server import FILES
from edge.sources.session.frame_reader import FrameReader
from edge.sources.session.reader import DEMO_SESSION, load_session
from tests.support import ROOT
from tests.support.broker.mosquitto import Mosquitto, free_port, needs_mosquitto
from tests.support.broker.subscriber import Subscriber
from tests.support.browser.page_requests import ask
from tests.support.waiting import LIMIT_S, until

jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")

CHUNK = 16  # bytes: any run of twice as many raw bytes holds a whole one
LONGEST_LIST = 96  # bins of the echo profile, mean over the microphones
LONGEST_MESSAGE = 16_384
BYTES_PER_S = 150_000  # the raw sound alone would be 192,000
SCHEMA_OF = {
    "pose": "pose",
    "summary": "summary",
    "event": "event",
    "health": "health",
    "status": "status",
    "control": "control",
    "envelope": "envelope",
    "telemetry": "telemetry",
    "cmd/result": "command_result",
}


class Tap:
    """A TCP relay in front of a broker. sent: what its clients sent, one buffer per connection."""

    def __init__(self, port: int) -> None:
        self.sent: list[bytearray] = []
        self._broker = ("127.0.0.1", port)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> "Tap":
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._server.accept()
                broker = socket.create_connection(self._broker)
                self.sent.append(bytearray())
                threading.Thread(
                    target=self._relay, args=(client, broker, self.sent[-1]), daemon=True
                ).start()
                threading.Thread(
                    target=self._relay, args=(broker, client, None), daemon=True
                ).start()

    def _relay(self, source: socket.socket, sink: socket.socket, kept: bytearray | None) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if kept is not None:
                    kept += data
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def packets(stream: bytes) -> Iterator[tuple[int, int, bytes]]:
    """MQTT control packets: (type, flags, body)."""
    at = 0
    while at < len(stream):
        kind, flags = stream[at] >> 4, stream[at] & 15
        length, at = _variable(stream, at + 1)
        assert at + length <= len(stream), "the last packet is cut off"
        yield kind, flags, stream[at : at + length]
        at += length


def published(flags: int, body: bytes) -> tuple[str, bytes]:
    """Topic and payload of a PUBLISH packet of MQTT 5."""
    (size,) = struct.unpack_from(">H", body)
    at = 2 + size + (2 if flags & 6 else 0)
    length, at = _variable(body, at)
    return body[2 : 2 + size].decode(), body[at + length :]


def _variable(data: bytes, at: int) -> tuple[int, int]:
    value, shift = 0, 0
    while True:
        byte = data[at]
        value, shift, at = value | (byte & 127) << shift, shift + 7, at + 1
        if byte < 128:
            return value, at


class RawData:
    """The raw sound and some raw images of a session, to be recognised in any byte stream."""

    def __init__(self, session_path: Path) -> None:
        session = load_session(session_path)
        sound = np.ascontiguousarray(session.audio)
        forms = [sound.tobytes()]
        for channel in sound.T:
            forms += [channel.tobytes(), (channel / np.float32(32768)).astype(np.float32).tobytes()]
        reader = FrameReader(session_path)
        for _ in range(30):
            image = reader.read()
        for _ in range(3):
            image = reader.read()
            forms += [
                image.tobytes(),
                image[..., ::-1].tobytes(),
                cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).tobytes(),
            ]
        reader.close()
        self.image, self.sound = image, sound
        self._known: set[bytes] = set()
        for form in forms:
            self._known.update(form[k : k + CHUNK] for k in range(0, len(form) - CHUNK, CHUNK))
        self._known = {
            c for c in self._known if len(set(c)) > 4
        }  # zeros and plain areas are no evidence

    def found_in(self, data: bytes) -> str:
        """What gives raw data away in these bytes, "" for nothing."""
        for magic, name in (
            (b"\xff\xd8\xff", "JPEG"),
            (b"\x89PNG", "PNG"),
            (b"RIFF", "WAV or WebP"),
            (b"ftyp", "MP4"),
        ):
            if magic in data:
                return name
        if run := re.search(rb"[A-Za-z0-9+/=_-]{200,}", data):
            return f"{len(run[0])} characters in a row as of base64"
        if any(data[k : k + CHUNK] in self._known for k in range(len(data) - CHUNK + 1)):
            return "raw samples or pixels"
        return ""


def longest_list(value: Any) -> int:
    if isinstance(value, dict):
        return max((longest_list(v) for v in value.values()), default=0)
    if isinstance(value, list):
        return max([len(value), *(longest_list(v) for v in value)])
    return 0


@pytest.fixture(scope="module")
def raw() -> RawData:
    return RawData(DEMO_SESSION)


def test_the_watch_would_see_it(raw: RawData) -> None:
    """Every way of sending raw data that it claims to find, hidden in a message."""
    jpeg, png = (cv2.imencode(ending, raw.image)[1].tobytes() for ending in (".jpg", ".png"))
    loud = raw.sound[len(raw.sound) // 2 :]
    planted = [
        jpeg[:100], png[:100], base64.b64encode(jpeg)[:400], raw.image[300:301, 200:240].tobytes(),
        raw.image[300:301, 200:240, ::-1].tobytes(), loud[:32].tobytes(), loud[:64, 1].tobytes(),
        (loud[:64, 2] / np.float32(32768)).astype(np.float32).tobytes(),
    ]  # fmt: skip
    assert all(raw.found_in(b'{"schema":"x","data":"' + data + b'"}') for data in planted)
    assert raw.found_in(json.dumps({"sha256": "0f" * 32, "numbers": [1.25] * 40}).encode()) == ""
    assert longest_list({"a": [{"b": loud[:200, 0].tolist()}]}) > LONGEST_LIST


def remote_ends(pid: int) -> set[str]:
    """Where a process's open sockets lead: "tcp 127.0.0.1:1883", "udp ..."."""
    inodes = set()
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            if match := re.fullmatch(r"socket:\[(\d+)\]", os.readlink(fd)):
                inodes.add(match[1])
    ends = set()
    for table in ("tcp", "tcp6", "udp", "udp6", "raw"):
        path = Path(f"/proc/{pid}/net/{table}")
        for line in path.read_text().splitlines()[1:] if path.exists() else []:
            fields = line.split()
            address, _, port = fields[2].partition(":")
            if fields[9] in inodes and not (table.startswith("tcp") and fields[3] == "0A"):
                host = (
                    socket.inet_ntoa(bytes.fromhex(address)[::-1]) if len(address) == 8 else address
                )
                ends.add(f"{table} {host}:{int(port, 16)}")
    return ends


@needs_mosquitto
def test_no_image_and_no_raw_sound_leaves_a_running_sensor(tmp_path: Path, raw: RawData) -> None:
    web_port = free_port()
    with (
        Mosquitto(tmp_path / "b") as broker,
        Tap(broker.port) as tap,
        Subscriber(broker, "posekernel/hall/pose") as seen,
        Subscriber(broker, "posekernel/hall/envelope") as heard,
    ):
        config = tmp_path / "config.toml"
        config.write_text(f"""
[device]
id = "hall"
[source]
kind = "replay"
path = "{DEMO_SESSION}"
loop = true
[mqtt]
host = "127.0.0.1"
port = {tap.port}
[web]
enabled = true
port = {web_port}
websocket_url = "ws://127.0.0.1:9/"
[telemetry]
interval_s = 1
[runtime]
state_dir = "{tmp_path}/state"
""")
        process = subprocess.Popen(
            [sys.executable, "-m", "edge", "run", "--config", str(config)],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
        )
        try:
            seen.next("posekernel/hall/pose")
            began = time.monotonic()
            pages = fetch_everything(web_port)
            for name, payload in (
                ("mute", b'{"on":true}'),
                ("mute", b'{"on":false}'),
                ("snapshot", b"{}"),
                ("record", b"{}"),
            ):
                seen.client.publish(f"posekernel/hall/cmd/{name}", payload, qos=1)
            ends: set[str] = set()
            for _ in range(40):
                seen.next("posekernel/hall/pose")
                ends |= remote_ends(process.pid)
            heard.next("posekernel/hall/envelope")  # once the empty room is learned
            elapsed = time.monotonic() - began
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(LIMIT_S)
        assert until(lambda: len(tap.sent) == 1)
    sent = bytes(tap.sent[0])

    # Nothing but this one connection to the broker, and the browser's.
    assert {e for e in ends if e.startswith("tcp")} >= {f"tcp 127.0.0.1:{tap.port}"}
    assert all(e.startswith("tcp 127.0.0.1:") for e in ends)

    assert raw.found_in(sent) == ""
    assert len(sent) / elapsed < BYTES_PER_S
    kinds, topics = set(), set()
    for kind, flags, body in packets(sent):
        kinds.add(kind)
        if kind != 3:
            continue
        topic, payload = published(flags, body)
        name = topic.removeprefix("posekernel/hall/")
        topics.add(name)
        assert len(payload) < LONGEST_MESSAGE, topic
        message = json.loads(payload)
        assert longest_list(message) <= LONGEST_LIST, topic
        if topic == "homeassistant/device/posekernel_hall/config":
            continue
        wanted = schema(SCHEMA_OF[name])
        jsonschema.validate(message, wanted)
        assert set(message) == set(wanted["properties"]), topic
    assert kinds <= {1, 3, 4, 8, 12, 14}  # CONNECT, PUBLISH, PUBACK, SUBSCRIBE, PINGREQ, DISCONNECT
    assert topics == {*SCHEMA_OF, "homeassistant/device/posekernel_hall/config"}

    own = {f"/{f.name}": f.read_bytes() for f in FILES.iterdir() if f.is_file()}
    for path, (status, content) in pages.items():
        if path in own or path == "/":
            assert (status, content) == (200, own["/index.html" if path == "/" else path]), (
                "a file of the page, and only that"
            )
        elif path == "/config.json":
            assert raw.found_in(content) == ""
            assert longest_list(json.loads(content)) <= LONGEST_LIST
        else:
            assert (status, len(content) < 100) == (404, True), path


def fetch_everything(port: int) -> dict[str, tuple[int, bytes]]:
    """Every file of the page, and what a camera's or a recorder's web server would have."""
    paths = ["/", "/config.json", *(f"/{f.name}" for f in FILES.iterdir() if f.is_file())]
    paths += [
        "/frame.jpg",
        "/frame.png",
        "/snapshot",
        "/stream",
        "/video",
        "/audio",
        "/audio.wav",
        "/frames.mp4",
        "/audio.npy",
    ]
    answers = {path: ask(port, "GET", path) for path in paths}
    return {path: (answer.status, answer.body) for path, answer in answers.items()}
