"""Text from files and the network reaches terminal and log as text, never as a command to it."""

import json
import logging
import shutil
from pathlib import Path

import pytest

from edge.__main__ import main
from edge.core.logs.handler import PlainFormatter
from edge.core.logs.shown import printable
from edge.sources.session.reader import DEMO_SESSION
from edge.tools.outcome_table import outcome_table
from tests.support.config_files import GOOD, write

EVIL = "\x1b]0;title\x07\x1b[2J\r\nposekernel: ok\u202e\x9b31m"
RAW = ("\x1b", "\x07", "\r", "\u202e", "\x9b")


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """The demo with another description."""
    folder = tmp_path / "session"
    shutil.copytree(DEMO_SESSION, folder)
    head = json.loads((folder / "session.json").read_text())
    (folder / "session.json").write_text(json.dumps(head | {"description": EVIL}))
    return folder


def test_a_description_is_escaped(capsys: pytest.CaptureFixture[str], recording: Path) -> None:
    assert main(["replay", str(recording)]) == 0
    out = capsys.readouterr().out
    assert r"\x1b]0;title\x07\x1b[2J\r\nposekernel: ok\u202e\x9b31m" in out
    assert not any(c in out for c in RAW)


def test_a_name_in_a_refusal_is_escaped(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["replay", str(tmp_path / EVIL)]) == 2
    said = capsys.readouterr().err
    assert not any(c in said for c in RAW)
    assert said.count("\n") == 1


def test_a_name_in_what_went_well_is_escaped(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = write(tmp_path, f"{GOOD}[runtime]\nstate_dir = '{tmp_path}'\n")
    path = path.rename(tmp_path / EVIL.replace("\n", "\x85"))
    assert main(["config", "--check", str(path)]) == 0
    out = capsys.readouterr().out
    assert out.endswith(": good\n")
    assert not any(c in out for c in (*RAW, "\x85"))


def test_a_log_record_is_one_line() -> None:
    record = logging.LogRecord("edge", logging.INFO, "", 0, "client %s", (EVIL,), None)
    text = PlainFormatter().format(record)
    assert text.isprintable(), text


def test_findings_of_doctor_are_escaped() -> None:
    assert all(line.isprintable() for line in outcome_table([("ok", "a", EVIL, EVIL)]).split("\n"))


def test_letters_of_any_language_stay() -> None:
    assert printable("Küche 客厅 кухня ± 3 °C") == "Küche 客厅 кухня ± 3 °C"
    assert printable("\udce9\0") == r"\udce9\x00"


@pytest.mark.parametrize("name", ["a" * 5000, "a/" * 3000, "a\0b"])
def test_a_path_that_no_file_can_have_is_one_short_sentence(
    capsys: pytest.CaptureFixture[str], name: str
) -> None:
    for command in (["replay"], ["config", "--check"], ["run", "--config"]):
        assert main([*command, name]) == 2
        said = capsys.readouterr().err.splitlines()
        assert len(said) == 1
        assert len(said[0]) < 2200


def test_a_text_of_absurd_length_is_shortened(capsys: pytest.CaptureFixture[str]) -> None:
    board = ["config", "--array", "respeaker-usb-v2", "--board", "raspberry-pi-5"]
    for setting in (f"device.id={'a' * 70_000}", f"mqtt.port={'9' * 5001}"):
        assert main([*board, "--set", setting]) == 2
        assert len(capsys.readouterr().err) < 2200
