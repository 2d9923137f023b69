"""Valid inputs, of which the fuzzer makes its own."""

import io
import json
import shutil
import sqlite3
from pathlib import Path

import numpy as np

from edge.output.mqtt.outbox import Outbox
from edge.output.page.requests import PageRequest
from tests.support import ROOT
from tests.system.fuzz import folders
from tests.system.fuzz.targets import FOLDER, Server


def seeds() -> dict[str, list[bytes]]:
    """Valid inputs to begin from."""
    root = ROOT

    def archive(**arrays: object) -> bytes:
        file = io.BytesIO()
        np.savez(file, **arrays)  # type: ignore[arg-type]
        return file.getvalue()

    array = io.BytesIO()
    np.save(array, np.zeros((3, 4), np.int16))
    parts: dict[str, object] = {
        "room": np.zeros((2, 8), np.complex64),
        "learned_utc_s": 0.0,
        "rate": np.array([16000.0]),
    }
    tail = {
        "tail_gram": np.ones((8, 2, 2), complex),
        "tail_heard": np.ones((2, 8, 2), np.complex64),
    }
    room, settled = (
        archive(format="posekernel-background-1", **parts, **more) for more in ({}, tail)
    )
    return {
        "command": [
            b'\0{"on": false, "id": "a"}', b'\2{"level_dbfs": -30}',
            b'\3{"from": "22:00", "to": "07:00"}', b"\3null", b"\4{}",
            b'\7{"budget_dba": 40}', b"\10{}"
        ],
        "config": [(root / "firmware_config" / "example.toml").read_bytes()],
        "calibration": [
            b'format = "posekernel.calibration/1"\ncreated = "x"\n[rig]\nmics = [[0, 0, 0]]\n'
        ],
        "settings": [b"device.id=kitchen\nweb.port=1"],
        "discovery": [json.dumps({"components": {"b": {"platform": "sensor"}}}).encode()],
        "card": [(root / "edge" / "models" / "lifter_ray.json").read_bytes()],
        "npy": [array.getvalue()],
        "truth": [archive(t_ns=np.arange(1), joints=np.zeros((1, 25, 3), np.float32))],
        "faults": [b'{"3": "overrun"}'],
        "background": [room, settled],
        "kept_falls": [
            b'{"falls":[{"since":"2026-11-30T03:00:00.000Z","floor_m":[0.5,-2]}]}'
        ],
        "outbox": _outboxes(),
        "session": folders.sessions(Path(FOLDER.name) / "seed-session"),
        "sample": folders.samples(),
        "paths": [b"\1caf\xe9", b"\0room.npz", b"\3a/b"],
        "http": [
            b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
            b"HEAD /config.json?x=1 HTTP/1.0\r\nHost: [::1]:80\r\n\r\n",
            *_posts(),
        ],
    }  # fmt: skip


def _posts() -> list[bytes]:
    """A sign-in, and a zone that is added."""
    zones = Server().responders["GET", "/zones.json"](PageRequest("127.0.0.1")).content
    zone = {"name": "Bay window", "polygon": [[0, 1], [1, 1], [1, 2]]}
    bodies = {
        "access/sign_in": {"secret": "2345-6789"},
        "zones": {"version": zones["version"], "old": None, "new": zone},
    }
    return [
        f"POST /{path} HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
        for path, body in ((path, json.dumps(content)) for path, content in bodies.items())
    ]


def _outboxes() -> list[bytes]:
    """A file at rest, and one whose newest event is in SQLite's log only; small pages, to be within
    a fuzzer's reach.
    """
    folder = Path(FOLDER.name) / "seed"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    path = folder / "hall.outbox"
    made = sqlite3.connect(path)
    made.execute("PRAGMA page_size = 512")
    made.execute("VACUUM")
    made.close()
    rest, box = [], Outbox(path)
    for kind in ("person_entered", "fall"):
        box.add({"kind": kind})
    rest.append((path.read_bytes(), path.with_name("hall.outbox-wal").read_bytes()))
    box.close()
    rest.append((path.read_bytes(), b""))
    return [len(file).to_bytes(2, "big") + file + log for file, log in rest]
