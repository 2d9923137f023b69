"""Started without its three streams, on a terminal that lacks characters, in a folder that is gone,
from a terminal that goes away.
"""

import os
import pty
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from edge.__main__ import main
from edge.sources.session.reader import DEMO_SESSION
from tests.support import ROOT
from tests.support.waiting import LIMIT_S, catches, until

EDGE = f"{sys.executable} -m edge"


def shell(
    script: str, folder: Path = ROOT, **environment: str
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        timeout=LIMIT_S,
    )


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_without_a_stream_it_works_and_writes_into_no_other_file(
    closed: str, tmp_path: Path
) -> None:
    """Before: an AttributeError; and the first file opened was where libraries print to."""
    out = tmp_path / "made.toml"
    done = shell(
        f"{EDGE} config --array respeaker-usb-v2 --board raspberry-pi-5 --set device.id=hall "
        f"--set place.speaker_m=[0.1,0.06,0] --out {out} {closed}"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert out.read_text().startswith("# Made by `posekernel config")
    assert shell(f"{EDGE} schema {closed}").returncode == 0


def test_a_terminal_without_a_character_gets_its_code() -> None:
    """Before: UnicodeEncodeError at the first pose."""
    done = shell(f"{EDGE} replay {DEMO_SESSION} --seconds 2", PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert rb"m \xb1 0." in done.stdout


@pytest.mark.parametrize("module", ["edge", "export"])
def test_a_folder_that_is_gone_is_told_in_a_sentence(module: str, tmp_path: Path) -> None:
    """Before: a traceback of whichever library asked first."""
    gone = tmp_path / "gone"
    gone.mkdir()
    done = shell(f"rmdir {gone}; {sys.executable} -m {module} --help", gone)
    assert (done.returncode, done.stdout) == (2, b""), done.stderr
    assert b"the folder it was started in cannot be used" in done.stderr
    assert done.stderr.count(b"\n") == 1, done.stderr


def test_without_a_folder_for_temporary_files_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before: a traceback."""
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: ["/proc/nowhere"])
    assert main(["demo", "--seconds", "1"]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("posekernel demo: no folder for temporary files can be written"), said
    assert "TMPDIR" in said


def demo(folder: Path, terminal: int, before: str = "") -> subprocess.Popen[bytes]:
    """`posekernel demo` at a terminal; returns once it has a folder and a broker."""
    folder.mkdir()
    process = subprocess.Popen(
        ["bash", "-c", f"{before} exec {EDGE} demo"],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(folder)},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    assert until(lambda: catches(process.pid) and list(folder.glob("posekernel-demo-*")))
    return process


def test_a_terminal_that_is_closed_ends_it_and_nothing_is_left(tmp_path: Path) -> None:
    """Before: its folder was left, and whatever had not been saved was lost."""
    folder = tmp_path / "temporary"
    ours, theirs = pty.openpty()
    process = demo(folder, theirs)
    os.close(theirs)
    os.close(ours)  # from now on writing fails, too
    process.send_signal(signal.SIGHUP)
    assert process.wait(LIMIT_S) in (0, 2)
    assert not list(folder.glob("posekernel-*"))


def test_what_is_to_outlive_its_terminal_does(tmp_path: Path) -> None:
    folder = tmp_path / "temporary"
    ours, theirs = pty.openpty()
    process = demo(folder, theirs, "trap '' HUP;")
    try:
        process.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1.0)
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(LIMIT_S) == 0
        os.close(theirs)
        os.close(ours)
