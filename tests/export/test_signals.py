"""Ctrl-C and SIGTERM end a command with one sentence, and nothing half made is left."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import sleep

import pytest

from edge.core.errors import SessionError
from export.commands.command_line import run_command
from export.simulate.dataset_runs import MARKER, STAGING
from export.simulate.sessions import whole_folder
from export.stopping import StoppedError, delayed_signals, raised_signals
from tests.support import ROOT
from tests.support.waiting import LIMIT_S, catches, until

pytestmark = pytest.mark.export

VIDEO = ROOT / "tests" / "data" / "video"
# A terminal that is closed sends SIGHUP.
EACH = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
BOTH = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])


def stopped(
    arguments: list[object], number: signal.Signals, when: Callable[[], object]
) -> tuple[int, str]:
    """Exit code and what was said of a command that a signal stops when something holds: SIGINT
    reaches its workers, too, as a terminal sends it.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "export", *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert until(lambda: process.poll() is not None or (catches(process.pid) and when()))
        assert process.poll() is None, process.stderr and process.stderr.read()
        if number == signal.SIGINT:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
        _, said = process.communicate(timeout=LIMIT_S)
        assert until(lambda: not group(process.pid)), "workers outlive their parent"
    finally:
        for pid in group(process.pid):
            os.kill(pid, signal.SIGKILL)
    return process.returncode, said


def group(leader: int) -> list[int]:
    """The processes of a session that have not ended."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, session = stat.read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if int(session) == leader and state != "Z":
            found.append(int(stat.parent.name))
    return found


def assert_said(command: str, code: int, said: str, number: signal.Signals, more: str = "") -> None:
    assert code == 128 + number, said
    sentence = f"posekernel-export {command}: stopped by {number.name}, nothing half made is left"
    assert said.splitlines()[-1] == sentence + more
    assert "Traceback" not in said, said
    assert "Exception ignored" not in said, said


@BOTH
def test_simulate_keeps_what_is_complete_and_goes_on(
    number: signal.Signals, tmp_path: Path
) -> None:
    out = tmp_path / "set"
    small = ["--per-room", "1", "--rig", "compact", "--split", "test", "--workers", "2"]
    code, said = stopped(
        ["simulate", "--samples", 500, *small, "--out", out],
        number,
        lambda: list(out.glob(f"*/{MARKER}")) and list(out.glob(f"{STAGING}/*/*")),
    )
    assert_said("simulate", code, said, number, "; the same command goes on")
    assert not (out / STAGING).exists()
    made = list(out.iterdir())
    assert made
    for folder in made:
        assert json.loads((folder / MARKER).read_text())["samples"] == 1


@EACH
def test_a_session_is_there_as_a_whole_or_not_at_all(
    number: signal.Signals, tmp_path: Path
) -> None:
    out = tmp_path / "session"
    code, said = stopped(
        ["session", "--video", VIDEO, "--out", out],
        number,
        lambda: list(tmp_path.glob(".session.part/frames/*.jpg")),
    )
    assert_said("session", code, said, number)
    assert list(tmp_path.iterdir()) == []


@BOTH
def test_a_study_leaves_its_old_report(number: signal.Signals, tmp_path: Path) -> None:
    report = tmp_path / "falls.md"
    report.write_text("of before")
    arguments = ["falls", "--falls", 1000, "--minutes", 1000, "--out", report]
    code, said = stopped(arguments, number, lambda: sleep(4.0) or True)
    if said:  # else it was still loading, and had nothing to tell
        assert_said("falls", code, said, number)
    assert code == 128 + number
    assert [p.name for p in tmp_path.iterdir()] == ["falls.md"]
    assert report.read_text() == "of before"


@BOTH
@pytest.mark.parametrize("later_s", [0.0, 0.3, 1.0])
def test_a_signal_while_it_loads_is_no_traceback(
    number: signal.Signals, later_s: float, tmp_path: Path
) -> None:
    arguments = ["simulate", "--samples", 500, "--out", tmp_path / "set"]
    code, said = stopped(arguments, number, lambda: sleep(later_s) or True)
    assert code == 128 + number, said
    assert "Traceback" not in said, said


def test_signals_wait_while_a_library_loads() -> None:
    order = []

    def load() -> None:
        with raised_signals():
            with delayed_signals():
                os.kill(os.getpid(), signal.SIGTERM)
                order.append("loaded")
            order.append("never reached")

    with pytest.raises(StoppedError, match="stopped by SIGTERM"):
        load()
    assert order == ["loaded"]


def test_a_report_that_cannot_be_written_is_told_before_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path, why in (
        (tmp_path / "nowhere" / "x.md", "there is no folder"),
        (tmp_path, "is a folder"),
    ):
        for command in (
            ["falls", "--out"],
            ["microphone-faults", "--out"],
            ["changing-room", "--out"],
            ["people", "nobody", "--out"],
            ["loudness-cases", "--out"],
            ["quiet", "--out"],
            ["quiet", "--plot"],
        ):
            assert run_command([*command, str(path)]) == 2
            said = capsys.readouterr().err
            assert f"{command[-1]}: " in said, said
            assert why in said, said
            assert said.count("\n") == 1


def test_a_folder_that_fails_leaves_nothing_and_overwrites_nothing(tmp_path: Path) -> None:
    target = tmp_path / "session"

    def write(content: dict[str, str]) -> None:
        with whole_folder(target) as part:
            part.mkdir()
            (part / "audio.npy").write_text(content["sound"])

    with pytest.raises(KeyError):
        write({})
    assert list(tmp_path.iterdir()) == []
    write({"sound": "whole"})
    assert [p.name for p in tmp_path.rglob("*")] == ["session", "audio.npy"]
    with pytest.raises(SessionError, match="not empty"):
        write({"sound": "another"})
    assert (target / "audio.npy").read_text() == "whole"
