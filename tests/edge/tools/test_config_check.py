"""`config --check` refuses what `run` refuses before it opens a device, in the same words."""

import os
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from edge.__main__ import main
from tests.support.config_files import GOOD, write

MICS = GOOD[GOOD.index("mics_m") : GOOD.index("temperature_c")]


def refused_by(command: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one sentence of a command that must refuse, without its own name."""
    assert main(command) == 2, capsys.readouterr().out
    lines = [s for s in capsys.readouterr().err.splitlines() if s.startswith("posekernel ")]
    assert len(lines) == 1
    return lines[0].split(": ", 1)[1]


Change = Callable[[str, Path], str]


def new(section: str) -> Change:
    return lambda text, folder: text + section.replace("FOLDER", str(folder))


def other(old: str, new: str) -> Change:
    assert old in GOOD
    return lambda text, folder: text.replace(old, new, 1)


def array_at(y: float) -> Change:
    """All of it so far below the camera [m]."""
    mics = f"mics_m = [[-0.032, {y}, 0], [0, {y - 0.032}, 0], [0.032, {y}, 0], [0, {y + 0.032}, 0]]"
    return lambda text, folder: text.replace(MICS, f"{mics}\n").replace("0.1, 0.05", f"0.1, {y}")


UNFIT = {
    "microphones in mm": (
        other(MICS, "mics_m = [[-32, 50, 0], [0, 18, 0], [32, 50, 0], [0, 82, 0]]\n"),
        "rig.mics_m: .* look like mm",
    ),
    "loudspeaker in cm": (
        other("speakers_m = [[0.1, 0.05, 0.0]]", "speakers_m = [[10, 5, 0]]"),
        "loudspeaker is .* give metres",
    ),
    "microphones on one spot": (
        other(MICS, "mics_m = [[0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0]]\n"),
        "rig.mics_m: .* listed twice",
    ),
    "camera height in cm": (other("height_m = 1.2", "height_m = 12"), "rig.camera.height_m"),
    "principal point of another size": (other("cx = 320.0", "cx = 960.0"), "rig.camera.cx"),
    "focal length in mm": (other("fx = 520.0", "fx = 10.0"), "rig.camera.fx"),
    "distortion of another order": (
        other("cy = 240.0", "cy = 240.0\ndistortion = [0, 0, 40.0, 0, 0]"),
        "rig.camera.distortion",
    ),
    "band of 1 Hz": (
        other("band_hz = [2000, 7500]", "band_hz = [2000, 2001]"),
        "excitation.band_hz: .* 1 Hz wide",
    ),
    "no host": (new("[mqtt]\nhost = ''"), "mqtt.host: found nothing"),
    "a URL as host": (new("[mqtt]\nhost = 'mqtt://broker'"), "mqtt.host: found a URL"),
    "a port in the host": (new("[mqtt]\nhost = 'broker:1883'"), "mqtt.host: found another text"),
    "a topic of 70000": (new(f"[mqtt]\nbase_topic = '{'a' * 70_000}'"), "70000 characters"),
    "a topic too deep": (new(f"[mqtt]\nbase_topic = '{'a/' * 200}a'"), "1 to 200 printable"),
    "a topic with control characters": (new('[mqtt]\nbase_topic = "a\\u0001"'), "printable"),
    "NUL in a path": (new('[calibration]\nfile = "a\\u0000b"'), "calibration.file: .* NUL"),
    "5001 digits": (other("channels = 6", "channels = " + "6" * 5001), "not valid TOML"),
    "1e400": (other("fx = 520.0", "fx = 1e400"), "rig.camera.fx: found inf"),
    "a large whole number": (other("channels = 6", "channels = " + "6" * 400), "audio.channels"),
    "no calibration": (new("[calibration]\nfile = 'FOLDER/none.toml'"), "none.toml: no such file"),
    "a calibration that is a pipe": (new("[calibration]\nfile = 'FOLDER/pipe'"), "it is a pipe"),
    "a calibration that is endless": (new("[calibration]\nfile = '/dev/zero'"), "it is a device"),
    "no password": (
        new("[mqtt]\npassword_file = 'FOLDER/none'"),
        "mqtt.password_file: cannot read .*none",
    ),
    "a password that is a pipe": (new("[mqtt]\npassword_file = 'FOLDER/pipe'"), "it is a pipe"),
    "no authority": (new("[mqtt]\ntls = true\nca_file = 'FOLDER/none'"), "mqtt.ca_file"),
    "a room that is a folder": (new("[background]\nsnapshot = 'FOLDER'"), "it is a folder"),
    "a room that is a text": (
        new("[background]\nsnapshot = 'FOLDER/notes'"),
        "a text, and no empty",
    ),
    "events into a device": (new("[mqtt]\noutbox = '/dev/full'"), "mqtt.outbox: .*it is a device"),
    "events into a text": (new("[mqtt]\noutbox = 'FOLDER/notes'"), "mqtt.outbox: .*it is a text"),
    "events into another database": (
        new("[mqtt]\noutbox = 'FOLDER/states.db'"),
        "mqtt.outbox: .* another program's database .*'states'",
    ),
    "events into the configuration": (
        new("[mqtt]\noutbox = 'FOLDER/config.toml'"),
        "mqtt.outbox: .*is the configuration itself",
    ),
    "the page's password in the broker's file": (
        new(
            "[web]\npassword_file = 'FOLDER/./notes'\n"
            "[mqtt]\nusername = 'a'\npassword_file = 'FOLDER/notes'"
        ),
        "web.password_file: .*is mqtt.password_file",
    ),
    "a zone in cm": (
        new("[[zones]]\nname = 'Sofa'\npolygon = [[-50, 80], [50, 80], [50, 95], [-50, 95]]"),
        "zones.0..polygon .Sofa.: .* look like cm",
    ),
    "a zone behind the camera": (
        new("[[zones]]\nname = 'Sofa'\npolygon = [[-1, -3], [1, -3], [1, -2], [-1, -2]]"),
        "zones.0..polygon .Sofa.: .* behind the camera",
    ),
    "the array's place in cm": (array_at(6.0), "rig.mics_m, rig.speakers_m: .* look like cm"),
    "the array below the floor": (array_at(2.0), "0.8. m below the floor, which is 1.2 m"),
    "a loudspeaker on a microphone": (
        other("speakers_m = [[0.1, 0.05, 0.0]]", "speakers_m = [[0.032, 0.05, 0.0]]"),
        "rig.speakers_m: .* 0 mm from a microphone",
    ),
    "a pair listed twice": (
        other("[rig]", "[rig]\npairs = [[0, 1], [0, 1]]"),
        "rig.pairs: .*twice",
    ),
    "a video that is not there": (
        other('"v4l2"\ndevice = "/dev/video0"', '"file"\ndevice = "/nowhere.mp4"'),
        "video file '/nowhere.mp4' does not exist",
    ),
    "a video that is a pipe": (
        lambda text, folder: text.replace("v4l2", "file").replace("/dev/video0", f"{folder}/pipe"),
        "video file .*it is a pipe",
    ),
    "a camera by its name": (
        other('"v4l2"\ndevice = "/dev/video0"', '"picamera2"\ndevice = "front"'),
        "camera.device: found 'front', .* number",
    ),
    "no session": (other('kind = "device"', 'kind = "replay"\npath = "/none"'), "no such folder"),
}


@pytest.mark.parametrize("kind", UNFIT)
def test_what_cannot_start_is_refused_by_both_with_the_reason(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, kind: str
) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "notes").write_text("what I must not lose\n")
    with closing(sqlite3.connect(tmp_path / "states.db")) as database:
        database.execute("CREATE TABLE states (state TEXT)")
    change, words = UNFIT[kind]
    path = write(tmp_path, change(GOOD, tmp_path))
    said = refused_by(["config", "--check", str(path)], capsys)
    assert said == refused_by(["run", "--config", str(path)], capsys)
    assert re.search(words, said), said
    assert len(said) < 600
    kept = {"pipe", "notes", "states.db", "config.toml"}
    assert {p.name for p in tmp_path.iterdir()} == kept, "nothing is set aside or made"


def test_what_a_start_works_around_is_said(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A damaged room is learned anew, and without a folder for its state a sensor still runs."""
    (tmp_path / "room.npz").write_bytes(b"")
    (tmp_path / "file").write_bytes(b"")
    path = write(
        tmp_path,
        f"{GOOD}[background]\nsnapshot = '{tmp_path}/room.npz'\n"
        f"[runtime]\nstate_dir = '{tmp_path}/file/state'\n",
    )
    assert main(["config", "--check", str(path)]) == 0
    out = capsys.readouterr().out
    assert "good, but" in out
    assert "room.npz: not an empty room" in out
    assert "runtime.state_dir" in out
    assert (tmp_path / "room.npz").read_bytes() == b"", "only looked at"


def test_a_good_configuration_is_good(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = write(tmp_path, f"{GOOD}[runtime]\nstate_dir = '{tmp_path}'\n")
    assert main(["config", "--check", str(path)]) == 0
    assert capsys.readouterr().out == f"{path}: good\n"
