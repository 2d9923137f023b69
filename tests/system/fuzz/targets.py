"""One function an input: bytes -> nothing, or an error for the user; else a finding."""

import contextlib
import io
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from edge.core.arrays import load_archive, load_array
from edge.core.calibration_file import load_calibration
from edge.core.config import load_config
from edge.core.errors import ConfigError, ModelError, PosekernelError, SessionError
from edge.core.files import check_native
from edge.lifting.model_card import load_card
from edge.output.homeassistant.discovery import removing
from edge.output.messages.commands import CommandError, parse_command, result_message
from edge.output.messages.kept_falls import KeptFalls
from edge.output.messages.payloads import encode
from edge.output.mqtt.outbox import Outbox
from edge.output.page.access import Access
from edge.output.page.bounded_http import Handler
from edge.output.page.own_hosts import OwnHosts
from edge.output.page.sign_in import SignIn
from edge.output.page.zone_edits import ZoneEdits, ZoneFile
from edge.sound.room import saved_room
from edge.sound.room.drift.late_reverberation import LateReverberation
from edge.sources.session.dataset import _array
from edge.sources.session.frame_reader import FrameReader
from edge.sources.session.reader import _load_array, _load_faults, _load_truth, load_session
from edge.tools.new_config import _parse_settings
from tests.support import ROOT
from tests.system.fuzz import folders

Target = Callable[[bytes], None]
_COMMANDS = (
    "sensing",
    "mute",
    "level",
    "quiet_hours",
    "recalibrate",
    "reload",
    "x",
    "budget",
    "restart",
)
FOLDER = tempfile.TemporaryDirectory(
    prefix="posekernel-fuzz-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None
)


def _file(data: bytes) -> Path:
    path = Path(FOLDER.name) / "input"
    path.write_bytes(data)
    return path


def command(data: bytes) -> None:
    """First byte: which command. Its answer must be sayable in UTF-8 JSON."""
    name = _COMMANDS[data[0] % len(_COMMANDS)] if data else "x"
    try:
        request = parse_command(name, data[1:], retained=False, max_level_dbfs=-20.0).request
        text = "done"
    except CommandError as e:
        request, text = e.request, str(e)
    encode(result_message("fuzz", name, request, True, text, utc_ns=0))


def config(data: bytes) -> None:
    try:
        load_config(_file(data))
    except ConfigError as e:
        str(e).encode("utf-8", "backslashreplace")


def calibration(data: bytes) -> None:
    with contextlib.suppress(ConfigError):
        load_calibration(_file(data))


def settings(data: bytes) -> None:
    """The words after `config --set`, one a line."""
    with contextlib.suppress(ConfigError):
        _parse_settings(data.decode("utf-8", "surrogateescape").split("\n"))


def discovery(data: bytes) -> None:
    encode(removing({"components": {"a": {"platform": "sensor"}}}, data))


def card(data: bytes) -> None:
    with contextlib.suppress(ModelError):
        load_card(_file(data))


def npy(data: bytes) -> None:
    path = _file(data)
    for mapped in (False, True):
        with contextlib.suppress(SessionError):
            _load_array(path, np.int16, (None, 4), mapped)
    with contextlib.suppress(SessionError):
        _array(path)


def truth(data: bytes) -> None:
    with contextlib.suppress(SessionError):
        _load_truth(_file(data))


def faults(data: bytes) -> None:
    with contextlib.suppress(SessionError):
        _load_faults(_file(data), 100)


def background(data: bytes) -> None:
    late = LateReverberation(2, 8, 20.0)
    with contextlib.suppress(PosekernelError):
        saved_room.load(_file(data), (2, 8), {"rate": np.array([16000.0])}, late)


def kept_falls(data: bytes) -> None:
    for fall in KeptFalls(_file(data)).falls:
        fall.since.encode()


class _Request:
    """A socket that has said all it will say."""

    def __init__(self, data: bytes) -> None:
        self.data, self.answer = io.BytesIO(data), bytearray()

    def settimeout(self, seconds: float) -> None: ...

    def makefile(self, *args: object, **more: object) -> io.BytesIO:
        return io.BytesIO()

    def recv_into(self, into: memoryview) -> int:
        return self.data.readinto(into)

    def sendall(self, data: bytes) -> None:
        self.answer += data


class Server:
    """Zones may be changed without a code, so that what comes behind it is tried too."""

    files = {"/": (b"page", "text/html"), "/config.json": (b"{}", "application/json")}  # noqa: RUF012
    headers = {"X-Content-Type-Options": "nosniff"}  # noqa: RUF012
    hosts = OwnHosts("localhost", 80, any_address=True)

    def __init__(self) -> None:
        path = Path(FOLDER.name) / "page.toml"
        shutil.copy(ROOT / "firmware_config" / "example.toml", path)
        edits = ZoneEdits(load_config(path).zones, ZoneFile(path, lambda zones: None))
        sign_in = SignIn(Access("page"), lambda code: None)
        self.responders = sign_in.responders | {
            ("GET", "/zones.json"): edits.show,
            ("POST", "/zones"): edits.change,
        }


def http(data: bytes) -> None:
    """Whatever is sent, the configuration stays one that `run` takes."""
    Handler(_Request(data), ("127.0.0.1", 1), Server())  # type: ignore[arg-type]
    load_config(Path(FOLDER.name) / "page.toml")


def outbox(data: bytes) -> None:
    """The file, or, after its length in two bytes, the file and what SQLite keeps beside it. A
    device must live with any.
    """
    folder = Path(FOLDER.name) / "outbox"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    path, size = folder / "hall.outbox", int.from_bytes(data[:2], "big")
    path.write_bytes(data[2 : 2 + size])
    if data[2 + size :]:
        path.with_name(f"{path.name}-wal").write_bytes(data[2 + size :])
    box = Outbox(path, capacity=4)
    try:
        before = box.pending(0, 8)
        box.remove([n for n, _ in before[:1]])
        number = box.add({"kind": "fall"})
        waiting = box.pending(0, 8)
        assert [n for n, _ in waiting] == sorted({n for n, _ in waiting}), "out of order"
        depth = box.depth
        if not list(
            folder.glob("*.damaged-*")
        ):  # else what was found damaged late took with it what had been added
            assert waiting[-1][0] == number, "what was just added is not the last"
            assert depth == len(waiting), f"{depth} are said to wait, but {len(waiting)} do"
    finally:
        box.close()


def session(data: bytes) -> None:
    """See `folders`."""
    folders.try_session(data, Path(FOLDER.name) / "session")


def sample(data: bytes) -> None:
    """See `folders`."""
    folders.try_sample(data, Path(FOLDER.name) / "sample")


def paths(data: bytes) -> None:
    """First byte: what there is, else its name. Every reader of files is pointed at it."""
    folder = Path(FOLDER.name) / "paths"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    name = data[1:].replace(b"/", b"_")  # nothing outside the folder is touched
    path = Path(os.fsdecode(bytes(folder) + b"/" + name))
    if name not in (b"", b".", b".."):
        with contextlib.suppress(OSError, ValueError):  # no path that a file can have
            folders.make_special(path, data[0], b"content")
    with contextlib.suppress(OSError):
        check_native(path)
    for read in (load_config, load_calibration, load_card, load_array, load_archive, load_session,
                 _array, FrameReader):  # fmt: skip
        with contextlib.suppress(PosekernelError, OSError):
            read(path)  # type: ignore[operator]


TARGETS: dict[str, Target] = {
    f.__name__: f
    for f in (command, config, calibration, settings, discovery, card, npy, truth, faults,
              background, kept_falls, http, outbox, session, sample, paths)
}  # fmt: skip
